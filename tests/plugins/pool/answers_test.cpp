// What a statement gives: values, parameters, settings, errors, writes, the statement cache.
#include "pool_fixture.hpp"

using namespace howdah;
using namespace howdah::test;

TEST_CASE("pool: values come in PostgreSQL's text form, NULL apart from the empty text") {
    PoolFixture pool;
    Answer answer =
        pool.run({"select 1 as n, null::text as t, '' as e, 0.1::float8, '1 day'::interval, "
                  "date '2024-02-29', true as bool, 'x' as n"});
    REQUIRE(answer.status == 0);
    CHECK(answer.columns == std::vector<std::string>{"n", "t", "e", "float8", "interval", "date", "bool", "n"});
    CHECK(answer.rows[0][0] == "1");
    CHECK_FALSE(answer.rows[0][1]);
    CHECK(answer.rows[0][2] == "");
    CHECK(answer.rows[0][3] == "0.1");
    CHECK(answer.rows[0][4] == "1 day");
    CHECK(answer.rows[0][5] == "2024-02-29");
    CHECK(answer.rows[0][6] == "t");
    CHECK(answer.tag == "SELECT 1");
    CHECK(answer.affected_rows == -1);
}

TEST_CASE("pool: the session pins what answers look like, whatever the role prefers") {
    cluster().admin("alter role postgres set datestyle = 'German'; alter role postgres set extra_float_digits = -10");
    PoolFixture pool;
    CHECK(pool.run({"select date '2024-02-29'::text || ' ' || (0.1::float8 + 0.2)::text"}).value() ==
          "2024-02-29 0.30000000000000004");
    cluster().admin("alter role postgres reset all");
}

TEST_CASE("pool: parameters are bound, typed by the server") {
    PoolFixture pool;
    CHECK(pool.run({"select $1::int + 1", {41}}).value() == "42");
    CHECK(pool.run({"select $1::bool and $2 = 'x'", {true, "x"}}).value() == "t");
    CHECK(pool.run({"select $1::float8", {0.1}}).value() == "0.1");
    CHECK(pool.run({"select $1::jsonb->1", {Value::json("[1,{\"a\":2}]")}}).value() == "{\"a\": 2}");
    CHECK(pool.run({"select $1::text is null", {nullptr}}).value() == "t");
    CHECK(pool.run({"select $1", {"'; drop table x --"}}).value() == "'; drop table x --");
    Answer bad = pool.run({"select $1::int", {"abc"}});
    CHECK(bad.error.sqlstate == "22P02");
}

TEST_CASE("pool: a typed parameter and the same text untyped are two prepared statements") {
    PoolFixture pool;
    howdah_value typed{};
    typed.type = HOWDAH_VALUE_TEXT;
    typed.type_oid = 23;
    typed.text = {"5", 1};
    CHECK(pool.run({"select pg_typeof($1)::text", {Value(typed)}}).value() == "integer");
    CHECK(pool.run({"select pg_typeof($1)::text", {"5"}}).status < 0);  // the server cannot tell
    CHECK(pool.run({"select pg_typeof($1)::text", {Value(typed)}}).value() == "integer");
}

TEST_CASE("pool: settings hold for the one transaction") {
    PoolFixture pool(R"({"connections_max":1})");
    Ask ask{"select current_setting('search_path') || current_setting('app.tenant')"};
    ask.settings = {{"search_path", "pg_catalog"}, {"app.tenant", "t1"}};
    CHECK(pool.run(ask).value() == "pg_catalogt1");
    CHECK(pool.run({"select coalesce(current_setting('app.tenant', true), '') || current_setting('search_path')"})
              .value() == "\"$user\", public");
    Ask bad{"select 1"};
    bad.settings = {{"no_such_setting", "1"}};
    Answer refused = pool.run(bad);
    CHECK(refused.error.sqlstate == "42704");  // the statement itself was skipped
}

TEST_CASE("pool: a JSON array becomes what the server takes its parameter for") {
    PoolFixture pool(R"({"connections_max":1})");
    cluster().admin(
        "drop type if exists mood cascade; create type mood as enum ('calm', 'very glad');"
        "create domain moods as mood[]; create domain label as text; create table kept(v int[]);"
        "create type spot; create function spot_in(cstring) returns spot language internal immutable as 'point_in';"
        "create function spot_out(spot) returns cstring language internal immutable as 'point_out';"
        "create type spot (input = spot_in, output = spot_out, internallength = 16, alignment = double, delimiter = "
        "':')");
    struct Case {
        const char* sql;
        const char* array;
        const char* expected;
    };
    for (const Case& one : std::initializer_list<Case>{
             {"select 'paid' = any ($1)", R"(["new","paid"])", "t"},
             {"select $1::text[]", R"(["a b","q\"\\,{}",null,"NULL","",1.5,true])",
              R"({"a b","q\"\\,{}",NULL,"NULL","",1.5,true})"},
             {"select $1::int[]", "[[1,2],[3,null]]", "{{1,2},{3,NULL}}"},
             {"select $1::int[]", "[]", "{}"},
             {"select $1::jsonb", "[1,[2]]", "[1, [2]]"},
             {"select $1::jsonb[]", R"([{"a":[1]},"x",null,[2]])", R"({"{\"a\": [1]}","\"x\"",NULL,[2]})"},
             {"select $1::text", "[1]", "[1]"},
             {"select $1::int4range", "[1,5]", "[1,6)"},
             {"select $1::box[]", R"x(["(1,1),(0,0)","(2,2),(0,0)"])x", "{(1,1),(0,0);(2,2),(0,0)}"},
             {"select $1::mood[]", R"(["very glad"])", R"({"very glad"})"},
             {"select $1::moods", R"(["calm"])", "{calm}"},
             {"select $1::label", "[1]", "[1]"},
             {"select $1::spot[]", R"x(["(1,2)","(3,4)"])x", "{(1,2):(3,4)}"},
         }) {
        CAPTURE(one.sql);
        Ask ask{.sql = one.sql, .parameters = {Value::json(one.array)}};
        CHECK(pool.run(ask).value() == one.expected);
        CHECK(pool.run(ask).value() == one.expected);  // prepared by now
    }
    // Settings decide where a name is looked up, here too; and what is wrong is told in the caller's text.
    Ask scoped{.sql = "select $1::mood[]", .parameters = {Value::json(R"(["calm"])")}};
    scoped.settings = {{"search_path", "pg_catalog"}};
    CHECK(pool.run(scoped).error.sqlstate == "42704");
    CHECK(pool.run(scoped).error.position == 12);
    CHECK(pool.run({.sql = "select $1::int[]", .parameters = {Value::json("[[1],2]")}}).error.sqlstate == "22P02");
    CHECK(pool.run({.sql = "select $1::text[]", .parameters = {Value::json(R"(["a\u0000b"])")}}).error.message ==
          "parameter $1 holds a NUL character, which PostgreSQL cannot store in text");
    CHECK(pool.run({.sql = "select $1::text[]", .parameters = {Value::json("[[[[[[[1]]]]]]]")}}).error.sqlstate ==
          "54000");
    CHECK(pool.run({.sql = "select 1", .parameters = {Value::json("[1]")}}).error.sqlstate == "08P01");
    CHECK(pool.run({.sql = "select $1, $2", .parameters = {1}}).error.sqlstate == "08P01");
    CHECK(pool.run({"select 1"}).value() == "1");
    Ask write{.sql = "insert into kept values ($1)", .parameters = {Value::json("[7]")}, .access = HOWDAH_ACCESS_WRITE};
    CHECK(pool.run(write).affected_rows == 1);
    CHECK(pool.run({"select v from kept"}).value() == "{7}");
    cluster().admin("drop table kept; drop domain moods, label; drop type mood; drop type spot cascade");
}

TEST_CASE("pool: an error keeps SQLSTATE and hint, and its position is in the caller's text") {
    PoolFixture pool;
    for (std::uint32_t facts : kWaysToBound) {
        Answer answer = pool.run({.sql = "select 'é', nmae from pg_class", .facts = facts});
        REQUIRE(answer.status == HOWDAH_ERROR_DATABASE);
        CHECK(answer.error.sqlstate == "42703");
        CHECK(answer.error.position == 13);
    }
    CHECK(pool.run({"select 1"}).value() == "1");
    CHECK(pool.run({""}).error.code == Code::invalid_argument);
    CHECK(pool.run({"copy pg_class to stdout"}).error.code == Code::invalid_argument);
    CHECK(pool.run({std::string_view("select 1\0", 9)}).error.code == Code::invalid_argument);
    CHECK(pool.run({"select 2"}).value() == "2");
}

TEST_CASE("pool: a read cannot write and leaves nothing behind") {
    PoolFixture pool(R"({"connections_max":1})");
    cluster().admin("drop table if exists r; create table r(x int)");
    Answer answer = pool.run({"insert into r values (1)"});
    CHECK(answer.error.sqlstate == "25006");
    CHECK(pool.run({"commit"}).status == 0);
    CHECK(pool.run({"insert into r values (1)"}).error.sqlstate == "25006");
    CHECK(pool.run({"select set_config('statement_timeout', '1', false)"}).status == 0);
    CHECK(pool.run({"show statement_timeout"}).value() == "30s");
}

TEST_CASE("pool: a write is committed and counted; where only reading is allowed it is refused") {
    PoolFixture pool;
    Ask create{"create table w(x int unique deferrable initially deferred)"};
    create.access = HOWDAH_ACCESS_WRITE;
    cluster().admin("drop table if exists w");
    CHECK(pool.run(create).status == 0);
    Ask insert{"insert into w select generate_series(1, 3) returning x"};
    insert.access = HOWDAH_ACCESS_WRITE;
    Answer answer = pool.run(insert);
    REQUIRE(answer.status == 0);
    CHECK(answer.rows.size() == 3);
    CHECK(answer.affected_rows == 3);
    CHECK(answer.tag == "INSERT 0 3");
    CHECK(cluster().admin("select count(*) from w") == "3");
    Answer late = pool.run(insert);  // the constraint speaks at COMMIT only
    CHECK(late.error.sqlstate == "23505");
    CHECK(cluster().admin("select count(*) from w") == "3");
    insert.rows_max = 1;  // truncating what is shown must not undo what was done
    cluster().admin("truncate w");
    Answer cut = pool.run(insert);
    CHECK(cut.rows.size() == 1);
    CHECK(cut.truncated == HOWDAH_TRUNCATED_ROWS);
    CHECK(cluster().admin("select count(*) from w") == "3");

    PoolFixture restricted("{}", cluster().dsn(), "restricted");
    Answer refused = restricted.run(insert);
    CHECK(refused.status == HOWDAH_ERROR_REFUSED);
    CHECK(refused.error.rule == "access");
}

TEST_CASE("pool: a table altered under a prepared statement, and DEALLOCATE ALL, go unnoticed") {
    PoolFixture pool(R"({"connections_max":1})");
    cluster().admin("drop table if exists d; create table d(a int); insert into d values (1)");
    Ask ask{.sql = "select * from d", .facts = HOWDAH_FACT_WRAPPABLE};
    CHECK(pool.run(ask).columns.size() == 1);
    CHECK(pool.run(ask).columns.size() == 1);
    cluster().admin("alter table d add b int");
    CHECK(pool.run(ask).columns.size() == 2);
    CHECK(pool.run({"deallocate all"}).status == 0);
    CHECK(pool.run(ask).columns.size() == 2);
    cluster().admin("drop table d");
    CHECK(pool.run(ask).error.sqlstate == "42P01");
    CHECK(pool.run({"select 1"}).value() == "1");
}

TEST_CASE("pool: a full statement cache lets the oldest go in the server too") {
    PoolFixture pool(R"({"connections_max":1,"statement_cache_max":4})");
    for (int i = 0; i < 20; ++i) {
        std::string sql = "select " + std::to_string(i);
        CHECK(pool.run({sql}).value() == std::to_string(i));
    }
    CHECK(std::stoi(pool.run({"select count(*) from pg_prepared_statements"}).value()) <= 5);
    PoolFixture none(R"({"statement_cache_max":0})");
    CHECK(none.run({"select count(*) from pg_prepared_statements"}).value() == "0");
}

TEST_CASE("pool: behind a transaction pooler nothing is prepared or set on the session") {
    PoolFixture pool(R"({"connections_max":1,"pooler":"transaction","statement_timeout_ms":1234})");
    CHECK(pool.run({"show statement_timeout"}).value() == "1234ms");
    CHECK(pool.run({"select count(*) from pg_prepared_statements"}).value() == "0");
    CHECK(pool.run({"select $1::int", {3}}).value() == "3");
    CHECK(pool.run({"select nope"}).error.sqlstate == "42703");
    CHECK(pool.run({"select reset_val from pg_settings where name = 'statement_timeout'"}).value() == "0");
}

TEST_CASE("pool: no statement waits for one lock longer than lock_timeout_ms, whoever owns the session") {
    for (const char* section : {R"({"connections_max":1,"lock_timeout_ms":1234})",
                                R"({"connections_max":1,"lock_timeout_ms":1234,"pooler":"transaction"})"}) {
        PoolFixture pool(section);
        CHECK(pool.run({"show lock_timeout"}).value() == "1234ms");
        CHECK(pool.run({.sql = "select 1", .access = HOWDAH_ACCESS_WRITE}).status == 0);  // resets the session
        CHECK(pool.run({"show lock_timeout"}).value() == "1234ms");
    }
    CHECK(PoolFixture().run({"show lock_timeout"}).value() == "5s");
    CHECK(PoolFixture(R"({"lock_timeout_ms":0})").run({"show lock_timeout"}).value() == "0");
}

TEST_CASE("pool: a backslash never ends a string, whatever the database says and whoever owns the session") {
    cluster().admin("alter database postgres set standard_conforming_strings = off");
    for (const char* section : {R"({"pooler":"transaction"})", "{}"}) {
        PoolFixture pool(section);
        CHECK(pool.run({R"(select '\' || ' , 1 --')"}).value() == R"(\ , 1 --)");
    }
    cluster().admin("alter database postgres reset standard_conforming_strings");
}

TEST_CASE("pool: what a write does to its session is undone before somebody else has it") {
    PoolFixture pool(R"({"connections_max":1,"statement_timeout_ms":1234})");
    auto write = [&](std::string_view sql) { return pool.run({.sql = sql, .access = HOWDAH_ACCESS_WRITE}); };
    CHECK(write("select set_config('search_path', 'evil', false)").status == 0);
    CHECK(pool.run({"show search_path"}).value() == "\"$user\", public");
    CHECK(write("select pg_advisory_lock(4713)").status == 0);
    CHECK(write("select pg_advisory_lock(4714), 1 / 0").error.sqlstate == "22012");  // a rollback keeps such locks
    CHECK(write("create temp table left_behind (a int)").status == 0);
    CHECK(pool.run({"select count(*) from pg_locks where locktype = 'advisory'"}).value() == "0");
    CHECK(pool.run({"select to_regclass('pg_temp.left_behind')"}).value() == "(null)");
    CHECK(pool.run({"show statement_timeout"}).value() == "1234ms");
    CHECK(pool.run({"select count(distinct pid) from pg_stat_activity where pid = pg_backend_pid()"}).value() == "1");
}

TEST_CASE("pool: what a read that may leave something did to its session is undone, and only then") {
    PoolFixture pool(R"({"connections_max":1})");
    const auto held = [&] {
        return pool.run({"select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"})
            .value();
    };
    CHECK(pool.run({.sql = "select pg_advisory_lock(4713)", .flags = HOWDAH_RUN_RESET}).status == 0);
    CHECK(held() == "0");
    CHECK(pool.run({.sql = "select pg_advisory_lock(4713), 1 / 0", .flags = HOWDAH_RUN_RESET}).error.sqlstate ==
          "22012");
    CHECK(held() == "0");
    CHECK(pool.run({"select pg_advisory_lock(4713)"}).status == 0);
    CHECK(held() == "1");
}

TEST_CASE("pool: an unknown database is answered with the known ones; a broken dsn names the database, not the dsn") {
    PoolFixture pool;
    howdah_execution execution{};
    execution.struct_size = sizeof execution;
    execution.access = HOWDAH_ACCESS_READ;
    execution.database = toAbi("other");
    FakeCall call(pool.host);
    std::uint64_t cursor = 0;
    CHECK(pool.sql->execute(pool.host.self(), call.ctx(), &execution, &cursor) == HOWDAH_ERROR_NOT_FOUND);
    CHECK(call.error().message == "unknown database other, configured are: main");

    PoolFixture broken("{}", "postgresql://app:geh@eim@db/shop");
    Answer answer = broken.run({"select 1"});
    CHECK(answer.error.code == Code::invalid_argument);
    CHECK(answer.error.message.find("main") != std::string::npos);
    CHECK(answer.error.message.find("eim") == std::string::npos);
}

TEST_CASE("pool: the report says where, whether and with which rights, and never the password") {
    PoolFixture pool("{}", cluster().dsn("postgres", " password=geheim"), "restricted");
    auto report = pool.report();
    CHECK(report["status"] == "ok");  // what the role could do the guard judges
    auto& entry = report["databases"][0];
    CHECK(entry["reachable"] == true);
    CHECK(entry["superuser"] == true);
    CHECK(entry["breaker"] == "closed");
    CHECK(entry["server_version"].get<std::string>().size() > 1);
    CHECK(report.dump().find("geheim") == std::string::npos);

    cluster().admin("drop role if exists reader; create role reader login");
    PoolFixture reader("{}", cluster().dsn("reader"), "restricted");
    CHECK(reader.report()["status"] == "ok");
}

TEST_CASE("pool: onConnect is raised once for each connection before its first use; a denied one is closed") {
    PoolFixture pool(R"({"connections_max":1,"connections_min":0})");
    const int before = ConnectHook::asked;
    CHECK(pool.run({"select 1"}).value() == "1");
    CHECK(pool.run({"select 2"}).value() == "2");
    CHECK(ConnectHook::asked == before + 1);

    PoolFixture other(R"({"connections_max":1,"connections_min":0})");
    ConnectHook::deny = true;
    CHECK(other.run({"select 1"}).status < 0);
    ConnectHook::deny = false;
    CHECK(other.run({"select 3"}).value() == "3");  // its place was freed
    CHECK(ConnectHook::asked == before + 3);
}
