// Requests that are sent ahead, and what a client that reads nothing can cost.
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "http_fixture.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kFlood = 64u << 20;
const std::string kHealth = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string kPreflight =
    "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://trusted.example\r\n"
    "Access-Control-Request-Method: POST\r\n\r\n";

HttpServer::Config shortStall() {
    HttpServer::Config config;
    config.allowed_origins = {"http://trusted.example"};
    config.settings.stall_limit = 200ms;
    return config;
}

std::string repeated(std::string_view request, std::size_t count) {
    std::string all;
    all.reserve(request.size() * count);
    while (count-- > 0)
        all += request;
    return all;
}

// Sends until it is all sent, the server has closed the connection, or 20 s are over; the bytes taken.
std::size_t pour(Client& client, const HttpServer& server, std::string_view bytes) {
    std::size_t total = 0;
    for (int idle = 0; total < bytes.size() && idle < 20'000 && (total == 0 || server.connectionCount() > 0);) {
        const std::size_t sent = client.sendSome(bytes.substr(total));
        total += sent;
        if (sent == 0) idle += ::poll(nullptr, 0, 1) + 1;
    }
    return total;
}

}  // namespace

TEST_CASE("http: a client that sends ahead and never reads is not read from any more, and cut off") {
    for (const std::string& request : {kHealth, kPreflight}) {
        CAPTURE(request);
        HttpFixture fixture(shortStall());
        Client client(fixture.port(), 4096);
        // What the sockets' buffers take, a few MiB; the answers to all of it would be as large again.
        CHECK(pour(client, *fixture.server, repeated(request, kFlood / request.size())) < kFlood / 2);
        CHECK(fixture.empties());
    }
}

TEST_CASE("http: a client that sends ahead and reads late gets every answer") {
    HttpServer::Config config = shortStall();
    config.settings.stall_limit = 20s;
    config.settings.head_limit = config.settings.idle_limit = 300ms;  // they do not count while the client must read
    HttpFixture fixture(std::move(config));
    Client client(fixture.port(), 4096);
    constexpr int kRequests = 200'000;
    const std::string all = repeated(kHealth, kRequests);
    std::size_t sent = 0;
    for (int stuck = 0; stuck < 500 && sent < all.size();) {
        const std::size_t now = client.sendSome(std::string_view(all).substr(sent));
        sent += now;
        stuck = now > 0 ? 0 : stuck + 1;
        if (now == 0) ::poll(nullptr, 0, 1);
    }
    REQUIRE(sent < all.size());
    std::thread sender([&] { client.send(std::string_view(all).substr(sent)); });
    int answers = 0;
    while (answers < kRequests && client.read().body == "ok")
        ++answers;
    sender.join();
    CHECK(answers == kRequests);
    CHECK(client.exchange(post(kEcho)).body == kEcho);
}

}  // namespace howdah::kernel::test
