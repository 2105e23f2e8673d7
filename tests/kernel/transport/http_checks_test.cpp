// Who is let in (Host, Origin, CORS) and what is asked for (method, path, types), and the framing tricks that are not.
#include <atomic>
#include <cstdio>
#include <iterator>

#include <doctest/doctest.h>

#include <howdah/abi/health.h>

#include "http_fixture.hpp"

namespace howdah::kernel::test {

namespace {

std::string postTo(std::string_view target, std::string_view lines) {
    return concat("POST ", target, " HTTP/1.1\r\n", lines,
                  "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: ", kEcho.size(),
                  "\r\n\r\n", kEcho);
}

}  // namespace

TEST_CASE("http: Host must name this machine or be configured") {
    HttpServer::Config config;
    config.allowed_hosts = {"Howdah.example"};
    HttpFixture fixture(std::move(config));
    struct Row {
        std::string lines;
        int status;
    };
    const std::string port = std::to_string(fixture.port());
    const Row rows[] = {
        {"Host: localhost\r\n", 200},
        {"Host: localhost:" + port + "\r\n", 200},
        {"Host: LOCALHOST:1\r\n", 200},
        {"Host: 127.0.0.1:" + port + "\r\n", 200},
        {"Host: [::1]:" + port + "\r\n", 200},
        {"Host: howdah.example:443\r\n", 200},
        {"", 400},
        {"Host:\r\n", 403},
        {"Host: localhost\r\nHost: localhost\r\n", 400},
        {"Host: localhost\r\nHost: evil.example\r\n", 400},
        {"Host: evil.example\r\n", 403},
        {"Host: evil.example:" + port + "\r\n", 403},
        {"Host: localhost.evil.example\r\n", 403},
        {"Host: evil-localhost\r\n", 403},
        {"Host: localhost:port\r\n", 403},
        {"Host: localhost:99999\r\n", 403},
        {"Host: localhost@evil.example\r\n", 403},
        {"Host: 127.0.0.1.evil.example\r\n", 403},
        {"Host: 0.0.0.0:" + port + "\r\n", 403},
        {"Host: [::1\r\n", 403},
        {"Host: [::1]evil\r\n", 403},
        {"Host: evil.example\r\nOrigin: http://evil.example\r\n", 403},
    };
    int let_in = 0;
    for (const Row& row : rows) {
        CAPTURE(row.lines);
        const Response response = Client(fixture.port()).exchange(postTo("/mcp", row.lines));
        CHECK(response.status == row.status);
        if (row.status == 403)
            CHECK(response.body.find("a reverse proxy has to send one of them") != std::string::npos);
        // The state of health is no more a foreign page's business than the rest.
        CHECK(Client(fixture.port()).exchange(concat("GET /healthz HTTP/1.1\r\n", row.lines, "\r\n")).status ==
              row.status);
        let_in += row.status == 200;
    }
    CHECK(fixture.handler.handled.value() == let_in);
}

TEST_CASE("http: a target in absolute form must name an allowed host as well") {
    HttpFixture fixture;
    auto status = [&](std::string_view target) {
        return Client(fixture.port()).exchange(postTo(target, "Host: localhost\r\n")).status;
    };
    CHECK(status("http://localhost/mcp") == 200);
    CHECK(status("http://127.0.0.1:80/mcp?x=1") == 200);
    CHECK(status("http://evil.example/mcp") == 403);
    CHECK(status("http://localhost@evil.example/mcp") == 403);
    CHECK(status("https://localhost/mcp") == 400);
    CHECK(status("http://localhost") == 404);
    CHECK(status("localhost:80") == 404);
    CHECK(status("*") == 404);
    CHECK(fixture.handler.handled.value() == 2);
}

TEST_CASE("http: an Origin must be this server or configured, byte for byte") {
    HttpServer::Config config;
    config.allowed_origins = {"https://inspector.example"};
    HttpFixture fixture(std::move(config));
    const std::string port = std::to_string(fixture.port());
    struct Row {
        std::string origin;
        int status;
    };
    const Row rows[] = {
        {"http://localhost:" + port, 200},
        {"http://127.0.0.1:" + port, 200},
        {"http://[::1]:" + port, 200},
        {"https://inspector.example", 200},
        {"http://localhost", 403},  // port 80
        {"http://localhost:1", 403},
        {"https://localhost:" + port, 403},
        {"http://evil.example", 403},
        {"http://evil.example:" + port, 403},
        {"null", 403},
        {"", 403},
        {"http://localhost:" + port + ".evil.example", 403},
        {"http://localhost.evil.example:" + port, 403},
        {"http://evil-localhost:" + port, 403},
        {"http://user@localhost:" + port, 403},
        {"HTTP://LOCALHOST:" + port, 403},
        {"http://LOCALHOST:" + port, 403},
        {"http://localhost.:" + port, 403},
        {"http://localhost:" + port + "/", 403},
        {"https://inspector.example.evil", 403},
        {"https://evil.inspector.example", 403},
        {"http://inspector.example", 403},
        {"http://localhost:" + port + "\r\nOrigin: http://localhost:" + port, 403},
    };
    int let_in = 0;
    for (const Row& row : rows) {
        CAPTURE(row.origin);
        const Response response =
            Client(fixture.port()).exchange(postTo("/mcp", concat("Host: localhost\r\nOrigin: ", row.origin, "\r\n")));
        CHECK(response.status == row.status);
        CHECK(response.has("Access-Control-Allow-Origin: " + row.origin + "\r\n") == (row.status == 200));
        let_in += row.status == 200;
    }
    CHECK(fixture.handler.handled.value() == let_in);
}

TEST_CASE("http: a preflight is answered for allowed pages only") {
    HttpFixture fixture;
    const std::string own = "http://localhost:" + std::to_string(fixture.port());
    auto preflight = [](std::string_view origin) {
        return concat("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: ", origin,
                      "\r\nAccess-Control-Request-Method: POST\r\n"
                      "Access-Control-Request-Headers: content-type,mcp-param-region\r\n\r\n");
    };
    Client client(fixture.port());
    const Response allowed = client.exchange(preflight(own));
    CHECK(allowed.status == 204);
    CHECK(allowed.has("Access-Control-Allow-Origin: " + own + "\r\n"));
    CHECK(allowed.has("Access-Control-Allow-Headers: content-type,mcp-param-region\r\n"));
    CHECK(allowed.has("Vary: Origin\r\n"));
    CHECK(client.exchange(preflight("http://evil.example")).status == 403);
    CHECK(Client(fixture.port()).exchange("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 405);
}

TEST_CASE("http: healthz and readyz say in one word what was told") {
    std::atomic<std::uint32_t> health{HOWDAH_HEALTH_OK};
    HttpServer::Config config;
    config.settings.health = [&] { return health.load(); };
    HttpFixture fixture(std::move(config));
    const auto ask = [&](std::string_view path) {
        const auto answer =
            Client(fixture.port()).exchange(concat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        return concat(answer.status, ' ', answer.body);
    };
    CHECK(ask("/healthz") == "200 ok");
    CHECK(ask("/readyz") == "200 ready");
    health = HOWDAH_HEALTH_DEGRADED;
    CHECK(ask("/healthz") == "200 degraded");
    CHECK(ask("/readyz") == "200 ready");
    health = HOWDAH_HEALTH_NOT_READY;
    CHECK(ask("/healthz") == "200 degraded");
    CHECK(ask("/readyz") == "503 not ready");
}

TEST_CASE("http: methods, paths and types that are not understood get the status that says so") {
    HttpFixture fixture;
    struct Row {
        std::string request;
        int status;
    };
    const std::string tail = " HTTP/1.1\r\nHost: localhost\r\n";
    auto typed = [&](std::string_view type, std::string_view accept) {
        return concat("POST /mcp", tail, "Content-Type: ", type, "\r\nAccept: ", accept,
                      "\r\nContent-Length: ", kEcho.size(), "\r\n\r\n", kEcho);
    };
    const Row rows[] = {
        {"PUT /mcp" + tail + "\r\n", 405},
        {"TRACE /mcp" + tail + "\r\n", 405},
        {"HEAD /mcp" + tail + "\r\n", 405},
        {"PROPFIND /mcp" + tail + "\r\n", 405},
        {"GET /" + tail + "\r\n", 404},
        {"POST /mcp/" + tail + "\r\n", 404},
        {"POST /MCP" + tail + "\r\n", 404},
        {"GET /healthz" + tail + "\r\n", 200},
        {"POST /healthz" + tail + "\r\n", 405},
        {"GET /readyz" + tail + "\r\n", 200},
        {"POST /readyz" + tail + "\r\n", 405},
        {"POST /mcp" + tail + "Content-Length: 2\r\n\r\n{}", 415},
        {typed("application/json", "application/json"), 200},
        {typed("Application/JSON; charset=UTF-8", "*/*"), 200},
        {typed("application/json", "text/html, application/*;q=0.1"), 200},
        {typed("application/json", ""), 200},
        {typed("application/json; charset=latin1", "*/*"), 415},
        {typed("text/plain", "*/*"), 415},
        {typed("application/x-www-form-urlencoded", "*/*"), 415},
        {typed("application/json2", "*/*"), 415},
        {typed("application/json", "text/html"), 406},
        {typed("application/json", "application/json;q=0, text/event-stream; q=0.000"), 406},
    };
    for (const Row& row : rows) {
        CAPTURE(row.request);
        Client client(fixture.port());
        client.send(row.request);
        if (row.request.starts_with("HEAD")) {
            CHECK(client.readUntil("\r\n").find("405") != std::string::npos);
            CHECK(client.readToEnd().find('{') == std::string::npos);
            continue;
        }
        const Response response = client.read();
        CHECK(response.status == row.status);
        if (row.status == 405) CHECK(response.has("Allow: "));
        if (row.status >= 400) CHECK(response.body.starts_with(R"({"jsonrpc":"2.0","error":{"code":-32600,)"));
    }
}

TEST_CASE("http: whatever two parsers could frame differently is refused and the connection closed") {
    HttpFixture fixture;
    const std::string head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    const std::string smuggled = "POST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const std::string bodies[] = {
        // lengths
        head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n{ } {",
        head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{ } {}",
        head + "Content-Length: 5, 5\r\n\r\n{ } {",
        head + "Content-Length: +2\r\n\r\n{}",
        head + "Content-Length: -2\r\n\r\n{}",
        head + "Content-Length: 0x2\r\n\r\n{}",
        head + "Content-Length: 2 2\r\n\r\n{}",
        head + "Content-Length: 2a\r\n\r\n{}",
        head + "Content-Length:\r\n\r\n{}",
        head + "Content-Length: 99999999999999999999999\r\n\r\n{}",
        head + "Content-Length : 2\r\n\r\n{}",
        // lengths and chunks
        head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        head + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n" + smuggled,
        head + "Content-Length: 2;\r\n\r\n{}",
        head + "Content-Length: \"2\"\r\n\r\n{}",
        head + "Content-Length: 2e0\r\n\r\n{}",
        head + "Content-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n{}",
        head + "Content-Length: 2\r\nTransfer-Encoding:\r\n\r\n{}",
        head + "Content-Length: 2\r\nContent-Length : 5\r\n\r\n{}",
        // encodings
        head + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        head + std::string("Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", 36),
        head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding: identity\r\n\r\n{}",
        head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        head +
            "Transfer-Encoding: \x0b"
            "chunked\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "POST /mcp HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // chunks
        head + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\ng\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
        head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n0\r\n folded\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n2;" + std::string(300, 'e') + "\r\n{}\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n2;" + std::string(20'000, 'e'),
        head + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + std::string(20'000, 'X'),
        // lines
        "POST /mcp HTTP/1.1\nHost: localhost\n\n",
        head + "X: a\nContent-Length: 2\r\n\r\n{}",
        head + "X: a\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
        head + "X: a\r\n\tfolded\r\nContent-Length: 2\r\n\r\n{}",
        head + "X: a\rContent-Length: 2\r\n\r\n{}",
        head + "X\r\n\r\n",
        head + ": empty\r\n\r\n",
        head + "X y: z\r\n\r\n",
        head + std::string("X: a\0b\r\n\r\n", 10),
        " POST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\r\nPOST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST  /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /mcp HTTP/1.1 \r\nHost: localhost\r\n\r\n",
        "POST /m cp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /mcp\r\nHost: localhost\r\n\r\n",
        "POST /mcp HTTP/1.1\r\r\nHost: localhost\r\n\r\n",
        "POST\t/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /mcp HTTP/1.10\r\nHost: localhost\r\n\r\n",
        "POST /mcp HTTP/1.1x\r\nHost: localhost\r\n\r\n",
        "POST /mcp\x7f HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "P\xc3\x96ST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HTTP/1.1 200 OK\r\nHost: localhost\r\n\r\n",
        "POST /mcp HTTP/2.0\r\nHost: localhost\r\n\r\n",
        "POST /mcp http/1.1\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02 a TLS hello\r\n\r\n",
        head + "Authorization: a\r\nAuthorization: b\r\nContent-Length: 2\r\n\r\n{}",
        head + "Mcp-Method: a\r\nMcp-Method: b\r\nContent-Length: 2\r\n\r\n{}",
        head + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    };
    for (const std::string& request : bodies) {
        CAPTURE(request.substr(0, 300));
        Client client(fixture.port());
        client.send(request);
        client.closeSending();
        const Response response = client.read();
        CHECK((response.status == 400 || response.status == 505 || response.status == 413));
        CHECK(response.closes);
        CHECK(client.atEnd());
    }
    CHECK(fixture.handler.handled.value() == 0);
    CHECK(std::size(bodies) >= 60);
    std::printf("figure: HTTP framing tricks: %zu of %zu refused and the connection closed\n", std::size(bodies),
                std::size(bodies));
}

TEST_CASE("http: the extension of a chunk is taken up to 256 bytes, with its semicolon") {
    HttpFixture fixture;
    const auto status = [&](std::size_t bytes) {
        return Client(fixture.port())
            .exchange(concat("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n2;",
                             std::string(bytes - 1, 'e'), "\r\n{}\r\n0\r\n\r\n"))
            .status;
    };
    CHECK(status(256) == 200);
    CHECK(fixture.handler.handled.value() == 1);
    CHECK(status(257) == 400);
    CHECK(fixture.handler.handled.value() == 1);
}

TEST_CASE("http: head bytes, line bytes and the number of fields are limited, on both sides of the edge") {
    HttpFixture fixture;
    auto with = [](std::string_view lines) {
        return concat("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ",
                      kEcho.size(), "\r\n", lines, "\r\n", kEcho);
    };
    auto status = [&](const std::string& request) { return Client(fixture.port()).exchange(request).status; };
    auto fields = [](int count) {
        std::string lines;
        for (int i = 0; i < count; ++i)
            lines += concat("X-", i, ": 1\r\n");
        return lines;
    };
    CHECK(status(with(fields(97))) == 200);  // and three of ours
    CHECK(status(with(fields(98))) == 431);

    CHECK(status(with(concat("X: ", std::string(8 * 1024 - 4, 'x'), "\r\n"))) == 200);  // a line counts its CR
    CHECK(status(with(concat("X: ", std::string(8 * 1024 - 3, 'x'), "\r\n"))) == 431);
    CHECK(status(concat("GET /", std::string(9000, 'x'), " HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 414);

    const std::size_t own = with("").size() - kEcho.size();
    auto padded = [&](std::size_t head_bytes) {
        const std::string line = concat("X: ", std::string(7000, 'x'), "\r\n");
        const std::size_t left = head_bytes - own - 2 * line.size() - 5;
        return with(concat(line, line, "Y: ", std::string(left, 'y'), "\r\n"));
    };
    CHECK(status(padded(16 * 1024)) == 200);
    CHECK(status(padded(16 * 1024 + 1)) == 431);
    CHECK(fixture.handler.handled.value() == 3);
}

}  // namespace howdah::kernel::test
