// RFC 6455 as seen on the wire: framing, pings, reserved bits, opcodes, fragmentation and UTF-8. The handler sends back
// what it gets, so a message that comes back whole was read whole.
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "websocket_client.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// What a new connection is told for these bytes.
unsigned codeFor(HttpFixture& fixture, std::string_view bytes) {
    WebSocketClient client(fixture.port());
    client.send(bytes);
    return client.closeCode();
}

}  // namespace

TEST_CASE("websocket: messages of every length form come back as they went, however their bytes are cut") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    for (const std::size_t size : {0u, 1u, 7u, 8u, 125u, 126u, 127u, 128u, 65'535u, 65'536u, 1'000'000u}) {
        CAPTURE(size);
        const std::string sent(size, 'x');
        client.text(sent);
        CHECK(client.message() == sent);
    }
    for (const std::size_t size : {3u, 126u, 70'000u}) {
        const std::string bytes = frame(kText, std::string(size, 'y'));
        for (std::size_t at = 0; at < bytes.size(); at += size < 1000 ? 1 : 997)
            client.send(std::string_view(bytes).substr(at, size < 1000 ? 1 : 997));
        CHECK(client.message() == std::string(size, 'y'));
    }
}

TEST_CASE("websocket: several messages in one segment, and one right behind the head of the upgrade, are all read") {
    HttpFixture fixture;
    Client client(fixture.port());
    client.send(upgrade({}) + frame(kText, "first"));
    CHECK(client.readUntil("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    CHECK(client.readBytes(7) ==
          "\x81\x05"
          "first");
    client.send(frame(kText, "a") + frame(kText, "b") + frame(kText, "c"));
    CHECK(client.readBytes(9) ==
          "\x81\x01"
          "a\x81\x01"
          "b\x81\x01"
          "c");
}

TEST_CASE("websocket: an answer longer than 64 KiB leaves in fragments and is whole") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    client.text(R"({"do":"bytes","n":65534})");
    Frame next = client.readFrame();
    CHECK(next.first == kText);
    CHECK(next.payload.size() == 65'536);
    client.text(R"({"do":"bytes","n":65535})");
    next = client.readFrame();
    CHECK(next.first == kTextBegin);
    std::size_t total = next.payload.size();
    while ((next.first & 0x80) == 0) {
        next = client.readFrame();
        CHECK((next.first & 0x0F) == kMore);
        total += next.payload.size();
    }
    CHECK(total == 65'537);
}

TEST_CASE("websocket: frames that are not masked, and lengths that are not in their shortest form, are refused") {
    HttpFixture fixture;
    CHECK(codeFor(fixture, "\x81\x02hi") == 1002);
    CHECK(codeFor(fixture, "\x81\x7e\x00\x80"s) == 1002);
    CHECK(codeFor(fixture, "\x89\x00"s) == 1002);
    CHECK(codeFor(fixture, frame(kText, "hi", 2, 126)) == 1002);
    CHECK(codeFor(fixture, frame(kText, std::string(125, 'x'), 125, 126)) == 1002);
    CHECK(codeFor(fixture, frame(kText, "hi", 2, 127)) == 1002);
    CHECK(codeFor(fixture, frame(kText, {}, 65'535, 127)) == 1002);
    CHECK(codeFor(fixture, frame(kText, {}, UINT64_C(1) << 63, 127)) == 1002);
    CHECK(fixture.handler.handled.value() == 0);
}

TEST_CASE(
    "websocket: a ping is answered with its payload at once, also between fragments; a pong is taken in silence") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    for (const std::string& payload : {""s, "hello"s, "\x00\xff\xfe"s, std::string(125, 'p')}) {
        client.send(frame(kPing, payload));
        CHECK(client.readFrame() == Frame{kPong, payload});
    }
    client.send(frame(kPong, "nobody asked"));
    client.send(frame(kTextBegin, "ab") + frame(kPing, "now") + frame(kLast, "cd"));
    CHECK(client.readFrame() == Frame{kPong, "now"});
    CHECK(client.readFrame() == Frame{kText, "abcd"});
    CHECK(codeFor(fixture, frame(kPing, std::string(126, 'p'))) == 1002);
    CHECK(codeFor(fixture, frame(kPing & 0x0F, "in pieces")) == 1002);
    CHECK(codeFor(fixture, frame(kPong & 0x0F, "in pieces")) == 1002);
    CHECK(codeFor(fixture, frame(kPing, {}, 126)) == 1002);  // told without waiting for it
}

TEST_CASE("websocket: a reserved bit is refused on any frame, what was whole before it is answered") {
    HttpFixture fixture;
    for (unsigned char bits = 0x10; bits <= 0x70; bits = static_cast<unsigned char>(bits + 0x10)) {
        CAPTURE(static_cast<int>(bits));
        for (const unsigned char first : {kText, kPing, kClose}) {
            const auto byte = static_cast<unsigned char>(first | bits);
            CHECK(codeFor(fixture, frame(byte, "")) == 1002);
        }
    }
    CHECK(fixture.handler.handled.value() == 0);
    WebSocketClient client(fixture.port());
    client.text("fine");
    CHECK(client.message() == "fine");
    client.send(frame(0xC1, "compressed?"));
    CHECK(client.closeCode() == 1002);
    CHECK(client.reason.find("reserved bit") != std::string::npos);
}

TEST_CASE("websocket: unknown opcodes are refused with 1002, binary messages with 1003") {
    HttpFixture fixture;
    for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
        CAPTURE(opcode);
        CHECK(codeFor(fixture, frame(static_cast<unsigned char>(0x80 | opcode), "x")) == 1002);
        CHECK(codeFor(fixture, frame(static_cast<unsigned char>(opcode), "")) == 1002);
    }
    CHECK(codeFor(fixture, frame(kBinary, "{}")) == 1003);
    CHECK(codeFor(fixture, frame(kBinary & 0x0F, "{}")) == 1003);
    CHECK(fixture.handler.handled.value() == 0);
}

TEST_CASE("websocket: a message in fragments is one message; fragments that belong to none are refused") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    client.send(frame(kTextBegin, "ab") + frame(kMore, "") + frame(kMore, "cd") + frame(kLast, "ef"));
    CHECK(client.message() == "abcdef");
    client.send(frame(kTextBegin, "") + frame(kMore, "") + frame(kLast, ""));
    CHECK(client.message() == "");
    CHECK(codeFor(fixture, frame(kLast, "x")) == 1002);
    CHECK(codeFor(fixture, frame(kMore, "x")) == 1002);
    CHECK(codeFor(fixture, frame(kText, "whole") + frame(kLast, "x")) == 1002);
    CHECK(codeFor(fixture, frame(kTextBegin, "ab") + frame(kText, "cd")) == 1002);
    CHECK(codeFor(fixture, frame(kTextBegin, "ab") + frame(kTextBegin, "cd")) == 1002);
}

TEST_CASE("websocket: text is strict UTF-8, also where a character is split over fragments") {
    HttpFixture fixture;
    WebSocketClient client(fixture.port());
    const std::string valid[] = {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", "\xf0\x9f\x90\x98",
                                 "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd\xf4\x8f\xbf\xbf", "\x00\x7f"s,
                                 "\xef\xbf\xbe\xef\xbf\xbf"};
    for (const std::string& text : valid) {
        client.text(text);
        CHECK(client.message() == text);
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            client.send(frame(kTextBegin, text.substr(0, cut)) + frame(kLast, text.substr(cut)));
            CHECK(client.message() == text);
        }
    }
    const std::string invalid[] = {
        "\xce",          // cut off
        "\xf0\x9f\x90",  // cut off
        "\x80",          // a continuation of nothing
        "\xc0\xaf",
        "\xe0\x80\xaf",      // overlong
        "\xf0\x80\x80\xaf",  // overlong
        "\xed\xa0\x80",
        "\xed\xbf\xbf",              // surrogates
        "\xed\xa0\x80\xed\xb0\x80",  // a pair of them
        "\xf4\x90\x80\x80",          // beyond U+10FFFF
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80\x65\x64\x69\x74\x65\x64",
    };
    const int before = fixture.handler.handled.value();
    for (const std::string& text : invalid) {
        CAPTURE(text);
        CHECK(codeFor(fixture, frame(kText, text)) == 1007);
        CHECK(codeFor(fixture, frame(kTextBegin, text.substr(0, 1)) + frame(kLast, text.substr(1))) == 1007);
    }
    CHECK(fixture.handler.handled.value() == before);
}

}  // namespace howdah::kernel::test
