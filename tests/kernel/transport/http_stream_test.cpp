// GET streams, sessions ended by DELETE, and authentication.
#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "one_token.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

namespace {
const std::string kOpen =
    "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: s1\r\n\r\n";
}  // namespace

TEST_CASE("http: a GET opens a stream on which any thread can push") {
    HttpFixture fixture;
    Client client(fixture.port());
    client.send(kOpen);
    const std::string head = client.readUntil("\r\n\r\n");
    CHECK(head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(client.readChunk() == ":\n\n");
    auto link = fixture.handler.takePeer();
    REQUIRE(link);
    CHECK(link->push("{\"a\":\n1}"));
    CHECK(client.readChunk() == "event: message\ndata: {\"a\": 1}\n\n");
    CHECK(link->push("{}"));
    CHECK(client.readChunk() == "event: message\ndata: {}\n\n");
    link.reset();  // nobody can push any more: the stream ends
    CHECK(client.readChunk().empty());
}

TEST_CASE("http: a stream the handler refuses is an ordinary answer") {
    HttpFixture fixture;
    Client client(fixture.port());
    const Response response =
        client.exchange("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    CHECK(response.status == 400);
    CHECK(response.body == R"({"error":"no session"})");
    CHECK(client.exchange("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n").status == 406);
    CHECK(fixture.handler.streams.value() == 1);
}

TEST_CASE("http: pushing fails once the client has gone") {
    HttpFixture fixture;
    Client client(fixture.port());
    client.send(kOpen);
    client.readUntil(":\n\n");
    auto link = fixture.handler.takePeer();
    client.close();
    REQUIRE(fixture.empties());
    CHECK_FALSE(link->push("{}"));
}

TEST_CASE("http: a client that lets its queue fill up is cut off") {
    HttpServer::Config config;
    config.settings.stream_queue_bytes_max = 64 * 1024;
    HttpFixture fixture(std::move(config));
    Client client(fixture.port(), 4096);
    client.send(kOpen);
    client.readUntil(":\n\n");
    auto link = fixture.handler.takePeer();
    std::size_t pushed = 0;
    const std::string event(8000, 'e');
    while (pushed < (256u << 20) && link->push(event))
        pushed += event.size();
    CHECK(pushed < 256u << 20);
    CHECK_FALSE(link->push("{}"));
}

TEST_CASE("http: a quiet GET stream is kept open by comments") {
    HttpServer::Config config;
    config.settings.keep_alive_every = 20ms;
    HttpFixture fixture(std::move(config));
    Client get(fixture.port());
    get.send(kOpen);
    get.readUntil(":\n\n");
    get.readUntil(":\n\n");
    get.readUntil(":\n\n");
    auto link = fixture.handler.takePeer();
    CHECK(link->push("{}"));
    get.readUntil("data: {}\n\n");
    get.readUntil(":\n\n");
}

TEST_CASE("http: an event stream that answers a POST is kept open by comments too, and no proxy is to hold it back") {
    HttpServer::Config config;
    config.settings.keep_alive_every = 20ms;
    HttpFixture fixture(std::move(config));
    Client client(fixture.port());
    client.send(post(R"({"do":"notify_hold"})"));
    const std::string head = client.readUntil("\r\n\r\n");
    CHECK(head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(head.find("X-Accel-Buffering: no\r\n") != std::string::npos);
    CHECK(head.find("Cache-Control: no-cache, no-store\r\n") != std::string::npos);
    CHECK(client.readChunk() == "event: message\ndata: {\"progress\":0}\n\n");
    CHECK(client.readChunk() == ":\n\n");
    CHECK(client.readChunk() == ":\n\n");
    fixture.handler.release();
    std::string chunk;
    while ((chunk = client.readChunk()) == ":\n\n") {
    }
    CHECK(chunk == "event: message\ndata: \"released\"\n\n");
}

TEST_CASE("http: draining ends GET streams") {
    HttpFixture fixture;
    Client client(fixture.port());
    client.send(kOpen);
    client.readUntil("\r\n\r\n");
    CHECK(client.readChunk() == ":\n\n");
    auto link = fixture.handler.takePeer();
    fixture.server->drain();
    CHECK(client.readChunk().empty());
    CHECK(client.atEnd());
    CHECK_FALSE(link->push("{}"));
}

TEST_CASE("http: DELETE ends a session") {
    HttpFixture fixture;
    Client client(fixture.port());
    CHECK(client.exchange("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: s1\r\n\r\n").status == 204);
    CHECK(client.exchange("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: s2\r\n\r\n").status == 404);
}

TEST_CASE("http: with an authenticator no request reaches the handler without its word") {
    OneToken tokens;
    HttpFixture fixture({}, &tokens);
    std::string subject;
    fixture.handler.on_message = [&](const Inbound& message) {
        subject = message.principal ? message.principal->subject : "nobody";
    };
    Client client(fixture.port());
    Response response = client.exchange(post(kEcho));
    CHECK(response.status == 401);
    const std::string where =
        concat("WWW-Authenticate: Bearer realm=\"howdah\", at=\"http://127.0.0.1:", fixture.port(),
               "/.well-known/oauth-protected-resource/mcp\", reason=\"");
    CHECK(response.has(where + "0\", scope=\"howdah:read\"\r\n"));
    response = client.exchange(post(kEcho, "Authorization: Bearer wrong\r\n"));
    CHECK(response.status == 401);
    CHECK(response.has(where + "1\", scope=\"howdah:read\"\r\n"));
    response = client.exchange(post(kEcho, "Authorization: Bearer\r\n"));
    CHECK(response.status == 400);
    CHECK(response.has(where + "2\", scope=\"howdah:read\"\r\n"));
    CHECK(client
              .exchange("POST /mcp?access_token=right HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        "Content-Length: 2\r\n\r\n{}")
              .status == 401);
    CHECK(client.exchange(kOpen).status == 401);
    CHECK(client.exchange("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 401);
    response = client.exchange(post(kEcho, "Authorization: Bearer down\r\n"));
    CHECK(response.status == 503);
    CHECK_FALSE(response.has("WWW-Authenticate"));
    CHECK(fixture.handler.handled.value() == 0);
    CHECK(fixture.handler.streams.value() == 0);
    CHECK(client.exchange(post(kEcho, "Authorization: Bearer right\r\n")).status == 200);
    REQUIRE(fixture.handler.handled.reaches(1));
    CHECK(subject == "ann");
    CHECK(client.exchange("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").body == "ok");
}

TEST_CASE("http: how to get a token is told to everybody, at the root and under the path, and to any page") {
    OneToken tokens;
    HttpServer::Config config;
    config.settings.resource = "https://db.example.com/team/mcp";
    HttpFixture fixture(std::move(config), &tokens);
    Client client(fixture.port());
    const auto get = [&](std::string_view path, std::string_view more = "", std::string_view method = "GET") {
        return client.exchange(concat(method, " ", path, " HTTP/1.1\r\nHost: db.example.com\r\n", more, "\r\n"));
    };
    for (std::string_view path : {"", "/mcp", "/team/mcp"}) {
        Response response = get(concat(kMetadataPath, path), "Origin: https://login.example\r\n");
        CHECK(response.status == 200);
        CHECK(response.body == R"({"resource":"https://db.example.com/team/mcp"})");
        CHECK(response.has("Access-Control-Allow-Origin: *\r\n"));
        CHECK(response.has("Content-Type: application/json\r\n"));
    }
    const Response preflight = get(kMetadataPath,
                                   "Origin: https://login.example\r\nAccess-Control-Request-Method: GET\r\n"
                                   "Access-Control-Request-Headers: mcp-protocol-version\r\n",
                                   "OPTIONS");
    CHECK(preflight.status == 204);
    CHECK(preflight.has("Access-Control-Allow-Origin: *\r\n"));
    tokens.has_metadata = false;
    CHECK(get(kMetadataPath).status == 404);
    CHECK(fixture.handler.handled.value() == 0);
    CHECK(get("/mcp", "Origin: https://login.example\r\nAccept: text/event-stream\r\n").status == 403);
    Client other(fixture.port());
    CHECK(other.exchange(concat("GET ", kMetadataPath, "/other HTTP/1.1\r\nHost: localhost\r\n\r\n")).status == 404);
    Client poster(fixture.port());
    CHECK(poster.exchange(concat("POST ", kMetadataPath, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"))
              .status == 405);
}

TEST_CASE("http: without an authenticator there is no way to a token to tell of") {
    HttpFixture fixture;
    Client client(fixture.port());
    CHECK(client.exchange(concat("GET ", kMetadataPath, " HTTP/1.1\r\nHost: localhost\r\n\r\n")).status == 404);
}

}  // namespace howdah::kernel::test
