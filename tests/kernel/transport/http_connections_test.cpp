// How connections of the HTTP transport live and end: limits, time, draining.
#include <thread>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "kernel/runtime/support.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

TEST_CASE("http: connections beyond the limit are told so and closed, later ones are welcome again") {
    HttpServer::Config config;
    config.settings.connections_max = 2;
    HttpFixture fixture(std::move(config));
    Client first(fixture.port());
    CHECK(first.exchange(post(kEcho)).status == 200);
    {
        Client second(fixture.port());
        CHECK(second.exchange(post(kEcho)).status == 200);
        Client third(fixture.port());
        const Response refused = third.read();
        CHECK(refused.status == 503);
        CHECK(refused.closes);
        CHECK(first.exchange(post(kEcho)).status == 200);
    }
    for (int i = 0; i < 20'000 && fixture.server->connectionCount() > 1; ++i)
        ::poll(nullptr, 0, 1);
    Client fourth(fixture.port());
    CHECK(fourth.exchange(post(kEcho)).status == 200);
}

TEST_CASE("http: a slow head, a slow body and an idle connection each have their own limit") {
    HttpServer::Config config;
    config.settings.head_limit = 50ms;
    config.settings.body_limit = 50ms;
    config.settings.idle_limit = 50ms;
    HttpFixture fixture(std::move(config));

    Client silent(fixture.port());
    CHECK(silent.atEnd());  // nothing was asked, so nothing is answered

    Client slow_head(fixture.port());
    slow_head.send("POST /mcp HTTP/1.1\r\nHost: loc");
    CHECK(slow_head.read().status == 408);
    CHECK(slow_head.atEnd());

    Client slow_body(fixture.port());
    const std::string request = post(kEcho);
    slow_body.send(request.substr(0, request.size() - 1));
    CHECK(slow_body.read().status == 408);

    Client idle(fixture.port());
    CHECK(idle.exchange(request).status == 200);
    CHECK(idle.atEnd());
    CHECK(fixture.handler.handled.value() == 1);
    CHECK(fixture.empties());
}

TEST_CASE("http: a body that trickles is refused before its time is over, one that keeps the rate is not") {
    HttpServer::Config config;
    config.settings.body_limit = 20s;
    config.settings.body_rate_every = 300ms;
    config.settings.body_bytes_per_s_min = 20;  // 6 in each 300 ms
    HttpFixture fixture(std::move(config));
    const std::string body = concat(R"({"do":"echo","pad":")", std::string(20'000, 'p'), "\"}");
    const std::string request = post(body);
    for (const bool chunked : {false, true}) {
        CAPTURE(chunked);
        Client slow(fixture.port());
        slow.send(chunked ? "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n1\r\n{"
                          : request.substr(0, request.size() - body.size() + 1));
        const Response refused = slow.read();
        CHECK(refused.status == 408);
        CHECK(refused.body.find("arrives too slowly") != std::string::npos);
    }
    // Over three periods, some bytes every millisecond.
    Client steady(fixture.port());
    const auto end = std::chrono::steady_clock::now() + 1s;
    std::size_t sent = 0;
    while (std::chrono::steady_clock::now() < end && sent + 10 < request.size()) {
        steady.send(request.substr(sent, 10));
        sent += 10;
        ::poll(nullptr, 0, 1);
    }
    steady.send(request.substr(sent));
    CHECK(steady.read().body == body);
}

TEST_CASE("http: a server serves many connections on several shards at once") {
    HttpFixture fixture({}, nullptr, 3);
    std::vector<std::thread> clients;
    clients.reserve(8);
    std::atomic<int> right{0};
    for (int c = 0; c < 8; ++c) {
        clients.emplace_back([&, c] {
            Client client(fixture.port());
            for (int i = 0; i < 100; ++i) {
                const std::string body = concat(R"({"do":"echo","id":")", c, "-", i, "\"}");
                if (client.exchange(post(body)).body == body) ++right;
            }
        });
    }
    for (auto& client : clients)
        client.join();
    CHECK(right.load() == 800);
}

TEST_CASE("http: draining closes idle connections, lets requests finish and accepts no more") {
    HttpFixture fixture;
    Client idle(fixture.port());
    CHECK(idle.exchange(post(kEcho)).status == 200);
    Client busy(fixture.port());
    busy.send(post(R"({"do":"hold"})"));
    REQUIRE(fixture.handler.holding.reaches(1));
    fixture.server->drain();
    CHECK(idle.atEnd());
    for (unsigned i = 0; i < fixture.runtime->shardCount(); ++i)
        onLoop(fixture.runtime->shard(i), [] {});  // each has heard of it now
    fixture.handler.release();
    const Response response = busy.read();
    CHECK(response.body == "\"released\"");
    CHECK(response.closes);
    CHECK(busy.atEnd());
    busy.close();
    CHECK(fixture.server->stop(Deadline::in(10s)));
    CHECK_THROWS(Client(fixture.port()));
}

TEST_CASE("http: what is in flight at the drain limit is cancelled and may say so") {
    HttpFixture fixture;
    Client client(fixture.port());
    client.send(post(R"({"do":"hold"})"));
    REQUIRE(fixture.handler.holding.reaches(1));
    std::thread stopping([&] { CHECK_FALSE(fixture.server->stop(Deadline::in(20ms))); });
    CHECK(client.read().body == "\"cancelled\"");
    client.close();
    stopping.join();
}

TEST_CASE("http: start refuses what would be unsafe or cannot work") {
    auto runtime = Runtime::start({});
    REQUIRE(runtime);
    FakeHandler handler;
    auto start = [&](std::string address, std::uint16_t port, std::string path) {
        HttpServer::Config config;
        config.listen.front().host = std::move(address);
        config.listen.front().port = port;
        config.settings.path = std::move(path);
        return HttpServer::start(**runtime, std::move(config), handler, nullptr);
    };
    CHECK(start("0.0.0.0", 0, "/mcp").error().code == Code::refused);
    CHECK(start("::", 0, "/mcp").error().code == Code::refused);
    CHECK(start("192.0.2.1", 0, "/mcp").error().message.find("it needs a plugin as auth") != std::string::npos);
    CHECK(start("127.0.0.1", 0, "mcp").error().code == Code::invalid_argument);
    auto first = start("127.0.0.1", 0, "/mcp");
    REQUIRE(first);
    const auto second = start("127.0.0.1", (*first)->port(), "/mcp");
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Code::unavailable);
    CHECK(second.error().message.find("in use") != std::string::npos);
    first->reset();
    CHECK((*runtime)->stop(Deadline::in(10s)).clean());
}

}  // namespace howdah::kernel::test
