// The plugin over a fake host whose database a test plays: rounds, deadlines, what cannot be read, readiness.
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include <doctest/doctest.h>

#include <howdah/abi/health.h>
#include <howdah/abi/sql.h>

#include "plugins/health/check.hpp"
#include "plugins/query/tool_host.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

using namespace howdah;
using namespace howdah::test;

namespace {

constexpr std::uint32_t kText = 25;

FakeResult serverRow(const char* version = "150008") {
    FakeResult result;
    for (const char* name : {"version", "version_text", "role", "database", "standby", "superuser", "monitor", "tls",
                             "tls_version", "up_s", "stats_s"})
        result.column(name, kText);
    result.row({version, "15.8", "reader", "shop", "f", "f", "t", "f", std::nullopt, "1000", "1000"});
    return result;
}

howdah_status poolState(void*, howdah_ctx*, howdah_str, howdah_str* json) {
    *json = toAbi(R"({"open":1,"idle":1,"waiting":0,"max":20,"breaker":"closed","leaks":[]})");
    return HOWDAH_OK;
}

// Without rows of its own a statement finds nothing; those that always give one row are left to the integration tests.
class Stage {
public:
    explicit Stage(std::string_view section = R"({"interval_s":86400,"probe_interval_ms":100})") {
        std::filesystem::create_directories(folder_);
        host.state_folder = folder_;
        host.databases = R"([{"name":"main","access":"restricted"},{"name":"other","access":"restricted"}])";
        host.description = R"({"generation":1,"plugins":[{"id":"guard","state":"running"}]})";
        sql_.struct_size = sizeof sql_;
        sql_.state = &poolState;
        host.services = {{HOWDAH_SQL_1, {&sql_, nullptr}}};
        host.database = [this](const howdah_query_request& request) { return answer(request); };
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section) == "");
    }
    ~Stage() {
        host.stop();
        std::filesystem::remove_all(folder_);
    }

    using Play = std::function<std::optional<Result<FakeResult>>(const howdah_query_request&)>;
    void play(Play play) {
        const std::lock_guard lock(mutex_);
        play_ = std::move(play);
    }
    template <typename Condition>
    void until(Condition condition) {
        std::unique_lock lock(mutex_);
        REQUIRE(asked_.wait_for(lock, std::chrono::seconds(20), condition));
    }
    // The rounds at the start are over, and written down, for both databases.
    void untilRound() {
        until([&] {
            std::ifstream file(folder_ + "/history.json");
            if (!file) return false;
            const Json known = Json::parse(file).at("databases");
            return !known.at("main").at("checks").empty() && !known.at("other").at("checks").empty();
        });
    }
    Json check(std::vector<std::string> names, const char* detail = "full") {
        const FakeAnswer answer = host.call("health_check", {{"checks", names}, {"detail", detail}});
        REQUIRE_MESSAGE(answer.status == HOWDAH_OK, answer.error.message);
        CHECK(answer.text == answer.structured);
        return Json::parse(answer.text);
    }

    ToolHost host;

private:
    Result<FakeResult> answer(const howdah_query_request& request) {
        Play play;
        {
            const std::lock_guard lock(mutex_);
            play = play_;
        }
        asked_.notify_all();
        if (play) {
            if (auto played = play(request)) return std::move(*played);
        }
        if (fromAbi(request.sql) == health::kServerStatement.sql) return serverRow();
        FakeResult empty;
        for (const char* name : {"kind", "total"})
            empty.column(name, kText);
        return empty;
    }

    const std::string folder_ =
        (std::filesystem::temp_directory_path() / concat("health-plugin-", ::getpid())).string();
    howdah_sql_v1 sql_{};
    std::mutex mutex_;
    std::condition_variable asked_;
    Play play_;
};

const std::vector<std::string> kQuiet{"reachability",      "locks",     "transactions", "slots", "invalid_indexes",
                                      "duplicate_indexes", "sequences", "replication"};

const Json& named(const Json& answer, std::string_view name) {
    for (const Json& check : answer["checks"]) {
        if (check["name"] == name) return check;
    }
    FAIL("no check ", name);
    return answer;  // NOLINT(bugprone-return-const-ref-from-parameter): not reached
}

bool isOf(const howdah_query_request& request, const char* part) {
    return fromAbi(request.sql).find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("health_check: every statement is registered, and those asked for are judged in the order of all") {
    Stage stage;
    for (const health::Check* check : health::allChecks()) {
        for (const health::Source& source : check->sources)
            CHECK(std::find(stage.host.registered.begin(), stage.host.registered.end(), source.statement->sql) !=
                  stage.host.registered.end());
    }
    const Json answer = stage.check({"slots", "locks", "reachability"});
    CHECK(answer["status"] == "ok");
    CHECK(answer["summary"] == "all is well");
    REQUIRE(answer["checks"].size() == 3);
    CHECK(answer["checks"][0]["name"] == "reachability");
    CHECK(answer["checks"][1]["name"] == "locks");
    const Json brief = stage.check({"slots", "locks"}, "summary");
    CHECK(brief["checks"].empty());
    CHECK(brief["ok"] == Json::parse(R"(["locks","slots"])"));
}

TEST_CASE("health_check: one that hangs ends at its deadline, and all others are answered meanwhile") {
    std::mutex mutex;  // outlive the stage, whose probes go on to its end
    std::condition_variable seen;
    std::set<std::string> others;
    std::uint64_t limit_ms = 0;
    Stage stage(R"({"interval_s":86400,"probe_interval_ms":100,"check_timeout_ms":5000})");
    stage.untilRound();
    stage.play([&](const howdah_query_request& request) -> std::optional<Result<FakeResult>> {
        if (!isOf(request, "pg_catalog.pg_locks l")) {
            const std::lock_guard lock(mutex);
            if (fromAbi(request.sql) != "select 1" && fromAbi(request.sql) != health::kServerStatement.sql)
                others.emplace(fromAbi(request.sql));
            seen.notify_all();
            return std::nullopt;
        }
        // It returns only once the six others were asked: were they to wait for it, the test would end here.
        std::unique_lock lock(mutex);
        limit_ms = request.timeout_ms;
        const bool all = seen.wait_for(lock, std::chrono::seconds(20), [&] { return others.size() >= 6; });
        return all ? Result<FakeResult>(Error::timeout("the statement took too long"))
                   : Result<FakeResult>(Error::internal("the others waited"));
    });
    const Json answer = stage.check(kQuiet);
    CHECK(named(answer, "locks")["status"] == "skipped");
    CHECK(named(answer, "locks")["reason"] == "timed out after 5000 ms");
    CHECK(limit_ms == 5000);
    for (const std::string& name : kQuiet) {
        if (name != "locks") CHECK(named(answer, name)["status"] == "ok");
    }
    CHECK(answer["status"] == "ok");  // what was skipped says nothing
}

TEST_CASE("health_check: what this role may not read, or this server does not have, is skipped with the reason") {
    Stage stage;
    stage.play([&](const howdah_query_request& request) -> std::optional<Result<FakeResult>> {
        if (isOf(request, "pg_replication_slots"))
            return Error::database("42501", "permission denied for view pg_replication_slots");
        if (isOf(request, "pg_stat_replication"))
            return Error::database("42P01", "relation \"pg_catalog.pg_stat_replication\" does not exist");
        return std::nullopt;
    });
    const Json answer = stage.check(kQuiet, "summary");
    CHECK(named(answer, "slots")["reason"].get<std::string>().find("role reader may not read it") == 0);
    CHECK(named(answer, "slots")["reason"].get<std::string>().find("grant pg_monitor to reader") != std::string::npos);
    CHECK(named(answer, "replication")["reason"].get<std::string>().find("this server does not have it") == 0);
    CHECK(answer["ok"].size() == kQuiet.size() - 2);
}

TEST_CASE("health_check: a database that cannot be reached is critical and the rest is skipped") {
    Stage stage;
    stage.play([&](const howdah_query_request&) -> std::optional<Result<FakeResult>> {
        return Error::unavailable("connection refused");
    });
    const Json answer = stage.check({"reachability", "locks", "pool", "plugins"});
    CHECK(answer["status"] == "critical");
    CHECK_FALSE(answer.contains("server"));
    CHECK(named(answer, "reachability")["findings"][0]["text"] == "connection refused");
    CHECK(named(answer, "locks")["reason"] == "the database cannot be reached");
    CHECK(named(answer, "pool")["status"] == "ok");
    CHECK(named(answer, "plugins")["status"] == "ok");
}

TEST_CASE("health_check: an unknown database is the caller's mistake") {
    Stage stage;
    const FakeAnswer answer = stage.host.call("health_check", {{"database", "nope"}});
    CHECK(answer.status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(answer.error.message == "no database \"nope\"; configured: main, other");
}

TEST_CASE("health_check: a tenant is told nothing of the server's own, and all runs in his call") {
    std::mutex mutex;  // outlive the stage, whose probes go on to its end
    std::set<std::thread::id> threads;
    Stage stage;
    stage.host.principal.tenant = toAbi("acme");
    stage.untilRound();
    stage.play([&](const howdah_query_request& request) -> std::optional<Result<FakeResult>> {
        const std::lock_guard lock(mutex);
        if (fromAbi(request.sql) != "select 1") threads.insert(std::this_thread::get_id());
        return std::nullopt;
    });
    std::vector<std::string> names = kQuiet;
    names.emplace_back("pool");
    names.emplace_back("plugins");
    const Json answer = stage.check(names);
    CHECK(answer["checks"].size() == kQuiet.size());
    const std::lock_guard lock(mutex);
    CHECK(threads == std::set{std::this_thread::get_id()});
}

TEST_CASE("readiness: the default database must answer, another one need not") {
    std::atomic<int> failed{0};  // outlives the stage, whose probes go on to its end
    Stage stage;
    // Not "is ok": the round at the start may meet the refusals, and its word stays until the next one.
    const auto ready = [&] { return stage.host.health() != HOWDAH_HEALTH_NOT_READY; };
    stage.until(ready);
    stage.play([&](const howdah_query_request& request) -> std::optional<Result<FakeResult>> {
        if (fromAbi(request.database) == "main") return Error::unavailable("connection refused");
        return std::nullopt;
    });
    stage.until([&] { return !ready(); });
    stage.play(nullptr);
    stage.until(ready);
    stage.play([&](const howdah_query_request& request) -> std::optional<Result<FakeResult>> {
        if (fromAbi(request.database) != "other") return std::nullopt;
        ++failed;
        return Error::unavailable("connection refused");
    });
    stage.until([&] { return failed > 4; });
    CHECK(ready());
}

TEST_CASE("configuration: a required database that is not configured is refused at the start") {
    ToolHost host;
    host.databases = R"([{"name":"main"}])";
    howdah_sql_v1 sql{};
    sql.struct_size = sizeof sql;
    sql.state = &poolState;
    host.services = {{HOWDAH_SQL_1, {&sql, nullptr}}};
    host.database = [](const howdah_query_request&) -> Result<FakeResult> { return serverRow(); };
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    CHECK(host.start(R"({"ready_databases":["mian"]})") == "health.ready_databases: there is no database mian");
}
