#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/kernel/protocol/requests.hpp"

using namespace howdah::kernel;
using namespace howdah::kernel::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kListChanged = R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})";

}  // namespace

TEST_CASE("sessions: an id has 192 random bits, visible ASCII, and opens nothing for another principal") {
    Server server;
    FakePeer owner(server, true);
    Headers session = openSession(owner), other = openSession(owner);
    CHECK(session["Mcp-Session-Id"].size() == 48);
    CHECK(session["Mcp-Session-Id"] != other["Mcp-Session-Id"]);
    FakePeer thief(server, true);
    thief.become("thief");
    CHECK(thief.ask(legacy("1", "ping"), session).status == 404);
    CHECK(thief.endSession(session).status == 404);
    CHECK(owner.ask(legacy("1", "ping"), session).status == 200);
}

TEST_CASE("scopes: who may not read is told of no resource's changes either") {
    Server server;
    FakePeer peer(server, true);
    peer.become("eve", {});
    Headers session = openSession(peer);
    const std::string subscribe = legacy("1", "resources/subscribe", R"({"uri":"note:///1"})");
    const Received refused = peer.ask(subscribe, session);
    CHECK(refused.status == 403);
    CHECK(refused.json.find(R"("required_scopes":["howdah:read"])") != std::string::npos);
    peer.become("eve", {"howdah:read"});
    CHECK(peer.ask(subscribe, session).status == 200);
}

TEST_CASE("sessions: DELETE ends one, after that it is unknown") {
    Server server;
    FakePeer peer(server, true);
    Headers session = openSession(peer);
    CHECK(peer.endSession({}).status == 405);
    CHECK(peer.endSession(session).status == 204);
    CHECK(peer.ask(legacy("1", "ping"), session).status == 404);
    CHECK(peer.endSession(session).status == 404);
    CHECK(server.protocol.sessionCount() == 0);
}

TEST_CASE("sessions: an idle one expires, one in use makes the store refuse and not evict") {
    Server server({.session = {.sessions_max = 2, .idle_timeout = 0ms, .evict_after = 0ms}});
    FakePeer peer(server, true);
    Headers first = openSession(peer);
    CHECK(peer.ask(legacy("1", "ping"), first).status == 404);

    Server full({.session = {.sessions_max = 1, .idle_timeout = 1h, .evict_after = 1h}});
    FakePeer crowd(full, true);
    Headers kept = openSession(crowd);
    CHECK(crowd.ask(initializeRequest()).status == 503);
    CHECK(crowd.ask(legacy("1", "ping"), kept).status == 200);

    Server evicting({.session = {.sessions_max = 1, .idle_timeout = 1h, .evict_after = 0ms}});
    FakePeer newcomer(evicting, true);
    Headers old = openSession(newcomer), fresh = openSession(newcomer);
    CHECK(newcomer.ask(legacy("1", "ping"), old).status == 404);
    CHECK(newcomer.ask(legacy("1", "ping"), fresh).status == 200);
}

TEST_CASE("cancel: a lost connection cancels a stateless HTTP request and leaves a legacy one running") {
    Server server({.request_timeout = 200ms});
    FakePeer modern(server, true);
    modern.send(modernCall("1", "slow"), modernHeaders("tools/call", "slow"));
    modern.disconnect();
    CHECK(modern.receive()->json.find("the client has gone") != std::string::npos);

    FakePeer old(server, true);
    Headers session = openSession(old);
    old.send(legacy("1", "tools/call", R"({"name":"slow"})"), session);
    old.disconnect();
    CHECK(old.receive()->json.find("timeout") != std::string::npos);  // it ran until its deadline
}

TEST_CASE("cancel: another principal's notification reaches nothing") {
    Server server({.request_timeout = 100ms});
    FakePeer owner(server, true);
    Headers session = openSession(owner);
    owner.send(legacy("9", "tools/call", R"({"name":"slow"})"), session);
    FakePeer thief(server, true);
    thief.become("thief");
    CHECK(
        thief.ask(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}})", session).status ==
        404);
    CHECK(owner.receive()->json.find("timeout") != std::string::npos);
}

TEST_CASE("deadline: a client may ask for less or more time, never for more than the maximum") {
    Server server({.request_timeout = 1h, .request_timeout_max = 50ms});
    FakePeer peer(server, false);
    peer.send(modernCall("1", "slow", R"(,"howdah/timeoutMs":86400000)"), {});
    CHECK(peer.receive()->json.find("timeout") != std::string::npos);
}

TEST_CASE("limits: requests beyond the number in flight are refused as busy") {
    Server server({.in_flight_max = 1});
    FakePeer peer(server, true);
    peer.send(modernCall("1", "slow"), modernHeaders("tools/call", "slow"));
    Received busy = peer.ask(modernCall("2", "echo"), modernHeaders("tools/call", "echo"));
    CHECK(busy.status == 503);
    CHECK(busy.json.find("-32603") != std::string::npos);
    peer.disconnect();
    CHECK(peer.receive()->json.find("\"id\":1") != std::string::npos);
    CHECK(peer.ask(modernCall("3", "echo"), modernHeaders("tools/call", "echo")).status == 200);
}

TEST_CASE("limits: one principal has so many requests in flight, another none fewer for it") {
    Server server({.of_one_principal_max = 2});
    FakePeer ann(server, true), bob(server, true), anybody(server, true);
    ann.become("ann");
    bob.become("bob");
    const auto slow = modernHeaders("tools/call", "slow"), echo = modernHeaders("tools/call", "echo");
    ann.send(modernCall("1", "slow"), slow);
    CHECK(ann.ask(modernCall("2", "echo"), echo).status == 200);
    ann.send(modernCall("3", "slow"), slow);
    Received third = ann.ask(modernCall("4", "echo"), echo);
    CHECK(third.status == 429);
    CHECK(third.json.find("-32603") != std::string::npos);
    CHECK(bob.ask(modernCall("5", "echo"), echo).status == 200);
    for (const char* id : {"6", "7", "8"})  // nobody is told apart without authentication
        anybody.send(modernCall(id, "slow"), slow);
    CHECK(anybody.ask(modernCall("9", "echo"), echo).status == 200);
    anybody.disconnect();
    ann.disconnect();
    ann.settle();
    CHECK(ann.receive());
    CHECK(ann.receive());
    CHECK(ann.ask(modernCall("10", "echo"), echo).status == 200);
}

TEST_CASE("limits: subject and tenant together are one principal, and none is remembered that has nothing in flight") {
    PrincipalCount count;
    const auto of = [](std::string subject, std::string tenant) {
        return Principal{.subject = std::move(subject), .tenant = std::move(tenant)};
    };
    {
        PrincipalCount::Entry first, second, other_tenant, other_subject;
        CHECK(count.enter(first, of("a", "bc"), 1));
        CHECK_FALSE(count.enter(second, of("a", "bc"), 1));
        CHECK(count.enter(other_tenant, of("a", "b"), 1));
        CHECK(count.enter(other_subject, of("ab", "c"), 1));
        CHECK(count.size() == 3);
    }
    CHECK(count.size() == 0);
}

TEST_CASE("limits: a batch may have fifty messages and not one more") {
    Server server;
    FakePeer peer(server, false);
    (void)peer.ask(initializeRequest("2025-03-26"));
    auto batch = [](int count) {
        std::string json = "[";
        for (int i = 0; i < count; ++i)
            json += (i ? "," : "") + legacy(std::to_string(i), "ping");
        return json + "]";
    };
    CHECK(Json::parse(peer.ask(batch(50)).json).size() == 50);
    CHECK(peer.ask(batch(51)).json.find("at most 50") != std::string::npos);
}

TEST_CASE("tools/list: the same bytes for everybody; private only where clients authenticate") {
    Server server;
    FakePeer anyone(server, true), known(server, true);
    std::string request = R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{)" + std::string(kMeta) + "}}}";
    std::string open = anyone.ask(request, modernHeaders("tools/list")).json;
    CHECK(open == anyone.ask(request, modernHeaders("tools/list")).json);
    CHECK(open.find(R"("cacheScope":"public")") != std::string::npos);
    known.become("ann");
    std::string ann = known.ask(request, modernHeaders("tools/list")).json;
    CHECK(ann.find(R"("cacheScope":"private")") != std::string::npos);
    known.become("bob");
    CHECK(ann == known.ask(request, modernHeaders("tools/list")).json);
    CHECK(Json::parse(open)["result"]["tools"].size() == server.generations.pin()->tools.size());
}

TEST_CASE("list_changed: goes once to each legacy peer that can hear it, and only when the list changed") {
    Server server;
    FakePeer pipe(server, false), web(server, true);
    (void)pipe.ask(initializeRequest());
    Headers session = openSession(web);
    REQUIRE(web.openStream(session));
    REQUIRE(web.openStream(session));  // the same message must not go to both
    server.generations.publish(fakeGeneration());
    server.generations.publish(fakeGeneration(true));
    CHECK(pipe.receive()->json == kListChanged);
    CHECK(web.receive()->json == kListChanged);
    CHECK(pipe.ask(legacy("1", "ping")).json.find("\"id\":1") != std::string::npos);
    CHECK(web.ask(legacy("1", "ping"), session).json.find("\"id\":1") != std::string::npos);
}

TEST_CASE("list_changed: a pipe that never said hello hears nothing") {
    Server server;
    FakePeer pipe(server, false);
    (void)pipe.ask(modernCall("1", "echo"));
    server.generations.publish(fakeGeneration(true));
    CHECK(pipe.ask(modernCall("2", "echo")).json.find("\"id\":2") != std::string::npos);
}

TEST_CASE("pages: each names the next, and none is lost when an entry comes or goes between them") {
    Server server({.page_max = 2});
    FakePeer peer(server, true);
    const auto page = [&](const std::string& cursor) {
        const std::string request = R"({"jsonrpc":"2.0","id":1,"method":"resources/list","params":{)" +
                                    (cursor.empty() ? "" : R"("cursor":")" + cursor + "\",") + std::string(kMeta) +
                                    "}}}";
        return Json::parse(peer.ask(request, modernHeaders("resources/list")).json)["result"];
    };
    const Json first = page("");
    CHECK(first["resources"].size() == 2);
    // The last of the first page goes, one comes behind it.
    auto changed = std::make_shared<Generation>();
    changed->resources_list = {{"note:///1", R"({"uri":"note:///1","name":"1"})"},
                               {"note:///25", R"({"uri":"note:///25","name":"25"})"},
                               {"note:///3", R"({"uri":"note:///3","name":"3"})"},
                               {"note:///4", R"({"uri":"note:///4","name":"4"})"}};
    server.generations.publish(changed);
    const Json second = page(first["nextCursor"].get<std::string>());
    CHECK(second["resources"][0]["uri"] == "note:///25");
    CHECK(second["resources"][1]["uri"] == "note:///3");
    const Json third = page(second["nextCursor"].get<std::string>());
    CHECK(third["resources"][0]["uri"] == "note:///4");
    CHECK_FALSE(third.contains("nextCursor"));
}

TEST_CASE("event stream: needs a session, and no more than the limit are open") {
    Server server({.session = {.streams_max = 1}});
    FakePeer peer(server, true);
    CHECK_FALSE(peer.openStream({}));
    CHECK(peer.receive()->status == 405);
    CHECK_FALSE(peer.openStream({{"Mcp-Session-Id", "00"}}));
    CHECK(peer.receive()->status == 404);
    Headers session = openSession(peer);
    CHECK(peer.openStream(session));
    CHECK_FALSE(peer.openStream(session));
    CHECK(peer.receive()->status == 409);
    peer.disconnect();
    CHECK(peer.openStream(session));  // the lost one does not count
}

TEST_CASE("subscriptions: acknowledged first with what is honoured, then told of each change, until taken back") {
    Server server;
    FakePeer peer(server, false);
    peer.send(listenRequest("\"sub\"", R"({"toolsListChanged":true,"promptsListChanged":true})"), {});
    Json acknowledged = Json::parse(peer.receive()->json);
    CHECK(acknowledged["method"] == "notifications/subscriptions/acknowledged");
    CHECK(acknowledged["params"]["notifications"] == Json{{"toolsListChanged", true}, {"promptsListChanged", true}});
    CHECK(acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "sub");
    for (bool extra : {true, false}) {
        server.generations.publish(fakeGeneration(extra));
        Json changed = Json::parse(peer.receive()->json);
        CHECK(changed["method"] == "notifications/tools/list_changed");
        CHECK(changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "sub");
    }
    server.generations.publish(fakeGeneration(false, true));
    CHECK(Json::parse(peer.receive()->json)["method"] == "notifications/prompts/list_changed");
    peer.send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"sub"}})", {});
    CHECK(peer.ask(modernCall("2", "echo")).json.find("\"id\":2") != std::string::npos);
    peer.settle();
    CHECK(server.protocol.subscriptionCount() == 0);
}

TEST_CASE("subscriptions: what was not asked for is not sent; the server's end is a result") {
    Server server({.subscriptions_max = 1});
    FakePeer peer(server, true);
    peer.send(listenRequest("1", "{}"), modernHeaders("subscriptions/listen"));
    CHECK(Json::parse(peer.receive()->json)["params"]["notifications"] == Json::object());
    CHECK(peer.ask(listenRequest("2", "{}"), modernHeaders("subscriptions/listen")).status == 503);
    server.generations.publish(fakeGeneration(true));
    server.protocol.drain();
    Json last = Json::parse(peer.receive()->json);
    CHECK(last["id"] == 1);
    CHECK(last["result"]["resultType"] == "complete");
    CHECK(last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == 1);
}

TEST_CASE("subscriptions: over HTTP they need a client that reads events") {
    Server server;
    FakePeer peer(server, true);
    peer.acceptEvents(false);
    CHECK(peer.ask(listenRequest("1", "{}"), modernHeaders("subscriptions/listen")).status == 406);
}

TEST_CASE("completion: of more than a hundred suggestions a hundred are told, and what is none is an error") {
    Server server;
    FakePeer peer(server, true);
    auto complete = [&](const std::string& typed) {
        return nlohmann::json::parse(
            peer.ask(R"({"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt",)"
                     R"("name":"about"},"argument":{"name":"topic","value":")" +
                         typed + "\"}," + std::string(kMeta) + "}}}",
                     modernHeaders("completion/complete"))
                .json);
    };
    const auto many = complete("many")["result"]["completion"];
    CHECK(many["values"].size() == 100);
    CHECK(many["values"][99] == "v99");
    CHECK(many["total"] == 101);
    CHECK(many["hasMore"] == true);
    CHECK(complete("broken")["error"]["code"] == kInternalError);
    CHECK(complete("py")["result"]["completion"]["values"].size() == 1);
}

TEST_CASE("subscriptions: as many as the limit are open, and they are not counted as requests in flight") {
    Server server({.in_flight_max = 1, .subscriptions_max = 3});
    FakePeer peer(server, true);
    const Headers headers = modernHeaders("subscriptions/listen");
    for (int i = 0; i < 3; ++i) {
        peer.send(listenRequest(std::to_string(i), R"({"toolsListChanged":true})"), headers);
        CHECK(peer.receive()->json.find("acknowledged") != std::string::npos);
    }
    CHECK(peer.ask(listenRequest("3", R"({"toolsListChanged":true})"), headers).status == 503);
    CHECK(peer.ask(modernCall("4", "echo"), modernHeaders("tools/call", "echo")).status == 200);
}

TEST_CASE("onConnect: once for each client of a principal, again for another, before each initialize") {
    Greetings::reset();
    Server server;
    FakePeer peer(server, true);
    auto call = [&] { return peer.ask(modernCall("1", "echo"), modernHeaders("tools/call", "echo")); };
    (void)call();
    (void)call();
    CHECK(Greetings::count() == 1);
    peer.become("ann");
    (void)call();
    (void)call();
    CHECK(Greetings::count() == 2);
    (void)openSession(peer);
    (void)openSession(peer);
    CHECK(Greetings::count() == 4);
}

TEST_CASE("onConnect: a client that was turned away is asked again, and gets no session") {
    Greetings::reset();
    Greetings::deny(true);
    Server server;
    FakePeer peer(server, true);
    for (int i = 0; i < 2; ++i) {
        Json answer = Json::parse(peer.ask(modernCall("1", "echo"), modernHeaders("tools/call", "echo")).json);
        CHECK(answer["error"]["message"] == "not today");
        CHECK(answer["error"]["data"]["code"] == "refused");
    }
    CHECK(Greetings::count() == 2);
    CHECK(peer.ask(initializeRequest()).headers.empty());
    CHECK(server.protocol.sessionCount() == 0);
    Greetings::reset();
}

TEST_CASE("tools/call: a large answer arrives whole, though pieces cut characters") {
    Server server;
    FakePeer peer(server, false);
    Json answer = Json::parse(peer.ask(modernCall("1", "large")).json);
    std::string text = answer["result"]["content"][0]["text"];
    CHECK(text.size() == 300'000);
    CHECK(text.find("\xEF\xBF\xBD") == std::string::npos);
    CHECK(answer["result"]["isError"] == false);
}

TEST_CASE("tools/call: structured content that does not fit the outputSchema is an error result without it") {
    Server server;
    FakePeer peer(server, false);
    Json kept = Json::parse(peer.ask(modernCall("1", "promises")).json);
    CHECK(kept["result"]["structuredContent"] == Json{{"a", "b"}});
    Json broken = Json::parse(peer.ask(modernCall("2", "lies")).json);
    CHECK(broken["result"]["isError"] == true);
    CHECK_FALSE(broken["result"].contains("structuredContent"));
    CHECK(broken["result"]["content"][0]["text"].get<std::string>().find("does not fit its outputSchema: /a") !=
          std::string::npos);
}

TEST_CASE("tools/call: structured content beyond its limit is an error result") {
    for (const std::size_t most : {8u, 9u}) {  // it has nine
        Server server({.structured_max = most});
        FakePeer peer(server, false);
        Json answer = Json::parse(peer.ask(modernCall("1", "only_structured")).json);
        CHECK(answer["result"]["isError"] == (most == 8));
    }
}
