// The limits of a WebSocket, on both sides of each.
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "websocket_client.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

TEST_CASE("websocket: a message of 4 MiB is taken, one byte more is refused before it has been sent") {
    HttpFixture fixture;
    constexpr std::size_t kMax = 4u << 20;
    WebSocketClient client(fixture.port());
    client.text(std::string(kMax, 'x'));
    CHECK(client.message().size() == kMax);
    client.send(frame(kTextBegin, std::string(kMax - 1, 'x')) + frame(kLast, "x"));
    CHECK(client.message().size() == kMax);
    client.send(frame(kText, {}, kMax + 1));
    CHECK(client.closeCode() == 1009);
    CHECK(client.reason == "a message is limited to 4194304 bytes");
    WebSocketClient in_pieces(fixture.port());
    in_pieces.send(frame(kTextBegin, std::string(kMax, 'x')) + frame(kLast, "", 1));
    CHECK(in_pieces.closeCode() == 1009);
    WebSocketClient absurd(fixture.port());
    absurd.send(frame(kText, {}, (UINT64_C(1) << 63) - 1, 127));
    CHECK(absurd.closeCode() == 1009);
    CHECK(fixture.handler.handled.value() == 2);
}

TEST_CASE("websocket: a message of 1,024 fragments is taken, one more is refused; a flood of tiny ones ends there") {
    HttpFixture fixture;
    auto inPieces = [](std::size_t count) {
        std::string bytes = frame(kTextBegin, "x");
        for (std::size_t i = 2; i < count; ++i)
            bytes += frame(kMore, i % 2 == 0 ? "" : "y");
        return bytes;
    };
    WebSocketClient client(fixture.port());
    client.send(inPieces(1024) + frame(kLast, "z"));
    CHECK(client.message().size() == 513);
    client.send(inPieces(1025) + frame(kLast, "z"));
    CHECK(client.closeCode() == 1008);
    CHECK(client.reason == "a message is limited to 1024 fragments");
    WebSocketClient flood(fixture.port());
    flood.send(inPieces(100'000));
    CHECK(flood.closeCode() == 1008);
    CHECK(fixture.handler.handled.value() == 1);
}

TEST_CASE("websocket: ten pings within a second are answered, the next is one too many") {
    HttpFixture fixture;
    std::string ten;
    for (int i = 0; i < 10; ++i)
        ten += frame(i % 3 == 0 ? kPong : kPing, "p");
    WebSocketClient client(fixture.port());
    client.send(ten + frame(kText, "alive"));
    for (int i = 0; i < 6; ++i)
        CHECK(client.readFrame() == Frame{kPong, "p"});
    CHECK(client.readFrame() == Frame{kText, "alive"});
    WebSocketClient flood(fixture.port());
    for (int i = 0; i < 10'000; ++i)
        flood.send(ten);
    CHECK(flood.closeCode() == 1008);
    CHECK(flood.reason == "at most 10 pings and pongs a second");
}

TEST_CASE("websocket: a slow reader parks its own requests; what waits for it is bounded, others are served") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port(), 256 * 1024);
    constexpr std::size_t kBytes = 64u << 20;
    client.text(concat(R"({"do":"bytes","n":)", kBytes, "}"));
    Frame next = client.readFrame();
    WebSocketClient other(fixture.port());
    other.text("meanwhile");
    CHECK(other.message() == "meanwhile");
    CHECK(fixture.handler.bytes_written.load() < 32u << 20);
    std::size_t total = next.payload.size();
    while ((next.first & 0x80) == 0) {
        next = client.readFrame();
        total += next.payload.size();
    }
    CHECK(total == kBytes + 2);
}

TEST_CASE("websocket: a client that reads nothing for the stall limit is cut off") {
    HttpServer::Config config;
    config.settings.stall_limit = 100ms;
    HttpFixture fixture(std::move(config));
    WebSocketClient client(fixture.port(), 4096);
    for (int i = 0; i < 3; ++i)
        client.text(R"({"do":"bytes","n":67108864})");
    CHECK(fixture.handler.answered.reaches(3));
    CHECK(fixture.empties());
    CHECK(fixture.handler.bytes_written.load() < 67'108'864u);
}

TEST_CASE("websocket: messages pushed to a client that does not read are bounded, then it is cut off") {
    HttpServer::Config config;
    config.settings.stream_queue_bytes_max = 64 * 1024;
    HttpFixture fixture(std::move(config));
    WebSocketClient client(fixture.port(), 4096);
    client.text("hello");
    CHECK(client.message() == "hello");
    const auto link = fixture.handler.takePeer();
    REQUIRE(link);
    std::size_t pushed = 0;
    const std::string message(8000, 'e');
    while (pushed < (256u << 20) && link->push(message))
        pushed += message.size();
    CHECK(pushed < 256u << 20);
    CHECK_FALSE(link->push("{}"));
    CHECK(fixture.empties());
}

TEST_CASE("websocket: a client that answers pings stays, one that says nothing is cut off at the idle limit") {
    HttpServer::Config config;
    config.settings.idle_limit = 600ms;
    HttpFixture fixture(std::move(config));
    WebSocketClient silent(fixture.port());
    WebSocketClient alive(fixture.port());
    int pings = 0;
    for (; pings < 6; ++pings) {  // 200 ms apart: twice the limit
        const Frame ping = alive.readFrame();
        REQUIRE(ping.first == kPing);
        alive.send(frame(kPong, ping.payload));
    }
    CHECK(silent.closeCode() == 0);
    alive.text("still here");
    CHECK(alive.message() == "still here");
}

TEST_CASE("websocket: a message that does not come to its end in time is ended; who says nothing stays") {
    HttpServer::Config config;
    config.settings.body_limit = 300ms;
    HttpFixture fixture(std::move(config));
    WebSocketClient quiet(fixture.port());
    quiet.send(frame(kTextBegin, "in ") + frame(kPing, "") + frame(kLast, "time"));
    CHECK(quiet.readFrame().first == kPong);
    CHECK(quiet.message() == "in time");
    for (const std::string& begun : {frame(kTextBegin, "a"), frame(kText, "abc", 4), "\x81"s, frame(kPing, "", 1),
                                     frame(kText, "whole") + frame(kTextBegin, "")}) {
        WebSocketClient late(fixture.port());
        late.send(begun);
        CHECK(late.closeCode() == 1008);
        CHECK(late.reason == "a message must be whole within 300 ms");
    }
    quiet.text("still here");
    CHECK(quiet.message() == "still here");
}

TEST_CASE("websocket: beyond the bound of requests in flight others wait, and one of them can be taken back") {
    HttpServer::Config config;
    config.settings.requests_per_connection_max = 2;
    HttpFixture fixture(std::move(config));
    WebSocketClient client(fixture.port());
    auto request = [](int id, std::string_view what) {
        return concat(R"({"jsonrpc":"2.0","id":)", id, R"(,"method":"tools/call","do":")", what, "\"}");
    };
    client.text(request(1, "hold"));
    client.text(request(2, "hold"));
    REQUIRE(fixture.handler.holding.reaches(2));
    client.text(request(3, "echo"));
    client.text(request(4, "echo"));
    client.text(R"({"jsonrpc":"2.0","method":"notifications/cancelled","do":"none","params":{"requestId":3}})");
    REQUIRE(fixture.handler.handled.reaches(3));
    CHECK(fixture.handler.handled.value() == 3);
    fixture.handler.release();
    // The fourth takes the place of the first that ends, the other may still be about to.
    const std::multiset<std::string> answers{client.message(), client.message(), client.message()};
    CHECK(answers == std::multiset<std::string>{"\"released\"", "\"released\"", request(4, "echo")});
}

TEST_CASE("websocket: when the backlog is full nothing more is read, and all of it is answered later") {
    HttpServer::Config config;
    config.settings.requests_per_connection_max = 1;
    config.settings.limits.body_bytes_max = 64 * 1024;
    HttpFixture fixture(std::move(config));
    WebSocketClient client(fixture.port());
    client.text(R"({"jsonrpc":"2.0","id":0,"method":"tools/call","do":"hold"})");
    REQUIRE(fixture.handler.holding.reaches(1));
    const std::string one = frame(
        kText, concat(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","fill":")", std::string(30'000, 'f'), "\"}"));
    std::string bytes;
    while (bytes.size() < 64u << 20)
        bytes += one;
    // What the sockets' buffers and the backlog take; then the client's sending stands still.
    std::size_t sent = 0;
    for (int quiet = 0; quiet < 20;) {
        const std::size_t now = client.sendSome(std::string_view(bytes).substr(sent));
        sent += now;
        quiet = now > 0 ? 0 : quiet + 1;
        if (now == 0) ::poll(nullptr, 0, 10);
    }
    CHECK(sent < 32u << 20);
    CHECK(fixture.handler.handled.value() == 1);
    fixture.handler.release();
    CHECK(client.message() == "\"released\"");
    const std::size_t whole = sent / one.size();
    for (std::size_t i = 0; i < whole; ++i)
        REQUIRE(client.message().size() > 30'000);
}

}  // namespace howdah::kernel::test
