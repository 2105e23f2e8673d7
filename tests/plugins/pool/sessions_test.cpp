// Sessions (howdah.session/1): several statements of one request on a connection nobody else gets.
#include <howdah/abi/session.h>

#include "pool_fixture.hpp"

using namespace howdah;
using namespace howdah::test;
using Json = nlohmann::json;

namespace {

const std::string kPid = "select pg_backend_pid()";

std::string dsnOf(const std::string& database) {
    const std::string dsn = cluster().dsn();
    return dsn.substr(0, dsn.rfind("dbname=")) + "dbname=" + database;
}

// One session of a pool; closed at the end.
class OpenSession {
public:
    explicit OpenSession(PoolFixture& pool, std::string_view database = "main", std::string_view principal = "local")
        : pool_(pool), table_(*pool.host.plugin<howdah_session_v1>(HOWDAH_SESSION_1)), principal_(principal) {
        FakeCall call(pool.host);
        howdah_principal whose{};
        whose.struct_size = sizeof whose;
        whose.subject = toAbi(principal_);
        howdah_str name{};
        status = table_.open(pool.host.self(), call.ctx(), toAbi(database), &whose, &name);
        if (status < 0) return;
        name_ = fromAbi(name);
    }
    OpenSession(const OpenSession&) = delete;
    OpenSession& operator=(const OpenSession&) = delete;
    ~OpenSession() { close(); }

    Answer run(std::string_view sql, std::vector<std::pair<std::string, std::string>> settings = {},
               std::string_view database = "main") {
        Ask ask{sql};
        ask.settings = std::move(settings);
        ask.database = database;
        ask.principal = principal_;
        return run(std::move(ask));
    }
    Answer run(Ask ask) {
        ask.flags |= HOWDAH_RUN_STABLE;
        ask.cursor = name_;
        return pool_.run(ask);
    }
    howdah_status suppose(const Json& definitions) {
        return table_.suppose(pool_.host.self(), toAbi(name_), toAbi(definitions.dump()));
    }
    void close() { table_.close(pool_.host.self(), toAbi(name_)); }

    howdah_status status = HOWDAH_OK;

private:
    PoolFixture& pool_;
    const howdah_session_v1& table_;
    const std::string principal_;
    std::string name_ = "none";
};

bool isGone(const std::string& pid) {
    return cluster().admin("select count(*) from pg_stat_activity where pid = " + pid) == "0";
}
Json supposedOf(const Answer& answer) {
    return Json::parse(answer.report).value("supposed", Json());
}

// A table with nothing but rows, HypoPG in a schema whose name has to be quoted, and its namesakes in another one.
void makePlayground() {
    static bool made = false;
    if (std::exchange(made, true)) return;
    cluster().admin(R"sql(
        create schema "Hypo Pg"; create extension hypopg schema "Hypo Pg";
        create schema evil;
        create function evil.hypopg_create_index(text, out indexrelid oid, out indexname text)
            language plpgsql as $$ begin raise 'the namesake was called'; end $$;
        create function evil.hypopg_reset() returns void
            language plpgsql as $$ begin raise 'the namesake was called'; end $$;
        create function evil.hypopg_relation_size(oid) returns bigint
            language plpgsql as $$ begin raise 'the namesake was called'; end $$;
        create function evil.same(name, name) returns bool language sql as 'select true';
        create operator evil.= (leftarg = name, rightarg = name, function = evil.same);
        create table public.supposed as select n as id from generate_series(1, 20000) n;
        analyze public.supposed)sql");
    cluster().admin("create database without_hypopg");
}

}  // namespace

TEST_CASE("pool: a session's statements have one backend, which nobody else has, and which ends when it is closed") {
    PoolFixture pool(R"({"connections_max":4,"connections_min":0})");
    const std::string lent = pool.run({kPid}).value();  // idle: what a session takes first
    OpenSession session(pool);
    REQUIRE(session.status == HOWDAH_OK);
    const std::string pid = session.run(kPid).value();
    CHECK(pid == lent);
    CHECK(session.run(kPid).value() == pid);
    CHECK(pool.run({kPid}).value() != pid);
    CHECK(session.run("create table never (x int)").error.sqlstate == "25006");  // each is READ ONLY
    CHECK(session.run(kPid).value() == pid);                                     // an error does not end it
    session.close();
    CHECK(comes([&] { return isGone(pid); }));
    CHECK(session.run(kPid).status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(session.suppose(Json::array()) == HOWDAH_ERROR_NOT_FOUND);
}

TEST_CASE("pool: a session that stops in the middle of a statement ends, and so does its backend") {
    PoolFixture pool;
    OpenSession session(pool);
    const std::string pid = session.run(kPid).value();
    Ask slow{"select pg_sleep(60)"};
    slow.timeout_ms = 50;
    CHECK(session.run(slow).status < 0);
    CHECK(session.run(kPid).value() == pid);  // the server stopped it itself: there is nothing left of it
    Ask many{"select n, repeat('x', 1000) from generate_series(1, 100000) n"};
    many.bytes_max = 10000;
    CHECK(session.run(many).truncated == HOWDAH_TRUNCATED_BYTES);
    CHECK(session.run(kPid).status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(comes([&] { return isGone(pid); }));
}

TEST_CASE("pool: a session is for the principal it was opened for, and for nobody who guesses a name") {
    PoolFixture pool;
    OpenSession session(pool, "main", "ada");
    Ask ask{kPid};
    ask.principal = "bob";
    CHECK(session.run(ask).status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(session.run(kPid).status == 0);
    ask.principal = "ada", ask.flags = HOWDAH_RUN_STABLE, ask.cursor = "session-0123";
    CHECK(pool.run(ask).status == HOWDAH_ERROR_NOT_FOUND);
}

TEST_CASE("pool: what scope sets for a statement of a session holds for that one, and before anything is supposed") {
    makePlayground();
    PoolFixture pool;
    OpenSession session(pool);
    cluster().admin("create role of_tenant; grant of_tenant to postgres");
    const std::string who = "select current_user || coalesce(current_setting('app.tenant', true), '')";
    CHECK(session.run(who, {{"app.tenant", "a"}, {"role", "of_tenant"}}).value() == "of_tenanta");
    CHECK(session.run(who, {{"app.tenant", "b"}}).value() == "postgresb");
    CHECK(session.run(who).value() == "postgres");
    // The role that scope has set may not even look into that schema.
    REQUIRE(session.suppose(Json::array({"create index on public.supposed (id)"})) == HOWDAH_OK);
    CHECK(session.run(who, {{"role", "of_tenant"}}).error.sqlstate == "42501");
    CHECK(session.run(who).value() == "postgres");
    cluster().admin("drop role of_tenant");
}

TEST_CASE("pool: a session is of the database that scope has sent its first statement to, and stays there") {
    makePlayground();
    PoolFixture pool(R"({"stable_max":1})", cluster().dsn(), "read_write", dsnOf("without_hypopg"));
    OpenSession session(pool, "main");
    const std::string where = "select current_database()";
    CHECK(session.run(where, {}, "other").value() == "without_hypopg");
    CHECK(session.run(where, {}, "other").value() == "without_hypopg");
    CHECK(OpenSession(pool, "main").status == HOWDAH_OK);  // its place is one of the other database's now
    CHECK(OpenSession(pool, "other").status == HOWDAH_ERROR_UNAVAILABLE);
    CHECK(session.run(where, {}, "main").status == HOWDAH_ERROR_REFUSED);
    CHECK(session.run(where, {}, "other").status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(OpenSession(pool, "other").status == HOWDAH_OK);
}

TEST_CASE("pool: sessions have as many places as stable_max says, and a closed one gives its place back") {
    PoolFixture pool(R"({"stable_max":1})");
    OpenSession first(pool);
    REQUIRE(first.status == HOWDAH_OK);
    CHECK(OpenSession(pool).status == HOWDAH_ERROR_UNAVAILABLE);
    first.close();
    CHECK(OpenSession(pool).status == HOWDAH_OK);
    CHECK(OpenSession(pool, "nowhere").status == HOWDAH_ERROR_NOT_FOUND);
}

TEST_CASE("pool: a session plans with what it supposes, by HypoPG's functions and no namesakes, wherever these are") {
    makePlayground();
    PoolFixture pool;
    OpenSession session(pool);
    const std::string explain = "explain (costs off) select id from public.supposed where id = 5";
    const std::vector<std::pair<std::string, std::string>> paths[] = {
        {}, {{"search_path", "evil, public"}}, {{"search_path", "evil, pg_catalog"}}};
    for (const auto& path : paths) {
        REQUIRE(session.suppose(Json::array({"create index on public.supposed (id)"})) == HOWDAH_OK);
        const Answer with = session.run(explain, path);
        REQUIRE_MESSAGE(with.status == 0, with.error.message);
        REQUIRE(supposedOf(with).size() == 1);
        CHECK(supposedOf(with)[0]["bytes"] > 8192);
        CHECK(with.value().find(supposedOf(with)[0]["name"].get<std::string>()) != std::string::npos);
        CHECK(pool.run({explain}).value().find("Seq Scan") == 0);  // nobody else does
        REQUIRE(session.suppose(Json::array()) == HOWDAH_OK);
        const Answer without = session.run(explain, path);
        CHECK(without.value().find("Seq Scan") == 0);
        CHECK(supposedOf(without) == Json::array());
    }
    REQUIRE(session.suppose(Json::array({"create index on public.supposed (nothing)"})) == HOWDAH_OK);
    CHECK(session.run(explain).status == HOWDAH_ERROR_DATABASE);
    CHECK(session.run(explain).value().find("Seq Scan") == 0);  // what could not be made is not tried again
}

TEST_CASE("pool: a session without HypoPG says so once something is supposed, and its statements run on") {
    makePlayground();
    PoolFixture pool(R"({})", dsnOf("without_hypopg"));
    OpenSession session(pool);
    REQUIRE(session.suppose(Json::array()) == HOWDAH_OK);
    const Answer none = session.run("select 1");
    CHECK(none.status == HOWDAH_ERROR_DATABASE);
    CHECK(none.error.sqlstate == "42883");
    CHECK(session.run("select 1").value() == "1");
}
