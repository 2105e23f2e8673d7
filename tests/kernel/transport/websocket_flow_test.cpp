// Messages over a WebSocket: many at once, both ways, and what the handler is told of them.
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "one_token.hpp"
#include "websocket_client.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

TEST_CASE("websocket: the handler is told transport, host, principal and a link that stays the same") {
    OneToken tokens;
    HttpFixture fixture({}, &tokens);
    std::vector<std::shared_ptr<PeerLink>> links;
    std::string transport, host, subject;
    fixture.handler.on_message = [&](const Inbound& message) {
        transport = message.transport;
        host = message.host;
        subject = message.principal ? message.principal->subject : "nobody";
        CHECK_FALSE(message.authorization.data());
        CHECK_FALSE(message.protocol_version.data());
        CHECK(message.cancellation);
        links.push_back(message.peer);
    };
    WebSocketClient client(fixture.port(), 0, "Authorization: Bearer right\r\n");
    for (const char* text : {"one", "two"}) {
        client.text(text);
        CHECK(client.message() == text);
    }
    CHECK(transport == "websocket");
    CHECK(host == "localhost");
    CHECK(subject == "ann");
    REQUIRE(links.size() == 2);
    CHECK(links[0]);
    CHECK(links[0] == links[1]);
}

TEST_CASE("websocket: notifications of an exchange come before its answer; a notification has none") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    client.text(R"({"do":"none"})");
    client.text(R"({"do":"notify"})");
    CHECK(client.message() == R"({"progress":1})");
    CHECK(client.message() == "{\"progress\":\n2}");  // a message may hold line breaks here
    CHECK(client.message() == R"({"result":"after"})");
    CHECK(fixture.handler.notified.load());
}

TEST_CASE("websocket: any thread can push to the client until it has gone, also while a long answer leaves") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    client.text("hello");
    CHECK(client.message() == "hello");
    const auto link = fixture.handler.takePeer();
    REQUIRE(link);
    std::thread pusher([&] {
        for (int i = 0; i < 100; ++i)
            CHECK(link->push(concat("\"push ", i, "\"")));
    });
    client.text(R"({"do":"bytes","n":1000000})");
    int pushes = 0;
    bool answered = false;
    while (pushes < 100 || !answered) {
        const std::string message = client.message();
        if (message.size() == 1'000'002) {
            answered = true;
        } else {
            CHECK(message == concat("\"push ", pushes++, "\""));
        }
    }
    pusher.join();
    client.close();
    REQUIRE(fixture.empties());
    CHECK_FALSE(link->push("{}"));
}

TEST_CASE("websocket: 10,000 messages are each answered once, long and short ones mixed, in fragments or not") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    constexpr int kMessages = 10'000;
    auto message = [](int id) {
        return concat(R"({"id":)", id, R"(,"fill":")", std::string(id % 100 == 0 ? 70'000 : id % 50, 'f'), "\"}");
    };
    std::thread sender([&] {
        for (int id = 0; id < kMessages; ++id) {
            const std::string text = message(id);
            if (id % 7 == 0) {
                client.send(frame(kTextBegin, text.substr(0, 5)) + frame(kLast, text.substr(5)));
            } else {
                client.text(text);
            }
        }
    });
    std::set<std::string> answers;
    for (int i = 0; i < kMessages; ++i)
        answers.insert(client.message());
    sender.join();
    CHECK(answers.size() == kMessages);
    for (int id = 0; id < kMessages; ++id)
        REQUIRE(answers.contains(message(id)));
}

TEST_CASE("websocket: connections and ordinary requests share the shards and the limit of connections") {
    HttpServer::Config config;
    config.settings.connections_max = 8;
    HttpFixture fixture(std::move(config));
    std::vector<std::unique_ptr<WebSocketClient>> clients;
    for (int i = 0; i < 7; ++i)
        clients.push_back(std::make_unique<WebSocketClient>(fixture.port()));
    CHECK(Client(fixture.port()).exchange(post(kEcho)).status == 200);
    for (auto& client : clients) {
        client->text("hello");
        CHECK(client->message() == "hello");
    }
    CHECK(fixture.server->connectionCount() >= 7);
    clients.clear();
    CHECK(fixture.empties());
}

}  // namespace howdah::kernel::test
