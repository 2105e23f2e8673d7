// Connections shared between principals, between generations of the plugin, and with time.
#include <algorithm>
#include <mutex>
#include <thread>

#include "pool_fixture.hpp"

using namespace howdah;
using namespace howdah::test;

namespace {

std::string count(const std::string& role) {
    return cluster().admin("select count(*) from pg_stat_activity where usename = '" + role + "'");
}

void makeRole(const std::string& name, const std::string& more = "") {
    cluster().admin("drop role if exists " + name + "; create role " + name + " login " + more);
}

}  // namespace

TEST_CASE("pool: a principal that floods the database keeps nobody else from it") {
    PoolFixture pool(R"({"connections_max":4,"queue_max":8,"lease_timeout_ms":5000})");
    std::atomic<bool> stop{false};
    std::atomic<int> turned_away{0};
    std::vector<std::thread> flood;
    for (std::uint32_t i = 0; i < 24; ++i) {
        flood.emplace_back([&, i] {
            while (!stop) {
                Answer answer = pool.run({.sql = "select pg_sleep(0.05)", .principal = "flood"}, 30s, i % 2);
                turned_away += answer.status < 0;
            }
        });
    }
    REQUIRE(comes([&] { return turned_away > 0; }));  // the line is full
    std::vector<std::chrono::milliseconds> took;
    for (int i = 0; i < 40; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        Answer answer = pool.run({.sql = "select 1", .principal = "quiet"});
        CHECK(answer.value() == "1");
        took.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun));
    }
    stop = true;
    for (auto& caller : flood)
        caller.join();
    std::sort(took.begin(), took.end());
    MESSAGE("the quiet one waited " << took[20].count() << " ms in the median, " << took.back().count()
                                    << " ms at most");
}

TEST_CASE("pool: one that holds connections for long leaves some to others, before they have come") {
    PoolFixture pool(R"({"connections_max":3,"lease_timeout_ms":300,"connections_min":0})");
    std::vector<std::unique_ptr<FakeCall>> calls;
    std::vector<std::uint64_t> cursors;
    for (int i = 0; i < 3; ++i) {
        calls.push_back(std::make_unique<FakeCall>(pool.host));
        std::uint64_t cursor = 0;
        Ask ask{.sql = "select repeat('x', 1000) from generate_series(1, 1000)", .principal = "slow reader"};
        if (pool.open(*calls.back(), ask, &cursor) == HOWDAH_OK) cursors.push_back(cursor);
    }
    CHECK(cursors.size() == 2);
    CHECK(pool.run({.sql = "select 1", .principal = "somebody"}).value() == "1");
    for (std::size_t i = 0; i < cursors.size(); ++i)
        pool.sql->close(pool.host.self(), calls[i]->ctx(), cursors[i]);
}

TEST_CASE("pool: a request that would be over before its turn is told at once") {
    PoolFixture pool(R"({"connections_max":1,"lease_timeout_ms":30000})");
    for (int i = 0; i < 40; ++i)
        CHECK(pool.run({"select pg_sleep(0.1)"}).status == 0);
    std::atomic<bool> stop{false};
    std::thread holder([&] {
        while (!stop)
            pool.run({"select pg_sleep(0.2)"});
    });
    REQUIRE(comes([&] { return pool.state()["idle"] == 0; }));
    Answer answer;
    REQUIRE(comes([&] {
        answer = pool.run({"select 1"}, 20ms);
        return answer.error.code == Code::unavailable;
    }));
    stop = true;
    holder.join();
    CHECK(answer.error.message.find("would be over before its turn") != std::string::npos);
    CHECK(answer.error.retry_after_ms > 20);
    CHECK(pool.state()["refused_late"] > 0);
}

TEST_CASE("pool: who holds a connection for too long is named, without the statement") {
    PoolFixture pool(R"({"leak_alarm_ms":200})");
    FakeCall call(pool.host);
    std::uint64_t cursor = 0;
    Ask ask{.sql = "select repeat('secret', 1000) from generate_series(1, 1000)", .principal = "ann", .tool = "report"};
    REQUIRE(pool.open(call, ask, &cursor) == HOWDAH_OK);
    REQUIRE(comes([&] { return pool.logged("held for 200 ms by tool report of plugin query for ann"); }));
    CHECK_FALSE(pool.logged("secret"));
    auto state = pool.state();
    CHECK(state["leak_alarms"] == 1);
    REQUIRE(state["leaks"].size() == 1);
    CHECK(state["leaks"][0]["owner"] == "tool report of plugin query for ann");
    CHECK(pool.report()["status"] == "warn");
    pool.sql->close(pool.host.self(), call.ctx(), cursor);
    REQUIRE(comes([&] { return pool.state()["leaks"].empty(); }));
}

TEST_CASE("pool: two generations together open no more than one may, and neither starves") {
    makeRole("limited", "connection limit 4");
    const std::string dsn = cluster().dsn("limited");
    auto before = std::make_unique<PoolFixture>(R"({"connections_max":4,"connections_min":4})", dsn);
    std::atomic<bool> stop{false};
    std::atomic<int> done{0};
    std::vector<std::string> failed;
    std::mutex mutex;
    auto load = [&](PoolFixture& pool, int calls_max) {
        for (int i = 0; !stop && i < calls_max; ++i) {
            Answer answer = pool.run({i % 5 == 4 ? "select pg_sleep(0.02)" : "select 1"});
            ++done;
            if (answer.status >= 0) continue;
            std::lock_guard lock(mutex);
            failed.push_back(answer.error.message + answer.error.detail);
        }
    };
    auto callers = [&](PoolFixture& pool, int calls_max) {
        std::vector<std::thread> made;
        for (int i = 0; i < 6; ++i)
            made.emplace_back([&, calls_max] { load(pool, calls_max); });
        return made;
    };
    for (int reload = 0; reload < 5; ++reload) {
        stop = false;
        auto old_callers = callers(*before, 60);  // what is in flight when the generations change
        auto after = std::make_unique<PoolFixture>(R"({"connections_max":4,"connections_min":4})", dsn);
        const int goal = done + 200;
        auto new_callers = callers(*after, 100000);
        REQUIRE(comes([&] { return done > goal; }));
        for (auto& caller : old_callers)
            caller.join();
        before.reset();
        stop = true;
        for (auto& caller : new_callers)
            caller.join();
        before = std::move(after);
    }
    CHECK(before->state()["connect_failures"] == 0);  // "too many connections for role" would be one
    CHECK_MESSAGE(failed.empty(), failed.size(), " failed, the first: ", failed.empty() ? "" : failed.front());
}

TEST_CASE("pool: a new generation takes the place of the old one's idle connections") {
    makeRole("handed");
    const std::string dsn = cluster().dsn("handed");
    PoolFixture old(R"({"connections_max":2,"connections_min":2})", dsn);
    CHECK(old.run({"select 1"}).value() == "1");
    REQUIRE(comes([&] { return old.state()["open"] == 2; }));
    PoolFixture fresh(R"({"connections_max":2,"connections_min":0})", dsn);
    CHECK(fresh.run({"select 2"}).value() == "2");
    CHECK(old.state()["open"].get<int>() + fresh.state()["open"].get<int>() == 2);
    CHECK(old.run({"select 3"}).value() == "3");  // and back, for what was in flight
    CHECK(std::stoi(count("handed")) <= 2);
}

TEST_CASE("pool: the minimum is made ready in the background, what is old or unused is closed, by lifetime at most") {
    makeRole("aged");
    PoolFixture pool(R"({"connections_max":6,"connections_min":2,"idle_timeout_ms":1000,"lifetime_ms":2000})",
                     cluster().dsn("aged"));
    std::vector<std::thread> callers;
    for (int i = 0; i < 6; ++i)
        callers.emplace_back([&] { CHECK(pool.run({"select pg_sleep(0.3)"}).status == 0); });
    for (auto& caller : callers)
        caller.join();
    CHECK(pool.state()["open"] >= 2);
    const std::string first = cluster().admin(
        "select min(backend_start)::text from pg_stat_activity where usename = "
        "'aged'");
    CHECK(comes([&] { return pool.state()["open"] == 2; }));
    CHECK(comes([&] {
        return count("aged") == "2" && cluster().admin("select min(backend_start) > '" + first +
                                                       "'::timestamptz + '1 s' from pg_stat_activity where usename = "
                                                       "'aged'") == "t";
    }));
}

TEST_CASE("pool: a connection used a moment ago is taken without asking the server, one that ended is not") {
    makeRole("peeked");
    PoolFixture pool(R"({"connections_max":1,"connections_min":0})", cluster().dsn("peeked"));
    const std::string backend = pool.run({"select pg_backend_pid()"}).value();
    CHECK(pool.run({"select pg_backend_pid()"}).value() == backend);
    cluster().admin("select pg_terminate_backend(" + backend + ", 5000)");
    const std::string next = pool.run({"select pg_backend_pid()"}).value();
    CHECK(next != backend);
    // An error of a statement's own costs nothing.
    for (const char* sql : {"select 1 / 0", "selec", "select nope", "select * from pg_class for update"})
        CHECK(pool.run({sql}).status < 0);
    CHECK(pool.run({"select pg_backend_pid()"}).value() == next);
    CHECK(pool.state()["connects"] == 2);
}

TEST_CASE("pool: the connection used last is used first, so that what a peak has left grows old") {
    PoolFixture pool(R"({"connections_max":4,"connections_min":4})");
    CHECK(pool.run({"select 1"}).status == 0);
    REQUIRE(comes([&] { return pool.state()["idle"] == 4; }));
    const std::string backend = pool.run({"select pg_backend_pid()"}).value();
    for (int i = 0; i < 20; ++i)
        CHECK(pool.run({"select pg_backend_pid()"}).value() == backend);
}

TEST_CASE("pool: a server that ends says so once, its other idle connections are not tried") {
    makeRole("ending");
    PoolFixture pool(R"({"connections_max":4,"connections_min":4})", cluster().dsn("ending"));
    CHECK(pool.run({"select 1"}).value() == "1");
    REQUIRE(comes([&] { return pool.state()["idle"] == 4; }));
    std::thread caller([&] { CHECK(pool.run({"select pg_sleep(0.5), 'ending'"}).status == 0); });
    REQUIRE(comes([&] { return pool.state()["idle"] == 3; }));
    REQUIRE(comes([&] {
        return cluster().admin(
                   "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'ending' "
                   "and state = 'active'") == "1";
    }));
    caller.join();  // tried again on a new connection
    CHECK(pool.state()["lost"] == 1);
    CHECK(pool.state()["retries"] == 1);
    CHECK(pool.state()["connects"] >= 5);
}

TEST_CASE("pool: a refused password is tried once in two seconds at most, and what is connected works on") {
    makeRole("rotated", "password 'old'");
    PoolFixture pool(R"({"connections_max":2,"connections_min":0})", cluster().dsn("rotated", " password=old"));
    CHECK(pool.run({"select 1"}).value() == "1");
    cluster().admin("alter role rotated password 'new'");
    FakeCall holder(pool.host);
    std::uint64_t cursor = 0;
    REQUIRE(pool.open(holder, {"select repeat('x', 1000) from generate_series(1, 1000)"}, &cursor) == HOWDAH_OK);
    Answer refused = pool.run({"select 2"});
    CHECK(refused.error.message.find("refuses this user or password (28P01)") != std::string::npos);
    CHECK((refused.error.message + refused.error.detail + refused.error.hint).find("old") == std::string::npos);
    CHECK(pool.state()["breaker"] == "open");
    std::atomic<bool> stop{false};
    std::thread asking([&] {
        while (!stop)
            pool.run({"select 3"}, 50ms);
    });
    const int before = pool.state()["connect_failures"].get<int>();
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(comes([&] { return std::chrono::steady_clock::now() - begun > 2200ms; }));
    CHECK(pool.state()["connect_failures"].get<int>() - before <= 2);
    stop = true;
    asking.join();
    pool.sql->close(pool.host.self(), holder.ctx(), cursor);
    CHECK(pool.run({"select 4"}).value() == "4");  // on the connection that was there
}

TEST_CASE("pool: while the server has no connection left, callers wait for the ones there are") {
    makeRole("full", "connection limit 1");
    PoolFixture pool(R"({"connections_max":3,"connections_min":0,"lease_timeout_ms":10000})", cluster().dsn("full"));
    CHECK(pool.run({"select 1"}).value() == "1");
    std::vector<std::thread> callers;
    std::atomic<int> done{0};
    for (int i = 0; i < 6; ++i) {
        callers.emplace_back([&] {
            for (int n = 0; n < 20; ++n)
                done += pool.run({"select pg_sleep(0.01)"}).status == 0;
        });
    }
    for (auto& caller : callers)
        caller.join();
    MESSAGE(done.load() << " of 120 calls were answered with one of three connections");
    CHECK(done >= 100);
}
