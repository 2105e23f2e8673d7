#include "tests/conformance/transcript.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

namespace howdah::conformance {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kModern = "2026-07-28";

// What a revision adds to every result and a transcript need not repeat.
bool addedByEnvelope(const std::string& key) {
    return key == "resultType" || key == "_meta" || key == "ttlMs" || key == "cacheScope" ||
           key == "io.modelcontextprotocol/serverInfo";
}

bool matches(const Json& expected, const Json& actual) {
    if (expected == "*") return true;
    if (expected.is_object() && actual.is_object()) {
        for (const auto& [key, value] : expected.items())
            if (!actual.contains(key) || !matches(value, actual[key])) return false;
        for (const auto& [key, value] : actual.items())
            if (!expected.contains(key) && !addedByEnvelope(key)) return false;
        return true;
    }
    if (expected.is_array() && actual.is_array()) {
        return expected.size() == actual.size() &&
               std::equal(expected.begin(), expected.end(), actual.begin(), matches);
    }
    return expected == actual;
}

class Player {
public:
    Player(const Transcript& transcript, std::string_view revision, TranscriptClient& client)
        : transcript_(transcript), revision_(revision), client_(client) {}

    std::string play() {
        if (!transcript_.bare && !modern())
            if (auto wrong = handshake(); !wrong.empty()) return wrong;
        for (const Step& step : transcript_.steps)
            if (auto wrong = take(step); !wrong.empty())
                return concat(transcript_.file, ":", step.line, " in ", revision_, " over ", client_.name(), ": ",
                              wrong);
        return {};
    }

private:
    bool modern() const { return revision_ >= kModern; }

    std::string handshake() {
        Json hello = {{"jsonrpc", "2.0"},
                      {"id", "hello"},
                      {"method", "initialize"},
                      {"params",
                       {{"protocolVersion", revision_},
                        {"capabilities", Json::object()},
                        {"clientInfo", {{"name", "transcript"}, {"version", "1"}}}}}};
        client_.send(hello.dump(), {});
        auto answer = client_.receive();
        if (!answer) return "no answer to initialize";
        auto json = Json::parse(answer->json, nullptr, false);
        if (json.is_discarded() || !json.contains("result") || json["result"]["protocolVersion"] != revision_)
            return "initialize was answered with " + answer->json;
        if (auto found = answer->headers.find("Mcp-Session-Id"); found != answer->headers.end())
            session_ = found->second;
        client_.send(R"({"jsonrpc":"2.0","method":"notifications/initialized"})", envelopeHeaders(Json::object()));
        if (!client_.http()) return {};
        answer = client_.receive();
        return answer && answer->status == 202 ? "" : "initialized: no 202";
    }

    Headers envelopeHeaders(const Json& message) const {
        Headers headers;
        if (!client_.http()) return headers;
        headers["MCP-Protocol-Version"] = revision_;
        if (!modern()) {
            if (!session_.empty()) headers["Mcp-Session-Id"] = session_;
            return headers;
        }
        if (message.contains("method") && message["method"].is_string()) headers["Mcp-Method"] = message["method"];
        for (const char* where : {"/params/name", "/params/uri"}) {
            const auto name = Json::json_pointer(where);
            if (message.contains(name) && message[name].is_string()) headers["Mcp-Name"] = message[name];
        }
        return headers;
    }

    void addMeta(Json& message) const {
        if (!modern() || !message.is_object() || !message.contains("id")) return;
        Json& meta = message["params"]["_meta"];
        const std::string prefix = "io.modelcontextprotocol/";
        auto add = [&](const std::string& key, const Json& value) {
            if (!meta.contains(prefix + key)) meta[prefix + key] = value;
        };
        add("protocolVersion", revision_);
        add("clientInfo", {{"name", "transcript"}, {"version", "1"}});
        add("clientCapabilities", Json::object());
        for (auto at = meta.begin(); at != meta.end();)
            at = at.value() == "-" ? meta.erase(at) : std::next(at);
    }

    std::string take(const Step& step) {
        switch (step.kind) {
            case Step::Kind::header: {
                auto colon = step.text.find(": ");
                changed_[step.text.substr(0, colon)] = step.text.substr(colon + 2);
                return {};
            }
            case Step::Kind::send:
            case Step::Kind::send_raw: send(step); return {};
            case Step::Kind::expect_status:
                if (!client_.http() || std::to_string(last_.status) == step.text) return {};
                return "status " + std::to_string(last_.status) + ", expected " + step.text;
            case Step::Kind::expect_nothing:
                if (!client_.http()) return {};  // a stray message would be met by the next line
                if (!receive()) return "the exchange did not end";
                return last_.json.empty() ? "" : "got " + last_.json + ", expected no answer";
            case Step::Kind::expect: break;
        }
        if (!receive()) return "no message came, expected " + step.text;
        auto actual = Json::parse(last_.json, nullptr, false);
        if (actual.is_discarded()) return "got \"" + last_.json + "\", expected " + step.text;
        return matches(Json::parse(step.text), actual) ? "" : "got " + last_.json + "\n  expected " + step.text;
    }

    void send(const Step& step) {
        Json message = Json::parse(step.text, nullptr, false);
        Headers headers = envelopeHeaders(message.is_discarded() ? Json::object() : message);
        for (const auto& [name, value] : changed_) {
            if (value == "-")
                headers.erase(name);
            else
                headers[name] = value;
        }
        changed_.clear();
        std::string body = step.text;
        if (step.kind == Step::Kind::send) {
            addMeta(message);
            body = message.dump();
        }
        client_.send(body, headers);
    }

    bool receive() {
        auto received = client_.receive();
        if (received) last_ = std::move(*received);
        return received.has_value();
    }

    const Transcript& transcript_;
    const std::string revision_;
    TranscriptClient& client_;
    std::string session_;
    Headers changed_;
    Received last_;
};

void setRevisions(Transcript& transcript, const std::string& text) {
    auto dots = text.find("..");
    transcript.first = dots == std::string::npos ? text : text.substr(0, dots);
    transcript.last = dots == std::string::npos ? text : text.substr(dots + 2);
    if (transcript.first.empty()) transcript.first = kRevisions.front();
    if (transcript.last.empty()) transcript.last = kRevisions.back();
}

}  // namespace

Transcript Transcript::read(const std::string& path) {
    std::ifstream in(path);
    if (!in) throw std::runtime_error("cannot read " + path);
    Transcript transcript{.file = std::filesystem::path(path).filename()};
    setRevisions(transcript, "..");
    const std::pair<std::string, Step::Kind> kinds[] = {
        {">raw ", Step::Kind::send_raw},         {">header ", Step::Kind::header},         {"> ", Step::Kind::send},
        {"<status ", Step::Kind::expect_status}, {"<nothing", Step::Kind::expect_nothing}, {"< ", Step::Kind::expect},
    };
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
        auto after = [&](const std::string& prefix) { return text.substr(prefix.size()); };
        if (line == 1) transcript.title = text;
        if (text.empty() || text[0] == '#') continue;
        auto kind =
            std::find_if(std::begin(kinds), std::end(kinds), [&](auto& k) { return text.starts_with(k.first); });
        if (kind != std::end(kinds))
            transcript.steps.push_back({kind->second, after(kind->first), line});
        else if (text.starts_with("@revisions "))
            setRevisions(transcript, after("@revisions "));
        else if (text == "@transports http")
            transcript.duplex = false;
        else if (text == "@transports duplex")
            transcript.http = false;
        else if (text == "@bare")
            transcript.bare = true;
        else
            throw std::runtime_error(concat(path, ":", line, ": not understood: ", text));
    }
    return transcript;
}

std::string run(const Transcript& transcript, std::string_view revision, TranscriptClient& client) {
    return Player(transcript, revision, client).play();
}

std::vector<Transcript> readTranscripts(const std::string& folder) {
    std::vector<Transcript> transcripts;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".mcp") transcripts.push_back(Transcript::read(entry.path()));
    std::sort(transcripts.begin(), transcripts.end(), [](auto& a, auto& b) { return a.file < b.file; });
    return transcripts;
}

}  // namespace howdah::conformance
