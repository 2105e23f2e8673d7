// Cancels reach the server, and one that cannot holds up nobody.
#include <thread>

#include "pool_fixture.hpp"
#include "toy_proxy.hpp"

using namespace howdah;
using namespace howdah::test;

namespace {

std::size_t running(std::string_view mark) {
    return std::stoul(
        cluster().admin("select count(*) from pg_stat_activity where state = 'active' and pid <> "
                        "pg_backend_pid() and query like '%" +
                        std::string(mark) + "%'"));
}

// A statement that was begun and then cancelled, its connection being settled.
void cancelled(PoolFixture& pool, const std::string& mark) {
    const std::string sql = "select pg_sleep(60) /* " + mark + " */";
    FakeCall call(pool.host);
    std::thread caller([&] { CHECK(pool.run(call, {sql}).status == HOWDAH_ERROR_CANCELLED); });
    REQUIRE(comes([&] { return running(mark) == 1; }));
    const auto begun = std::chrono::steady_clock::now();
    call.cancel();
    caller.join();
    CHECK(std::chrono::steady_clock::now() - begun < 500ms);
}

}  // namespace

TEST_CASE("pool: a cancel is delivered, counted, and its connection used again") {
    PoolFixture pool(R"({"connections_max":1,"connections_min":0})");
    const std::string backend = pool.run({"select pg_backend_pid()"}).value();
    cancelled(pool, "delivered");
    CHECK(pool.run({"select pg_backend_pid()"}).value() == backend);
    CHECK(pool.state()["cancels"] >= 1);
    CHECK(pool.state()["cancels_lost"] == 0);
    CHECK(running("delivered") == 0);
}

TEST_CASE(
    "pool: a cancel that nobody answers costs its connection after two seconds; the database counts as down before") {
    ToyProxy proxy(cluster().socket());
    std::chrono::steady_clock::time_point stopping;
    {
        PoolFixture pool(R"({"connections_max":3,"connections_min":0})", proxy.dsn());
        CHECK(pool.run({"select 1"}).value() == "1");
        proxy.swallowNew(true);
        cancelled(pool, "swallowed");
        REQUIRE(comes([&] { return proxy.swallowed() >= 1; }));
        const auto begun = std::chrono::steady_clock::now();
        REQUIRE(comes([&] { return pool.state()["breaker"] == "open"; }));
        CHECK(pool.state()["cancels_lost"] == 0);
        CHECK(pool.run({"select 1"}).error.message.find("stands still") != std::string::npos);
        REQUIRE(comes([&] { return pool.state()["cancels_lost"] == 1; }));
        CHECK(std::chrono::steady_clock::now() - begun < 3s);
        // The server looks for its client every second.
        CHECK(comes([&] { return running("swallowed") == 0; }));

        proxy.swallowNew(false);
        REQUIRE(comes([&] { return pool.state()["breaker"] != "open"; }));
        CHECK(pool.run({"select 2"}).value() == "2");
        proxy.swallowNew(true);
        cancelled(pool, "stopped");
        REQUIRE(comes([&] { return proxy.swallowed() >= 2; }));
        stopping = std::chrono::steady_clock::now();
    }
    CHECK(std::chrono::steady_clock::now() - stopping < 3s);
}

TEST_CASE("pool: at a stop a connection is not closed before the server has its cancel") {
    ToyProxy proxy(cluster().socket());
    std::optional<PoolFixture> pool(std::in_place, R"({"connections_max":1,"connections_min":0})", proxy.dsn());
    CHECK(pool->run({"select 1"}).value() == "1");
    proxy.holdNew();
    cancelled(*pool, "last");
    REQUIRE(comes([&] { return proxy.accepted() == 2; }));
    std::thread stops([&] { pool.reset(); });
    // The fiber that waited for that cancel has ended, and left another one behind.
    const bool left = comes([&] { return proxy.accepted() == 3; });
    CHECK(left);
    CHECK(running("last") == 1);
    CHECK(proxy.closed() == 0);
    proxy.release();
    stops.join();
    CHECK(comes([&] { return running("last") == 0; }));
}

TEST_CASE("pool: of cancels that nobody answers only two are under way at once") {
    ToyProxy proxy(cluster().socket());
    PoolFixture pool(R"({"connections_max":6,"connections_min":0})", proxy.dsn());
    std::vector<std::thread> callers;
    std::vector<std::unique_ptr<FakeCall>> calls;
    for (int i = 0; i < 6; ++i) {
        calls.push_back(std::make_unique<FakeCall>(pool.host));
        callers.emplace_back(
            [&, call = calls.back().get()] { CHECK(pool.run(*call, {"select pg_sleep(60) /* many */"}).status < 0); });
    }
    REQUIRE(comes([&] { return running("many") == 6; }));
    const int before = proxy.accepted();
    proxy.swallowNew(true);
    for (auto& call : calls)
        call->cancel();
    for (auto& caller : callers)
        caller.join();
    REQUIRE(comes([&] {
        const auto state = pool.state();
        return state["idle"] == 0 && state["open"] == state["connecting"];
    }));
    CHECK(proxy.accepted() - before <= 4);  // a third as the time of the first two ends, and the prober
    CHECK(comes([&] { return running("many") == 0; }));
}

TEST_CASE(
    "pool: a host that swallows packets holds up neither other databases nor the end, and counts as down in time") {
    ToyProxy proxy(cluster().socket());
    proxy.swallowAll();
    std::chrono::steady_clock::time_point stopping;
    {
        PoolFixture pool(R"({"connections_max":20,"connect_timeout_ms":400})", proxy.dsn());
        std::vector<std::thread> callers;
        const auto begun = std::chrono::steady_clock::now();
        for (int i = 0; i < 20; ++i)
            callers.emplace_back([&] { CHECK(pool.run({"select 1"}).error.code == Code::unavailable); });
        for (auto& caller : callers)
            caller.join();
        CHECK(std::chrono::steady_clock::now() - begun < 2s);
        CHECK(proxy.accepted() <= 6);  // four at once, then the prober
        CHECK(pool.state()["breaker"] == "open");
        stopping = std::chrono::steady_clock::now();
    }
    CHECK(std::chrono::steady_clock::now() - stopping < 1s);
}
