// Limits that have no key, on both sides of their edge.
#include <doctest/doctest.h>

#include "kernel/protocol/questions.hpp"
#include "kernel/protocol/resource_watch.hpp"
#include "tests/kernel/protocol/fake_peer.hpp"

using namespace howdah;
using namespace howdah::kernel;
using namespace howdah::kernel::test;

namespace {

// A pipe of 2025-11-25.
struct Pipe {
    explicit Pipe(ProtocolOptions options) : server(std::move(options)), peer(server, false) {
        (void)ask("initialize",
                  R"({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}})");
    }
    Json ask(std::string_view method, std::string_view params) {
        return Json::parse(peer.ask(concat(R"({"jsonrpc":"2.0","id":)", ++last, R"(,"method":")", method,
                                           R"(","params":)", params, "}"))
                               .json);
    }
    Json askAbout() {  // its log messages come before the answer
        (void)ask("logging/setLevel", R"({"level":"emergency"})");
        return ask("prompts/get", R"({"name":"about","arguments":{"topic":"x"}})");
    }
    Json task(std::string_view ttl) {
        return ask("tools/call", concat(R"({"name":"large","task":{"ttl":)", ttl, "}}"))["result"]["task"];
    }

    Server server;
    FakePeer peer;
    int last = 0;
};

}  // namespace

TEST_CASE("limits: a prompt is held up to its limit, one byte more is an error in its place") {
    const Json messages = Pipe({}).askAbout()["result"]["messages"];
    const std::size_t bytes = messages.dump().size() - 2;  // without the brackets
    CHECK(Pipe({.held_max = bytes}).askAbout()["result"]["messages"] == messages);
    const Json refused = Pipe({.held_max = bytes - 1}).askAbout();
    CHECK(refused["error"]["code"] == kInternalError);
    CHECK(refused["error"]["message"].get<std::string>().find("ask for a smaller part") != std::string::npos);
}

TEST_CASE("limits: the result of one task is kept up to its limit, one byte more fails the task") {
    const auto result_of = [](ProtocolOptions options) {
        Pipe pipe(std::move(options));
        const Json task = pipe.task("60000");
        return pipe.ask("tasks/result", concat(R"({"taskId":)", task["taskId"].dump(), "}"));
    };
    const Json kept = result_of({})["result"];
    CHECK(kept["content"][0]["text"].get<std::string>().size() == 300'000);
    const std::size_t bytes = kept.dump().size();
    CHECK(result_of({.tasks = {.result_bytes_max = bytes}}).contains("result"));
    const Json failed = result_of({.tasks = {.result_bytes_max = bytes - 1}});
    CHECK(failed["error"]["message"].get<std::string>().find("the result is larger than") != std::string::npos);
}

TEST_CASE("limits: a task lives for as long as was asked for, at most a day") {
    Pipe pipe({});
    CHECK(pipe.task("86400000")["ttl"] == 86'400'000);
    CHECK(pipe.task("86400001")["ttl"] == 86'400'000);
    CHECK(pipe.task("60000")["ttl"] == 60'000);
}

TEST_CASE("limits: one call asks up to 32 questions at once, and at least one") {
    Json questions = Json::object();
    CHECK_FALSE(readQuestions(questions.dump()));
    for (int i = 0; i < 32; ++i)
        questions[concat("q", i)] = {{"method", "roots/list"}};
    CHECK(readQuestions(questions.dump()));
    questions["one more"] = {{"method", "roots/list"}};
    CHECK_FALSE(readQuestions(questions.dump()));
}

TEST_CASE("limits: a session watches a thousand resources; one that it watches already is none more") {
    ResourceWatch watch;
    for (int i = 0; i < 1000; ++i)
        REQUIRE(watch.add(concat("note:///", i)));
    CHECK_FALSE(watch.add("note:///1000"));
    CHECK(watch.add("note:///7"));
    watch.remove("note:///7");
    CHECK(watch.add("note:///1000"));
}
