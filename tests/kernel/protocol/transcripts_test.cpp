#include <cstdlib>
#include <fstream>
#include <set>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "kernel/schema/schema.hpp"
#include "tests/kernel/protocol/fake_peer.hpp"

using namespace howdah::kernel;
using namespace howdah::kernel::test;

namespace {

struct Produced {
    std::string method;  // of the request it answers, or of the notification
    Json message;
};

// Passes everything on and remembers what the server said.
class RecordingClient final : public howdah::conformance::TranscriptClient {
public:
    RecordingClient(TranscriptClient& client, std::vector<Produced>& said) : client_(client), said_(said) {}
    bool http() const override { return client_.http(); }
    void send(const std::string& body, const Headers& headers) override {
        Json message = Json::parse(body, nullptr, false);
        if (message.is_object() && message.contains("id") && message.contains("method") &&
            message["method"].is_string())
            asked_[message["id"].dump()] = message["method"];
        client_.send(body, headers);
    }
    std::optional<Received> receive() override {
        auto received = client_.receive();
        Json message = received ? Json::parse(received->json, nullptr, false) : Json();
        if (message.is_object()) {
            std::string method = message.contains("method") ? message["method"].get<std::string>()
                                 : message.contains("id")   ? asked_[message["id"].dump()]
                                                            : "";
            said_.push_back({method, message});
        }
        return received;
    }

private:
    TranscriptClient& client_;
    std::vector<Produced>& said_;
    std::map<std::string, std::string> asked_;
};

// Every message the server said in a revision, from all transcripts over both transports.
std::map<std::string, std::vector<Produced>>& said() {
    static std::map<std::string, std::vector<Produced>> all;
    return all;
}

void playAll() {
    static bool played = false;
    if (played) return;
    played = true;
    auto transcripts = howdah::conformance::readTranscripts(HOWDAH_TRANSCRIPTS);
    REQUIRE(transcripts.size() >= 20);
    for (const auto& transcript : transcripts) {
        for (const std::string& revision : howdah::conformance::kRevisions) {
            if (!transcript.covers(revision)) continue;
            for (bool http : {true, false}) {
                Server server({.progress_interval = std::chrono::milliseconds(0)});
                FakePeer peer(server, http);
                if (!transcript.covers(peer)) continue;
                RecordingClient client(peer, said()[revision]);
                CHECK_MESSAGE(howdah::conformance::run(transcript, revision, client) == "", transcript.title);
            }
        }
    }
}

std::string resultType(const std::string& method) {
    if (method == "initialize") return "InitializeResult";
    if (method == "server/discover") return "DiscoverResult";
    if (method == "tools/list") return "ListToolsResult";
    if (method == "tools/call") return "CallToolResult";
    if (method == "prompts/list") return "ListPromptsResult";
    if (method == "prompts/get") return "GetPromptResult";
    if (method == "resources/list") return "ListResourcesResult";
    if (method == "resources/templates/list") return "ListResourceTemplatesResult";
    if (method == "resources/read") return "ReadResourceResult";
    if (method == "completion/complete") return "CompleteResult";
    return "Result";
}

}  // namespace

TEST_CASE("protocol: every transcript holds in each revision it names, by the rules of HTTP and of duplex channels") {
    playAll();
}

TEST_CASE("protocol: every message the server says fits the MCP schema of its revision") {
    const char* shared = std::getenv("HOWDAH_SHARED");
    if (!shared) {
        MESSAGE("skipped: HOWDAH_SHARED is not set");
        return;
    }
    playAll();
    for (const auto& [revision, messages] : said()) {
        std::ifstream file(std::string(shared) + "/mcp/schema/" + revision + "/schema.json");
        REQUIRE(file);
        Json definitions = Json::parse(file);
        const std::string where = definitions.contains("$defs") ? "$defs" : "definitions";
        std::map<std::string, Schema> compiled;
        auto schemaOf = [&](const std::string& type) -> const Schema& {
            auto [at, fresh] = compiled.try_emplace(type);
            if (fresh) {
                Json schema = {{"$ref", howdah::concat("#/", where, "/", type)}, {where, definitions[where]}};
                auto result = Schema::compile(schema, {.bytes_max = 4u << 20, .subschemas_max = 100'000});
                REQUIRE_MESSAGE(result, (result ? "" : result.error().message));
                at->second = *result;
            }
            return at->second;
        };
        bool optional_id = revision >= "2025-11-25";
        std::size_t checked = 0;
        for (const auto& [method, message] : messages) {
            // Before 2025-11-25 the schema has no error without an id, though an unreadable id leaves no other way.
            if (message.contains("error") && !message.contains("id") && !optional_id) continue;
            auto wrong = schemaOf("JSONRPCMessage").validate(message);
            CHECK_MESSAGE(!wrong, revision, " ", message.dump(), ": ", wrong->message);
            if (message.contains("result"))
                wrong = schemaOf(resultType(method)).validate(message["result"]);
            else if (message.contains("method"))
                wrong = schemaOf("ServerNotification").validate(message);
            CHECK_MESSAGE(!wrong, revision, " ", message.dump(), ": ", wrong->pointer, " ", wrong->message);
            ++checked;
        }
        CHECK(checked > 20);
    }
}

TEST_CASE("protocol: codes reserved for MCP are used as defined and retired ones never") {
    playAll();
    const std::set<int> allowed = {-32700, -32600, -32601, -32602, -32603, -32002, -32020, -32021, -32022};
    for (const auto& [revision, messages] : said())
        for (const auto& [method, message] : messages)
            if (message.contains("error")) CHECK(allowed.contains(message["error"]["code"].get<int>()));
}
