// How a WebSocket ends: the close handshake, a peer that goes, a server that stops.
#include <string>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "websocket_client.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

unsigned answerTo(HttpFixture& fixture, std::string_view close_payload) {
    WebSocketClient client(fixture.port());
    client.send(frame(kClose, close_payload));
    return client.closeCode();
}

}  // namespace

TEST_CASE("websocket: a close frame is answered with its code, and the server ends the connection") {
    HttpFixture fixture;
    CHECK(answerTo(fixture, "") == 1005);  // none, answered with none
    CHECK(answerTo(fixture, closePayload(1000, "done")) == 1000);
    CHECK(answerTo(fixture, closePayload(1000, std::string(123, 'r'))) == 1000);
    for (const unsigned code : {1000u, 1001u, 1002u, 1003u, 1007u, 1008u, 1009u, 1010u, 1011u, 1012u, 1013u, 1014u,
                                3000u, 3999u, 4000u, 4999u}) {
        CAPTURE(code);
        CHECK(answerTo(fixture, closePayload(code)) == code);
    }
    CHECK(fixture.empties());
}

TEST_CASE("websocket: a close frame that cannot be one is answered with 1002 or 1007") {
    HttpFixture fixture;
    CHECK(answerTo(fixture, "x") == 1002);
    for (const unsigned code : {0u, 999u, 1004u, 1005u, 1006u, 1015u, 1016u, 1100u, 2000u, 2999u, 5000u, 65535u}) {
        CAPTURE(code);
        CHECK(answerTo(fixture, closePayload(code)) == 1002);
    }
    CHECK(answerTo(fixture, closePayload(1000, "\xce")) == 1007);
    CHECK(answerTo(fixture, closePayload(1000, std::string(124, 'r'))) == 1002);  // 126 bytes
}

TEST_CASE("websocket: after its close frame nothing a client sends counts") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    client.send(frame(kClose, closePayload(1000)) + frame(kText, "late") + frame(kPing, "late") +
                frame(kClose, closePayload(1001)));
    CHECK(client.closeCode() == 1000);
    CHECK(fixture.handler.handled.value() == 0);
}

TEST_CASE("websocket: a client that closes, by frame, FIN or RST, cancels what it has in flight, no other's") {
    HttpFixture fixture;
    WebSocketClient other(fixture.port());
    other.text(R"({"do":"hold"})");
    REQUIRE(fixture.handler.holding.reaches(1));
    for (int way = 0; way < 4; ++way) {
        CAPTURE(way);
        WebSocketClient client(fixture.port());
        client.text(R"({"do":"hold"})");
        client.text(R"({"do":"hold"})");
        REQUIRE(fixture.handler.holding.reaches(2 * way + 3));
        switch (way) {
            case 0: client.send(frame(kClose, closePayload(1000))); break;
            case 1: client.closeSending(); break;
            case 2: client.reset(); break;
            default: client.send(frame(0xF1, "")); break;  // a broken rule ends it as well
        }
        CHECK(fixture.handler.cancelled.reaches(2 * way + 2));
    }
    CHECK(fixture.handler.cancelled.value() == 8);
    fixture.handler.release();
    CHECK(other.message() == "\"released\"");
}

TEST_CASE("websocket: draining closes an idle connection with 1001, a busy one once it has answered") {
    HttpFixture fixture;
    WebSocketClient idle(fixture.port());
    WebSocketClient busy(fixture.port());
    busy.text(R"({"do":"hold"})");
    REQUIRE(fixture.handler.holding.reaches(1));
    fixture.server->drain();
    CHECK(idle.closeCode() == 1001);
    idle.close();
    busy.text("not any more");
    fixture.handler.release();
    CHECK(busy.message() == "\"released\"");
    CHECK(busy.closeCode() == 1001);
    busy.close();
    CHECK(fixture.handler.handled.value() == 1);
    CHECK(fixture.server->stop(Deadline::in(10s)));
}

TEST_CASE("websocket: what is in flight at the drain limit is cancelled and may say so before the end") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    client.text(R"({"do":"hold"})");
    REQUIRE(fixture.handler.holding.reaches(1));
    CHECK_FALSE(fixture.server->stop(Deadline::in(50ms)));
    CHECK(client.message() == "\"cancelled\"");
    CHECK(client.closeCode() == 1001);
}

TEST_CASE("websocket: a client that never closes its side is let go after the linger limit") {
    HttpServer::Config config;
    config.settings.linger_limit = 100ms;
    HttpFixture fixture(std::move(config));
    WebSocketClient client(fixture.port());
    client.send(frame(kClose, ""));
    CHECK(client.closeCode() == 1005);
    CHECK(fixture.empties());
}

}  // namespace howdah::kernel::test
