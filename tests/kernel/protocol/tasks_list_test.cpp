// To whom tasks are listed.
#include <string>

#include <doctest/doctest.h>

#include "tests/kernel/protocol/requests.hpp"

using namespace howdah::kernel;
using namespace howdah::kernel::test;

TEST_CASE("tasks/list: served where clients are told apart, else neither declared nor served") {
    Server server;
    auto lists = [&](bool http, const char* subject, const std::string& revision = "2025-11-25") {
        FakePeer peer(server, http);
        if (subject) peer.become(subject);
        Received opened = peer.ask(initializeRequest(revision));
        const Json tasks = Json::parse(opened.json)["result"]["capabilities"].value("tasks", Json());
        const Headers headers = http ? Headers{{"Mcp-Session-Id", opened.headers["Mcp-Session-Id"]}} : Headers{};
        const Json answer = Json::parse(peer.ask(R"({"jsonrpc":"2.0","id":1,"method":"tasks/list"})", headers).json);
        const bool declared = tasks.contains("list");
        CHECK(declared == answer.contains("result"));
        if (!declared) CHECK(answer["error"]["code"] == kMethodNotFound);
        CHECK(tasks.contains("cancel") == (revision == "2025-11-25"));
        return declared;
    };
    CHECK(lists(false, nullptr));  // a pipe has one client
    CHECK(lists(true, "ann"));
    CHECK(lists(false, "ann"));
    CHECK_FALSE(lists(true, nullptr));
    CHECK_FALSE(lists(true, "ann", "2025-06-18"));
}
