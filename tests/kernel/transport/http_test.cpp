// The HTTP transport against a raw client: what is answered, and how it is framed.
#include <thread>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "kernel/runtime/support.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

TEST_CASE("http: a message is answered in one response with its length, and the connection stays open") {
    HttpFixture fixture;
    Client client(fixture.port());
    for (int i = 0; i < 3; ++i) {
        const Response response = client.exchange(post(kEcho));
        CHECK(response.status == 200);
        CHECK(response.body == kEcho);
        CHECK(response.has("Content-Type: application/json\r\n"));
        CHECK(response.has("Cache-Control: no-store\r\n"));
        CHECK_FALSE(response.closes);
    }
    CHECK(fixture.handler.handled.value() == 3);
}

TEST_CASE("http: a message without an answer is accepted with 202 and no body") {
    HttpFixture fixture;
    Client client(fixture.port());
    const Response response = client.exchange(post(R"({"do":"none"})"));
    CHECK(response.status == 202);
    CHECK(response.has("Content-Length: 0\r\n"));
    CHECK_FALSE(response.has("Content-Type"));
    CHECK(client.exchange(post(kEcho)).status == 200);
}

TEST_CASE("http: status and headers of the handler reach the client") {
    HttpFixture fixture;
    Client client(fixture.port());
    const Response response = client.exchange(post(R"({"do":"status"})"));
    CHECK(response.status == 404);
    CHECK(response.has("Mcp-Session-Id: s1\r\n"));
    CHECK(response.body == R"({"error":1})");
}

TEST_CASE("http: the handler sees the MCP headers, and absent ones as absent") {
    HttpFixture fixture;
    std::string seen;
    bool absent = false;
    fixture.handler.on_message = [&](const Inbound& message) {
        seen =
            concat(message.transport, "|", message.protocol_version, "|", message.mcp_method, "|", message.mcp_name,
                   "|", message.session_id, "|", message.host, "|", message.authorization, "|", message.accepts_events);
        absent = message.mcp_name.data() == nullptr && message.authorization.data() == nullptr;
    };
    Client client(fixture.port());
    client.exchange(post(kEcho,
                         "MCP-Protocol-Version: 2026-07-28\r\nmcp-method: tools/call\r\nMcp-Name: query\r\n"
                         "MCP-SESSION-ID: s9\r\nAuthorization: Bearer t\r\n"));
    REQUIRE(fixture.handler.handled.reaches(1));
    CHECK(seen == "http|2026-07-28|tools/call|query|s9|localhost|Bearer t|true");
    client.exchange(post(kEcho, "", "application/json"));
    REQUIRE(fixture.handler.handled.reaches(2));
    CHECK(seen == "http|||||localhost||false");
    CHECK(absent);
}

TEST_CASE("http: pipelined requests are answered one after another, in order") {
    HttpFixture fixture;
    Client client(fixture.port());
    std::string requests;
    for (int i = 0; i < 50; ++i)
        requests += post(concat(R"({"do":"echo","id":)", i, "}"));
    client.send(requests);
    for (int i = 0; i < 50; ++i)
        REQUIRE(client.read().body == concat(R"({"do":"echo","id":)", i, "}"));
}

TEST_CASE("http: requests that arrive while one is held wait for their turn") {
    HttpFixture fixture;
    Client client(fixture.port());
    client.send(post(R"({"do":"hold"})"));
    REQUIRE(fixture.handler.holding.reaches(1));
    client.send(post(concat(R"({"do":"echo","pad":")", std::string(20'000, 'p'), "\"}")) + post(kEcho));
    CHECK(fixture.handler.handled.value() == 1);
    fixture.handler.release();
    CHECK(client.read().body == "\"released\"");
    CHECK(client.read().body.size() > 20'000);
    CHECK(client.read().body == kEcho);
}

TEST_CASE("http: a request may arrive byte by byte, its body chunked or not") {
    HttpFixture fixture;
    Client client(fixture.port());
    const std::string chunked =
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n{\"do\"\r\n8\r\n:\"echo\"}\r\n0\r\nX: y\r\n\r\n";
    for (const std::string& request : {post(kEcho), chunked}) {
        for (const char& byte : request)
            client.send({&byte, 1});
        const Response response = client.read();
        CHECK(response.status == 200);
        CHECK(response.body == kEcho);
    }
    client.send(chunked + chunked + post(kEcho));
    for (int i = 0; i < 3; ++i)
        CHECK(client.read().body == kEcho);
}

TEST_CASE("http: a body up to the limit is taken whole, with padding behind it") {
    HttpServer::Config config;
    config.settings.limits.body_bytes_max = 100'000;
    HttpFixture fixture(std::move(config));
    const std::string prefix = R"({"do":"echo","pad":")";
    const std::string largest = prefix + std::string(100'000 - prefix.size() - 2, 'p') + "\"}";
    Client client(fixture.port());
    CHECK(client.exchange(post(largest)).body == largest);
    const std::string too_large = largest + " ";
    const Response refused = client.exchange(post(too_large));
    CHECK(refused.status == 413);
    CHECK(refused.closes);

    auto chunked = [](const std::string& body) {
        return concat(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\nc350\r\n",
            body.substr(0, 0xc350), "\r\n", body.size() == 100'000 ? "c350" : "c351", "\r\n", body.substr(0xc350),
            "\r\n0\r\n\r\n");
    };
    Client in_chunks(fixture.port());
    CHECK(in_chunks.exchange(chunked(largest)).body == largest);
    CHECK(in_chunks.exchange(chunked(too_large)).status == 413);
}

TEST_CASE("http: Expect: 100-continue is answered before the body, if the body is welcome") {
    HttpFixture fixture;
    Client client(fixture.port());
    const std::string request = post(kEcho, "Expect: 100-continue\r\n");
    const std::size_t head = request.find("\r\n\r\n") + 4;
    client.send(request.substr(0, head));
    CHECK(client.read().status == 100);
    client.send(request.substr(head));
    CHECK(client.read().body == kEcho);
    CHECK(client.exchange(post(kEcho, "Expect: 100-continue\r\n")).status == 200);
    CHECK(client.exchange(post(kEcho, "Expect: miracles\r\n")).status == 417);
}

TEST_CASE("http: HTTP/1.0 and Connection: close are answered and closed, keep-alive is honoured") {
    HttpFixture fixture;
    auto old = [](std::string_view body, std::string_view extra) {
        return concat("POST /mcp HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ", body.size(), "\r\n",
                      extra, "\r\n", body);
    };
    Client plain(fixture.port());
    Response response = plain.exchange(old(kEcho, ""));
    CHECK(response.body == kEcho);
    CHECK(response.closes);
    CHECK(plain.atEnd());

    Client kept(fixture.port());
    response = kept.exchange(old(kEcho, "Connection: keep-alive\r\n"));
    CHECK(response.has("Connection: keep-alive\r\n"));
    // Too long to know its length beforehand: the end of the connection ends it.
    response = kept.exchange(old(R"({"do":"bytes","n":200000})", "Connection: keep-alive\r\n"));
    CHECK_FALSE(response.chunked);
    CHECK(response.closes);
    CHECK(response.body.size() == 200'002);

    Client asked(fixture.port());
    CHECK(asked.exchange(post(kEcho, "Connection: close\r\n")).closes);
    CHECK(asked.atEnd());
}

TEST_CASE("http: an answer up to 64 KiB has a length, a longer one is chunked") {
    HttpFixture fixture;
    Client client(fixture.port());
    const std::size_t edge = 64 * 1024 - 2;  // and two quotes
    Response response = client.exchange(post(concat(R"({"do":"bytes","n":)", edge, "}")));
    CHECK_FALSE(response.chunked);
    CHECK(response.body.size() == edge + 2);
    response = client.exchange(post(concat(R"({"do":"bytes","n":)", edge + 1, "}")));
    CHECK(response.chunked);
    CHECK(response.body.size() == edge + 3);
    CHECK(client.exchange(post(kEcho)).status == 200);
}

TEST_CASE("http: a slow reader parks the handler; what waits for it is bounded") {
    HttpFixture fixture;
    Client client(fixture.port(), 256 * 1024);
    constexpr std::size_t kBytes = 64u << 20;
    client.send(post(concat(R"({"do":"bytes","n":)", kBytes, "}")));
    // Once the head is here the handler has begun to send. It is stopped by the sockets' buffers, a few MiB at most.
    const std::string head = client.readUntil("\r\n\r\n");
    CHECK(head.find("chunked") != std::string::npos);
    Client other(fixture.port());  // the shard is not blocked
    CHECK(other.exchange(post(kEcho)).status == 200);
    CHECK(fixture.handler.bytes_written.load() < 32u << 20);
    std::size_t total = 0;
    for (;;) {
        const std::string chunk = client.readChunk();
        if (chunk.empty()) break;
        total += chunk.size();
    }
    CHECK(total == kBytes + 2);
    CHECK(fixture.handler.bytes_written.load() == kBytes);
}

TEST_CASE("http: a client that reads nothing for the stall limit is cut off") {
    HttpServer::Config config;
    config.settings.stall_limit = 100ms;
    HttpFixture fixture(std::move(config));
    Client client(fixture.port(), 4096);
    client.send(post(R"({"do":"bytes","n":67108864})"));
    CHECK(fixture.handler.answered.reaches(1));
    CHECK(fixture.empties());
    CHECK(fixture.handler.bytes_written.load() < 67'108'864u);
}

TEST_CASE("http: notifications turn the answer into an event stream") {
    HttpFixture fixture;
    Client client(fixture.port());
    const Response response = client.exchange(post(R"({"do":"notify"})"));
    CHECK(response.status == 200);
    CHECK(response.has("Content-Type: text/event-stream\r\n"));
    CHECK(response.has("X-Accel-Buffering: no\r\n"));
    CHECK(response.has("Cache-Control: no-cache, no-store\r\n"));
    CHECK(response.body ==
          "event: message\ndata: {\"progress\":1}\n\nevent: message\ndata: {\"progress\": 2}\n\n"
          "event: message\ndata: {\"result\":\"after\"}\n\n");
    CHECK(client.exchange(post(kEcho)).has("application/json"));
}

TEST_CASE("http: notifications are dropped for a client that accepts JSON only") {
    HttpFixture fixture;
    Client client(fixture.port());
    const Response response = client.exchange(post(R"({"do":"notify"})", "", "application/json"));
    CHECK(response.has("Content-Type: application/json\r\n"));
    CHECK(response.body == R"({"result":"after"})");
    CHECK(fixture.handler.notified.load());
}

TEST_CASE("http: a client that accepts event streams only gets its answer as one") {
    HttpFixture fixture;
    Client client(fixture.port());
    const Response response = client.exchange(post("{\"do\":\"echo\",\n\"a\":1}", "", "text/event-stream"));
    CHECK(response.body == "event: message\ndata: {\"do\":\"echo\", \"a\":1}\n\n");
    CHECK(client.exchange(post(R"({"do":"none"})", "", "text/event-stream")).status == 202);
    const Response large = client.exchange(post(R"({"do":"bytes","n":300000})", "", "text/event-stream"));
    CHECK(large.body == concat("event: message\ndata: \"", std::string(300'000, 'x'), "\"\n\n"));
}

TEST_CASE("http: a client that goes away cancels its request, by FIN and by RST") {
    HttpFixture fixture;
    for (int i = 0; i < 2; ++i) {
        Client client(fixture.port());
        client.send(post(R"({"do":"hold"})"));
        REQUIRE(fixture.handler.holding.reaches(i + 1));
        if (i == 0) {
            client.close();
        } else {
            client.reset();
        }
        CHECK(fixture.handler.cancelled.reaches(i + 1));
    }
    CHECK(fixture.empties());
}

TEST_CASE("http: a client that has only finished sending still gets its answer") {
    HttpFixture fixture;
    fixture.handler.release();
    Client client(fixture.port());
    client.send(post(kEcho));
    client.closeSending();
    CHECK(client.read().body == kEcho);
    CHECK(client.atEnd());
}

}  // namespace howdah::kernel::test
