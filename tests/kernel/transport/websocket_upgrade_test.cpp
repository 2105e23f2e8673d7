// Who may open a WebSocket, and how they have to ask: the same door as for a POST, before 101.
#include <string>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "one_token.hpp"
#include "websocket_client.hpp"

namespace howdah::kernel::test {

namespace {

// 101 has no length and the connection stays open, so only the head is read.
Response ask(HttpFixture& fixture, std::string_view request) {
    Client client(fixture.port());
    client.send(request);
    Response response;
    response.head = client.readUntil("\r\n\r\n");
    // NOLINTNEXTLINE(cert-err34-c): what is no number is no status either, 0
    response.status = std::atoi(response.head.c_str() + 9);
    if (response.status != 101) response.body = client.readBytes(1);
    return response;
}

std::string with(std::string_view lines) {
    return concat("GET /mcp HTTP/1.1\r\nHost: localhost\r\n", lines, "\r\n");
}

constexpr std::string_view kWhole =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

}  // namespace

TEST_CASE("websocket: the handshake is the one of RFC 6455, with the subprotocol mcp if it was asked for") {
    HttpFixture fixture;
    Response response = ask(fixture, upgrade());
    CHECK(response.status == 101);
    CHECK(response.has("Upgrade: websocket\r\n"));
    CHECK(response.has("Connection: Upgrade\r\n"));
    CHECK(response.has("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    CHECK(response.has("Sec-WebSocket-Protocol: mcp\r\n"));
    response = ask(fixture, upgrade(""));
    CHECK(response.status == 101);
    CHECK_FALSE(response.has("Sec-WebSocket-Protocol"));
    response =
        ask(fixture, upgrade("Sec-WebSocket-Protocol: chat, mcp\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"));
    CHECK(response.status == 101);
    CHECK(response.has("Sec-WebSocket-Protocol: mcp\r\n"));
    CHECK_FALSE(response.has("Sec-WebSocket-Extensions"));  // nothing is compressed
    CHECK(ask(fixture, upgrade("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: mcp\r\n")).status == 101);
    CHECK(ask(fixture, with("upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\nsec-websocket-version: 13\r\n"
                            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
              .status == 101);
}

TEST_CASE("websocket: a handshake that is not whole is refused with the status that says so") {
    HttpFixture fixture;
    struct Row {
        std::string request;
        int status;
    };
    const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const std::string begin = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    const Row rows[] = {
        {with(begin + "Sec-WebSocket-Version: 13\r\n"), 400},
        {with(begin + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"), 400},
        {with(begin + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"), 400},
        {with(begin + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBpcyBsb25n\r\n"), 400},
        {with(begin + "Sec-WebSocket-Version: 13\r\n" + key + key), 400},
        {with(begin + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n" + key), 400},
        {with(begin + key), 426},
        {with(begin + "Sec-WebSocket-Version: 8\r\n" + key), 426},
        {with(concat(kWhole, "Sec-WebSocket-Protocol: chat\r\n")), 400},
        {with(concat(kWhole, "Sec-WebSocket-Protocol: \r\n")), 400},
        {with(concat(kWhole, "Content-Length: 2\r\n")) + "{}", 400},
        {"GET /mcp HTTP/1.0\r\nHost: localhost\r\n" + std::string(kWhole) + "\r\n", 400},
        {"GET /other HTTP/1.1\r\nHost: localhost\r\n" + std::string(kWhole) + "\r\n", 404},
        {"DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + std::string(kWhole) + "\r\n", 404},  // ends a session
        {with("Upgrade: h2c\r\nConnection: Upgrade\r\n" + key), 406},                         // an ordinary GET
        {with("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" + key), 406},
    };
    for (const Row& row : rows) {
        CAPTURE(row.request);
        Client client(fixture.port());
        client.send(row.request);
        const Response response = client.read();
        CHECK(response.status == row.status);
        if (row.status == 426) {
            CHECK(response.has("Sec-WebSocket-Version: 13\r\n"));
            CHECK(response.has("Upgrade: websocket\r\n"));
        }
    }
    CHECK(fixture.handler.handled.value() == 0);
}

TEST_CASE("websocket: Host and Origin are checked as for a POST, before the upgrade") {
    HttpServer::Config config;
    config.allowed_origins = {"https://inspector.example"};
    config.allowed_hosts = {"db.example"};
    HttpFixture fixture(std::move(config));
    const std::string port = std::to_string(fixture.port());
    struct Row {
        std::string host, origin;
        int status;
    };
    const Row rows[] = {
        {"localhost", "", 101},
        {"127.0.0.1:" + port, "", 101},
        {"[::1]", "", 101},
        {"db.example", "", 101},
        {"evil.example", "", 403},
        {"localhost.evil.example", "", 403},
        {"localhost", "http://localhost:" + port, 101},
        {"localhost", "https://inspector.example", 101},
        {"localhost", "http://localhost", 403},
        {"localhost", "http://localhost:1", 403},
        {"localhost", "https://localhost:" + port, 403},
        {"localhost", "http://evil.example", 403},
        {"localhost", "http://localhost.evil.example:" + port, 403},
        {"localhost", "http://evil-localhost:" + port, 403},
        {"localhost", "http://user@localhost:" + port, 403},
        {"localhost", "http://LOCALHOST:" + port, 403},
        {"localhost", "http://localhost.:" + port, 403},
        {"localhost", "null", 403},
        {"localhost", "ws://localhost:" + port, 403},
        {"localhost", "https://inspector.example.evil", 403},
        {"localhost", "http://localhost:" + port + "\r\nOrigin: http://localhost:" + port, 403},
        {"evil.example", "http://localhost:" + port, 403},
    };
    for (const Row& row : rows) {
        CAPTURE(row.host);
        CAPTURE(row.origin);
        const std::string origin = row.origin.empty() ? "" : "Origin: " + row.origin + "\r\n";
        CHECK(ask(fixture, upgrade(origin, row.host)).status == row.status);
    }
    CHECK(ask(fixture, upgrade("Origin: \r\n")).status == 403);
}

TEST_CASE("websocket: with an authenticator nobody gets past the upgrade without its word") {
    OneToken tokens;
    HttpFixture fixture({}, &tokens);
    Response response = ask(fixture, upgrade());
    CHECK(response.status == 401);
    CHECK(response.has("WWW-Authenticate: Bearer realm=\"howdah\""));
    CHECK(ask(fixture, upgrade("Authorization: Bearer wrong\r\n")).status == 401);
    CHECK(ask(fixture, upgrade("Authorization: Bearer down\r\n")).status == 503);
    CHECK(ask(fixture, upgrade("Authorization: Bearer right\r\nAuthorization: Bearer right\r\n")).status == 400);
    CHECK(ask(fixture, upgrade("Authorization: Bearer right\r\nOrigin: http://evil.example\r\n")).status == 403);
    CHECK(ask(fixture, upgrade("Authorization: Bearer right\r\n")).status == 101);
    CHECK(fixture.handler.handled.value() == 0);
}

TEST_CASE("websocket: a refused upgrade leaves the connection usable for requests after 401, closed after the rest") {
    OneToken tokens;
    HttpFixture fixture({}, &tokens);
    Client client(fixture.port());
    CHECK(client.exchange(upgrade()).status == 401);
    CHECK(client.exchange(post(kEcho, "Authorization: Bearer right\r\n")).status == 200);
    CHECK(client.exchange(upgrade("Origin: http://evil.example\r\n")).closes);
}

TEST_CASE("websocket: websocket: false serves POST and refuses the upgrade") {
    HttpServer::Config config;
    config.settings.websocket = false;
    HttpFixture fixture(std::move(config));
    Client client(fixture.port());
    const Response response = client.exchange(upgrade());
    CHECK(response.status == 403);
    CHECK(response.body.find("transports.http.websocket") != std::string::npos);
    CHECK(Client(fixture.port()).exchange(post(kEcho)).status == 200);
}

}  // namespace howdah::kernel::test
