// A database that refuses, goes away, comes back; many callers and few connections.
#include "pool_fixture.hpp"

using namespace howdah;
using namespace howdah::test;

TEST_CASE("pool: idle connections that were ended cost no read an error") {
    PoolFixture pool(R"({"connections_max":8})");
    for (int round = 0; round < 5; ++round) {
        std::vector<std::thread> callers;
        std::atomic<int> failed{0};
        for (std::uint32_t i = 0; i < 8; ++i) {
            callers.emplace_back([&, i] {
                for (int n = 0; n < 10; ++n)
                    failed += pool.run({"select 1"}, 30s, i % 2).status < 0;
            });
        }
        for (auto& caller : callers)
            caller.join();
        CHECK(failed == 0);
        cluster().terminateOthers();
    }
}

TEST_CASE("pool: connections ended in the middle of reads cost no read an error") {
    PoolFixture pool(R"({"connections_max":4})");
    std::atomic<bool> stop{false};
    std::atomic<int> failed{0}, done{0};
    std::vector<std::thread> callers;
    for (std::uint32_t i = 0; i < 4; ++i) {
        callers.emplace_back([&, i] {
            while (!stop) {
                Answer answer = pool.run({"select pg_sleep(0.002)"}, 30s, i % 2);
                ++done;
                if (answer.status < 0) {
                    ++failed;
                    MESSAGE(answer.error.message);
                }
            }
        });
    }
    for (int kill = 0; kill < 10; ++kill) {
        int goal = done + 40;
        while (done < goal)
            std::this_thread::yield();
        cluster().terminateOthers();
    }
    stop = true;
    for (auto& caller : callers)
        caller.join();
    CHECK(failed == 0);
}

TEST_CASE("pool: a write whose connection is ended before COMMIT says that nothing was changed") {
    PoolFixture pool(R"({"connections_max":1})");
    cluster().admin("drop table if exists k; create table k(x int)");
    Ask ask{"insert into k select 1 from pg_sleep(10) /* killed */"};
    ask.access = HOWDAH_ACCESS_WRITE;
    Answer answer;
    std::thread caller([&] { answer = pool.run(ask); });
    while (cluster().admin("select count(*) from pg_stat_activity where wait_event = 'PgSleep' and query like "
                           "'%/* killed */'") != "1") {
        std::this_thread::yield();
    }
    cluster().terminateOthers();
    caller.join();
    CHECK(answer.error.code == Code::unavailable);
    CHECK(answer.error.message.ends_with("before COMMIT: nothing was changed"));
    CHECK(cluster().admin("select count(*) from k") == "0");
}

TEST_CASE("pool: a wrong password and an unknown database each say what to check") {
    cluster().admin("drop role if exists locked; create role locked login password 'right'");
    PoolFixture wrong("{}", cluster().dsn("locked", " password=wrong"));
    Answer answer = wrong.run({"select 1"});
    CHECK(answer.error.code == Code::unavailable);
    CHECK(answer.error.message.find("refuses this user or password (28P01)") != std::string::npos);
    CHECK(answer.error.hint.find("howdah doctor") != std::string::npos);
    CHECK((answer.error.message + answer.error.detail).find("wrong") == std::string::npos);
    PoolFixture right("{}", cluster().dsn("locked", " password=right"));
    CHECK(right.run({"select 1"}).value() == "1");
    PoolFixture missing("{}", cluster().dsn() + "_no_such");
    CHECK(missing.run({"select 1"}).error.message.find("does not exist on that server (3D000)") != std::string::npos);
    PoolFixture nowhere("{}", "host=127.0.0.1 port=1 dbname=x user=y");
    CHECK(nowhere.run({"select 1"}).error.message.find("no server listens there") != std::string::npos);
    PoolFixture unknown("{}", "host=no-such-host.invalid dbname=x user=y");
    CHECK(unknown.run({"select 1"}).error.code == Code::unavailable);
}

TEST_CASE("pool: while the database is down calls are refused at once, and work again soon after it is back") {
    PoolFixture pool;
    CHECK(pool.run({"select 1"}).value() == "1");
    cluster().stop();
    for (int i = 0; i < 3; ++i)
        CHECK(pool.run({"select 1"}).error.code == Code::unavailable);
    auto begun = std::chrono::steady_clock::now();
    Answer refused = pool.run({"select 1"});
    CHECK(std::chrono::steady_clock::now() - begun < 20ms);
    CHECK(refused.error.message.find("cannot be reached, so statements are refused") != std::string::npos);
    CHECK(refused.error.retry_after_ms > 0);
    CHECK(pool.report()["databases"][0]["breaker"] == "open");
    cluster().start();
    auto back = std::chrono::steady_clock::now();
    while (pool.run({"select 1"}).status < 0 && std::chrono::steady_clock::now() - back < 5s)
        std::this_thread::yield();
    CHECK(std::chrono::steady_clock::now() - back < 1s);
    CHECK(pool.run({"select 1"}).value() == "1");
}

TEST_CASE("pool: more callers than connections wait in line; who waits too long or finds the line full is told") {
    PoolFixture pool(R"({"connections_max":1,"queue_max":1,"lease_timeout_ms":200})");
    FakeCall holder(pool.host);
    std::uint64_t cursor = 0;
    REQUIRE(pool.open(holder, {"select repeat('x', 1000) from generate_series(1, 1000)"}, &cursor) == HOWDAH_OK);
    Answer late;
    std::thread waiting([&] { late = pool.run({"select 1"}); });
    Answer full = pool.run({"select 1"});
    waiting.join();
    Answer& timed_out = late.error.code == Code::timeout ? late : full;
    Answer& turned_away = late.error.code == Code::timeout ? full : late;
    CHECK(timed_out.error.message.find("no connection to database main became free within 200 ms") == 0);
    CHECK((turned_away.error.code == Code::unavailable || turned_away.error.code == Code::timeout));
    std::thread next([&] { late = pool.run({"select 7"}); });
    howdah_batch batch{};
    while (pool.sql->next(pool.host.self(), holder.ctx(), cursor, &batch) == 1)
        continue;
    pool.sql->close(pool.host.self(), holder.ctx(), cursor);
    next.join();
    CHECK(late.value() == "7");
}

TEST_CASE("pool: two shards share few connections without a race or a mixed-up answer") {
    PoolFixture pool(R"({"connections_max":3,"queue_max":1000,"lease_timeout_ms":30000})");
    std::vector<std::thread> callers;
    std::atomic<int> wrong{0};
    for (std::uint32_t i = 0; i < 8; ++i) {
        callers.emplace_back([&, i] {
            for (int n = 0; n < 60; ++n) {
                std::string mine = std::to_string(i * 1000 + static_cast<std::uint32_t>(n));
                Answer answer = n % 10 == 9 ? pool.run({"select nope"}, 60s, i % 2)
                                            : pool.run({"select $1::text", {mine}}, 60s, i % 2);
                bool right = n % 10 == 9 ? answer.error.sqlstate == "42703" : answer.value() == mine;
                if (!right) ++wrong;
            }
        });
    }
    for (auto& caller : callers)
        caller.join();
    CHECK(wrong == 0);
    auto report = pool.report();
    CHECK(report["databases"][0]["connections"]["open"] <= 3);
}

TEST_CASE("pool: stopping closes every connection") {
    {
        PoolFixture pool;
        CHECK(pool.run({"select 1"}).value() == "1");
    }
    auto begun = std::chrono::steady_clock::now();
    while (cluster().admin("select count(*) from pg_stat_activity where application_name = 'howdah'") != "0") {
        REQUIRE(std::chrono::steady_clock::now() - begun < 5s);
    }
}

TEST_CASE("pool: a transaction the server gave up is run again, three times in all, whatever it would have written") {
    PoolFixture pool(R"({"connections_max":2,"connections_min":0})");
    cluster().admin(
        "drop table if exists again; create table again (i int); drop sequence if exists tries; create sequence tries;"
        "create or replace function serialize(succeeds int) returns int language plpgsql as $$ begin "
        "insert into again values (1);"
        "if nextval('tries') < succeeds then raise exception 'conflict' using errcode = '40001'; end if;"
        "return 7; end $$");
    auto write = [&](const char* sql) { return pool.run({.sql = sql, .access = HOWDAH_ACCESS_WRITE}); };
    CHECK(write("select serialize(3)").value() == "7");
    CHECK(cluster().admin("select count(*) from again") == "1");
    CHECK(pool.state()["retries"] == 2);
    cluster().admin("alter sequence tries restart");
    CHECK(write("select serialize(4)").error.sqlstate == "40001");
    CHECK(cluster().admin("select last_value from tries") == "3");
    CHECK(cluster().admin("select count(*) from again") == "1");
    // Any other error of a statement is the caller's, at once.
    CHECK(write("select 1 / 0").error.sqlstate == "22012");
    CHECK(pool.state()["retries"] == 4);
}
