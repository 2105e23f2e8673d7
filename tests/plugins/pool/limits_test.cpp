// Rows, bytes, time: each limit from both sides.
#include <sys/resource.h>

#include "pool_fixture.hpp"

using namespace howdah;
using namespace howdah::test;

TEST_CASE("pool: the row limit cuts at the limit and says so, in the server or on this side") {
    PoolFixture pool(R"({"connections_max":1})");
    for (std::uint32_t facts : kWaysToBound) {
        Ask ask{.sql = "select * from generate_series(1, 10) g order by g desc", .facts = facts};
        ask.rows_max = 10;
        Answer whole = pool.run(ask);
        CHECK(whole.rows.size() == 10);
        CHECK(whole.truncated == 0);
        CHECK(whole.rows[0][0] == "10");
        ask.rows_max = 9;
        Answer cut = pool.run(ask);
        CHECK(cut.rows.size() == 9);
        CHECK(cut.truncated == HOWDAH_TRUNCATED_ROWS);
        CHECK(cut.tag == (facts ? "SELECT 9" : ""));
        CHECK(cut.rows[8][0] == "2");
    }
    Ask twins{.sql = "select 1 as a, 2 as a, 3", .facts = HOWDAH_FACT_WRAPPABLE};
    CHECK(pool.run(twins).columns == std::vector<std::string>{"a", "a", "?column?"});
}

TEST_CASE("pool: a limit may follow every form of a read that has none") {
    PoolFixture pool;
    for (const char* sql :
         {"values (1), (2), (3)", "(select generate_series(1, 3))", "select 1 union all values (2), (3)",
          "with a as (values (1), (2), (3)) table a", "select generate_series(1, 4) offset 1",
          "(select 1) union all (select generate_series(2, 3) limit 2)",
          "select generate_series(1, 3) order by 1 for read only"}) {
        Ask ask{.sql = sql, .facts = HOWDAH_FACT_WRAPPABLE | HOWDAH_FACT_UNLIMITED, .rows_max = 2};
        Answer answer = pool.run(ask);
        CHECK_MESSAGE(answer.rows.size() == 2, sql, ": ", answer.error.message);
        CHECK(answer.truncated == HOWDAH_TRUNCATED_ROWS);
    }
}

TEST_CASE("pool: rows are left out at the beginning, beyond a limit and an offset of the statement's own") {
    PoolFixture pool;
    Ask ask{.sql = "select * from generate_series(1, 10) g order by g desc limit 8 offset 1",
            .facts = HOWDAH_FACT_WRAPPABLE,
            .rows_max = 3,
            .rows_skip = 6};
    Answer answer = pool.run(ask);
    REQUIRE(answer.rows.size() == 2);
    CHECK(answer.rows[0][0] == "3");
    CHECK(answer.truncated == 0);
    ask.facts = 0;
    CHECK(pool.run(ask).error.code == Code::invalid_argument);
}

TEST_CASE("pool: the configured row limit is never raised") {
    PoolFixture pool(R"({"rows_max":5})");
    Ask ask{.sql = "select generate_series(1, 100)", .facts = HOWDAH_FACT_WRAPPABLE};
    ask.rows_max = 50;
    CHECK(pool.run(ask).rows.size() == 5);
    ask.rows_max = 0;
    CHECK(pool.run(ask).rows.size() == 5);
}

TEST_CASE("pool: a large result comes in batches of at most 64 KiB, complete") {
    PoolFixture pool(R"({"rows_max":100000})");
    Answer answer = pool.run({"select g, repeat('x', 20) from generate_series(1, 20000) g"});
    REQUIRE(answer.status == 0);
    CHECK(answer.rows.size() == 20000);
    CHECK(answer.rows[19999][0] == "20000");
    CHECK(answer.batches > 8);
    CHECK(answer.largest_batch <= 65536);
    Answer wide = pool.run({"select repeat('y', 100000) from generate_series(1, 3)"});
    CHECK(wide.batches == 3);
    CHECK(wide.rows[2][0]->size() == 100000);
}

TEST_CASE("pool: the byte limit ends the answer after whole rows and the connection lives on") {
    PoolFixture pool(R"({"connections_max":1})");
    Ask ask{"select repeat('x', 996) from generate_series(1, 100)"};
    ask.bytes_max = 100'000;
    CHECK(pool.run(ask).truncated == 0);
    ask.bytes_max = 99'999;
    Answer cut = pool.run(ask);
    CHECK(cut.truncated == HOWDAH_TRUNCATED_BYTES);
    CHECK(cut.rows.size() == 99);
    CHECK(pool.run({"select 1"}).value() == "1");
}

TEST_CASE("pool: one value too large ends the answer; a huge one is not collected first") {
    PoolFixture pool(R"({"connections_max":1,"cell_bytes_max":1024})");
    CHECK(pool.run({"select repeat('x', 1024)"}).truncated == 0);
    Answer cut = pool.run({"select repeat('x', 1025)"});
    CHECK(cut.truncated == HOWDAH_TRUNCATED_CELL);
    CHECK(cut.rows.empty());
    CHECK(cut.columns.size() == 1);

    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    auto begun = std::chrono::steady_clock::now();
    Answer huge = pool.run({"select repeat('x', 200000000)"});
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    CHECK(huge.truncated == HOWDAH_TRUNCATED_BYTES);
    CHECK(huge.rows.empty());
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    MESSAGE("took " << took.count() << " ms, peak grew by " << (after.ru_maxrss - before.ru_maxrss) / 1024
                    << " MiB for a 200 MB value");
#if !defined(HOWDAH_ASAN) && !defined(HOWDAH_TSAN)
    CHECK(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
#endif
    CHECK(pool.run({"select 1"}).value() == "1");
}

TEST_CASE("pool: large rows inside the limits come whole, between small ones and in writes too") {
    PoolFixture pool(R"({"connections_max":1,"cell_bytes_max":4000000,"bytes_max":20000000})");
    cluster().admin("drop table if exists big; create table big(x text)");
    for (int round = 0; round < 3; ++round) {
        Answer answer =
            pool.run({"select repeat('x', case when g % 5 = 0 then 3000000 else g end) "
                      "from generate_series(1, 12) g"});
        REQUIRE(answer.rows.size() == 12);
        CHECK(answer.rows[4][0] == std::string(3000000, 'x'));
        CHECK(answer.rows[11][0] == std::string(12, 'x'));
        Ask write{"insert into big values (repeat('y', 3000000)) returning x"};
        write.access = HOWDAH_ACCESS_WRITE;
        CHECK(pool.run(write).rows[0][0]->size() == 3000000);
    }
    CHECK(cluster().admin("select count(*) from big") == "3");
}

TEST_CASE("pool: the server stops a statement at its time limit") {
    PoolFixture pool(R"({"connections_max":1,"statement_timeout_ms":100})");
    Answer answer = pool.run({"select pg_sleep(10)"});
    CHECK(answer.error.code == Code::timeout);
    CHECK(answer.error.sqlstate == "57014");
    CHECK(answer.error.message == "the statement was stopped by the server at its limit of 100 ms");
    Ask shorter{"select pg_sleep(10)"};
    shorter.timeout_ms = 50;
    CHECK(pool.run(shorter).error.message == "the statement was stopped by the server at its limit of 50 ms");
    CHECK(pool.run({"select 1"}).value() == "1");
}

TEST_CASE("pool: a request's deadline ends the statement here at once and in the server soon") {
    PoolFixture pool(R"({"connections_max":1,"statement_timeout_ms":600})");
    auto begun = std::chrono::steady_clock::now();
    Answer answer = pool.run({"select pg_sleep(10) /* deadline */"}, 400ms);  // too near the limit to tell the server
    auto took = std::chrono::steady_clock::now() - begun;
    CHECK(answer.status == HOWDAH_ERROR_TIMEOUT);
    CHECK(took >= 400ms);
    CHECK(took < 550ms);
    CHECK(pool.run({"select 1"}).value() == "1");  // the only connection has been settled and is lent again
    CHECK(cluster().admin(
              "select count(*) from pg_stat_activity where state = 'active' and query like '%deadline */'") == "0");
}

TEST_CASE("pool: a cancelled request returns promptly and its statement ends in the server") {
    PoolFixture pool(R"({"connections_max":1})");
    FakeCall call(pool.host);
    Answer answer;
    std::thread caller([&] { answer = pool.run(call, {"select pg_sleep(20) /* cancelled */"}); });
    while (cluster().admin("select count(*) from pg_stat_activity where state = 'active' and query like "
                           "'%sleep(20) /* cancelled */'") != "1") {
        std::this_thread::yield();
    }
    auto begun = std::chrono::steady_clock::now();
    call.cancel();
    caller.join();
    CHECK(std::chrono::steady_clock::now() - begun < 100ms);
    CHECK(answer.status == HOWDAH_ERROR_CANCELLED);
    CHECK(pool.run({"select 1"}).value() == "1");
    CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST_CASE("pool: closing a cursor before its end frees the connection without reading the rest") {
    PoolFixture pool(R"({"connections_max":1,"rows_max":100000000,"bytes_max":10000000000})");
    FakeCall call(pool.host);
    std::uint64_t cursor = 0;
    REQUIRE(pool.open(call, {"select repeat('x', 100), generate_series(1, 100000000)"}, &cursor) == HOWDAH_OK);
    howdah_trailer trailer{};
    CHECK(pool.sql->trailer(pool.host.self(), call.ctx(), cursor, &trailer) == HOWDAH_ERROR_INTERNAL);
    auto begun = std::chrono::steady_clock::now();
    call.cancel();  // close works in a request that is over
    pool.sql->close(pool.host.self(), call.ctx(), cursor);
    CHECK(std::chrono::steady_clock::now() - begun < 100ms);
    CHECK(pool.run({"select 1"}).value() == "1");
}
