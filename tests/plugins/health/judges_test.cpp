// Judging is a pure function: rows in, judgement out. Both sides of each threshold.
#include <doctest/doctest.h>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

using namespace howdah::health;
using Json = nlohmann::json;

namespace {

struct Asked {
    Config config;
    Server server{.version = 150008, .version_text = "15.8", .role = "reader", .database = "shop", .monitor = true};
    Json told;
    Counters before;
    double before_s = 0;

    Judgement judge(const Check& check, const Table& rows = {}) const {
        Input input{rows, told, server, config};
        if (!before.empty()) input.before = &before;
        input.before_s = before_s;
        input.now_s = 1'000'000;
        return check.judge(input);
    }
};

using Cells = Table::Cells;

Table connections(const std::string& used) {
    return {{"connections_max", "reserved", "used", "active", "idle", "idle_in_transaction", "hidden", "of_database",
             "database_max", "of_role", "role_max"},
            {Cells{"103", "3", used, "1", "2", "0", "0", "5", "-1", "5", "-1"}}};
}

Table transactions(std::vector<Cells> rows) {
    return {{"pid", "who", "application", "state", "age_s", "state_s", "xmin_age", "query", "prepared"},
            std::move(rows)};
}

Table locks(std::vector<Cells> rows) {
    return {{"waiting", "waiting_s", "mode", "relation", "waiting_who", "waiting_query", "blocker", "blocker_who",
             "blocker_application", "blocker_state", "blocker_s", "blocker_query"},
            std::move(rows)};
}

}  // namespace

TEST_CASE("judge: a band is met at its threshold, not before") {
    CHECK(band(79.9, 80, 95) == Status::ok);
    CHECK(band(80, 80, 95) == Status::warning);
    CHECK(band(94.9, 80, 95) == Status::warning);
    CHECK(band(95, 80, 95) == Status::critical);
}

TEST_CASE("judge: figures are written as people read them") {
    CHECK(bytesText(0) == "0 bytes");
    CHECK(bytesText(1536) == "1.5 KiB");
    CHECK(bytesText(10737418240) == "10 GiB");
    CHECK(durationText(0.0123) == "12 ms");
    CHECK(durationText(119) == "119 s");
    CHECK(durationText(120) == "2 min");
    CHECK(durationText(7200) == "2 h");
    CHECK(durationText(172800) == "2 days");
    CHECK(countText(1250000) == "1,250,000");
    CHECK(countText(1, "index", "indexes") == "1 index");
    CHECK(countText(2, "index", "indexes") == "2 indexes");
    CHECK(shortened("grün", 3) == "gr…");  // not half of a character
    CHECK(shortened("grün", 5) == "grün");
}

TEST_CASE("connections: judged against what is left after the reserved ones") {
    Asked asked;
    CHECK(asked.judge(kConnections, connections("79")).status == Status::ok);
    CHECK(asked.judge(kConnections, connections("80")).status == Status::warning);
    const Judgement full = asked.judge(kConnections, connections("95"));
    CHECK(full.status == Status::critical);
    CHECK(full.findings[0].text.find("95 of 100 connections of the server") == 0);
    CHECK(full.findings[0].suggestion.find("pg_stat_activity") != std::string::npos);
    CHECK(full.measures[0].limit == 100);
}

TEST_CASE("transactions: an idle one is judged sooner, a prepared one names what ends it") {
    Asked asked;
    const auto one = [&](const char* state, const char* age, const char* idle) {
        return asked.judge(kTransactions,
                           transactions({Cells{"7", "ada", "psql", state, age, idle, "3", "select 1", std::nullopt}}));
    };
    CHECK(one("active", "299", "0").status == Status::ok);
    CHECK(one("active", "300", "0").status == Status::warning);
    CHECK(one("active", "3600", "0").status == Status::critical);
    CHECK(one("idle in transaction", "200", "119").status == Status::ok);
    const Judgement idle = one("idle in transaction", "200", "120");
    CHECK(idle.status == Status::warning);
    CHECK(idle.findings[0].suggestion.find("select pg_catalog.pg_terminate_backend(7)") == 0);
    CHECK(idle.findings[0].text.find("select 1") != std::string::npos);
    asked.config.query_text_max = 0;
    CHECK(one("idle in transaction", "200", "120").findings[0].text.find("select 1") == std::string::npos);

    const Cells prepared{std::nullopt, "ada", "", "prepared", "300", std::nullopt, "1", std::nullopt, "'it''s'"};
    const Judgement judged = asked.judge(kTransactions, transactions({prepared}));
    CHECK(judged.status == Status::warning);
    CHECK(judged.findings[0].suggestion.find("rollback prepared 'it''s'") == 0);
}

TEST_CASE("transactions: what a role without pg_monitor does not see is said") {
    Asked asked;
    CHECK(asked.judge(kTransactions, transactions({})).reason.empty());
    asked.server.monitor = false;
    CHECK(asked.judge(kTransactions, transactions({})).reason.find("pg_monitor") != std::string::npos);
}

TEST_CASE("locks: the one at the root is named, with all who wait for it through others") {
    Asked asked;
    // 3 waits for 2, 2 waits for 1, who does nothing.
    const Judgement judged =
        asked.judge(kLocks, locks({Cells{"2", "15", "ExclusiveLock", "shop.orders", "bo", "update x", "1", "ada",
                                         "psql", "idle in transaction", "20", "lock table orders"},
                                   Cells{"3", "5", "ShareLock", "shop.orders", "cy", "select y", "2", "bo", "app",
                                         "active", "15", "update x"},
                                   Cells{"3", "5", "ShareLock", "shop.orders", "cy", "select y", "1", "ada", "psql",
                                         "idle in transaction", "20", "lock table orders"}}));
    REQUIRE(judged.findings.size() == 1);
    CHECK(judged.status == Status::warning);
    const Finding& root = judged.findings[0];
    CHECK(root.text.find("pid 1 of ada (psql), idle in transaction, transaction open for 20 s, blocks 2 sessions, the "
                         "longest for 15 s: "
                         "pid 2 of bo for ExclusiveLock on shop.orders: update x") == 0);
    CHECK(root.suggestion == "select pg_catalog.pg_terminate_backend(1)");
    CHECK(judged.summary == "2 sessions wait for a lock, the longest for 15 s");
}

TEST_CASE("locks: a short wait is a notice, a long one critical, a prepared blocker is said to be one") {
    Asked asked;
    const auto waited = [&](const char* seconds, const char* blocker) {
        return asked.judge(kLocks,
                           locks({Cells{"2", seconds, "ShareLock", ".", "bo", "", blocker, "", "", "", "0", ""}}));
    };
    CHECK(waited("9", "1").status == Status::notice);
    CHECK(waited("10", "1").status == Status::warning);
    CHECK(waited("120", "1").status == Status::critical);
    CHECK(waited("9", "0").findings[0].suggestion.find("pg_prepared_xacts") != std::string::npos);
    CHECK(waited("9", "0").findings[0].text.find("a prepared transaction blocks 1 session") == 0);
}

TEST_CASE("slots: one that nobody uses is told by what it keeps") {
    Asked asked;
    const auto slot = [&](const char* active, const char* kept, const std::optional<std::string>& inactive,
                          const char* wal = "reserved") {
        return asked.judge(
            kSlots,
            {{"name", "quoted", "slot_type", "active", "wal_status", "safe_bytes", "kept_bytes", "inactive_s",
              "invalid", "temporary"},
             {Cells{"old", "'old'", "physical", active, wal, std::nullopt, kept, inactive, std::nullopt, "f"}}});
    };
    CHECK(slot("t", "100", std::nullopt).status == Status::ok);
    const Judgement left = slot("f", "100", std::nullopt);
    CHECK(left.status == Status::notice);
    CHECK(left.findings[0].suggestion.find("pg_drop_replication_slot('old')") != std::string::npos);
    CHECK(slot("f", "1073741824", std::nullopt).status == Status::warning);
    CHECK(slot("f", "10737418240", std::nullopt).status == Status::critical);
    CHECK(slot("f", "100", "3599").status == Status::notice);
    CHECK(slot("f", "100", "3600").status == Status::warning);
    CHECK(slot("t", "100", std::nullopt, "lost").status == Status::warning);
}

TEST_CASE("wraparound: of the ids that can be used, not of those there are") {
    Asked asked;
    const auto used = [&](const char* age) {
        return asked.judge(kWraparound, {{"kind", "name", "xid_age", "multi_age", "freeze_max", "here"},
                                         {Cells{"database", "shop", age, "0", "200000000", "t"},
                                          Cells{"table", "public.old", age, "0", std::nullopt, "t"}}});
    };
    CHECK(used("857000000").status == Status::ok);  // 39.96 %
    CHECK(used("860000000").status == Status::warning);
    const Judgement critical = used("1610000000");
    CHECK(critical.status == Status::critical);
    CHECK(critical.findings[0].suggestion.find("vacuum (freeze, verbose) public.old") == 0);
}

TEST_CASE("vacuum: dead rows, a table nobody analysed, autovacuum that is off") {
    Asked asked;
    const std::vector<std::string> columns{"kind", "name", "dead", "live", "vacuumed_s", "unknown", "off", "starts_at"};
    const Cells settings{"settings", std::nullopt, std::nullopt, std::nullopt, std::nullopt, "f", "f", std::nullopt};
    CHECK(asked.judge(kVacuum, {columns, {settings}}).status == Status::ok);
    Cells off = settings;
    off[6] = "t";
    CHECK(asked.judge(kVacuum, {columns, {off}}).status == Status::warning);
    const Judgement dead = asked.judge(
        kVacuum, {columns, {settings, Cells{"table", "a.b", "30000", "10000", std::nullopt, "f", "t", "50"}}});
    CHECK(dead.status == Status::warning);
    CHECK(dead.findings[0].text == "a.b has 30,000 dead rows (75 % of all), never vacuumed, autovacuum is off for it");
    CHECK(dead.findings[0].suggestion.find("alter table a.b reset (autovacuum_enabled)") != std::string::npos);
    const Judgement unknown =
        asked.judge(kVacuum, {columns, {settings, Cells{"table", "a.c", "0", "20000", std::nullopt, "t", "f", "50"}}});
    CHECK(unknown.status == Status::notice);
    CHECK(unknown.findings[0].suggestion == "analyze a.c");
}

TEST_CASE("sequences: the end of the column counts where it comes first") {
    Asked asked;
    const std::vector<std::string> columns{"name",      "at",      "last", "percent", "column_name", "table_name",
                                           "type_name", "by_type", "up",   "hidden",  "total"};
    const auto used = [&](const char* share) {
        return asked.judge(kSequences,
                           {columns, {Cells{"a.s", "1", "2", share, "id", "a.t", "integer", "t", "t", "0", "1"}}});
    };
    CHECK(used("74.9").status == Status::ok);
    CHECK(used("75").status == Status::warning);
    CHECK(used("90").status == Status::critical);
    CHECK(used("75").findings[0].suggestion.find("alter table a.t alter column id type bigint") == 0);
    CHECK(used("24").measures.empty());
    CHECK(used("25").measures.size() == 1);
    const Judgement hidden = asked.judge(kSequences, {columns,
                                                      {Cells{"a.s", std::nullopt, "2", std::nullopt, std::nullopt,
                                                             std::nullopt, std::nullopt, "f", "t", "1", "1"}}});
    CHECK(hidden.status == Status::ok);
    CHECK(hidden.reason.find("1 sequence cannot be read") == 0);
}

TEST_CASE("unused_indexes: nothing is said before the uses were counted for long enough") {
    Asked asked;
    const Table rows{{"name", "on_table", "bytes", "scans", "last_s", "table_scans", "total", "total_bytes"},
                     {Cells{"a.i", "a.t", "2000000", "0", std::nullopt, "500", "1", "2000000"}}};
    asked.server.stats_s = 7 * 86400 - 1;
    CHECK(asked.judge(kUnusedIndexes, rows).status == Status::skipped);
    asked.server.stats_s = 7 * 86400;
    CHECK(asked.judge(kUnusedIndexes, rows).status == Status::notice);
    asked.server.stats_s = -1;
    const Judgement unknown = asked.judge(kUnusedIndexes, rows);
    CHECK(unknown.status == Status::notice);
    CHECK(!unknown.reason.empty());
}

TEST_CASE("cache: judged by what was read since the round before") {
    Asked asked;
    const auto judged = [&](const char* hit, const char* read) {
        return asked.judge(kCache, {{"hit", "read", "shared_buffers"}, {Cells{hit, read, "128MB"}}});
    };
    CHECK(judged("1000", "9000").status == Status::notice);  // since the statistics began
    CHECK(judged("1000", "8999").status == Status::ok);      // too few to tell
    asked.before = {{"hit", 1000}, {"read", 9000}};
    asked.before_s = 60;
    CHECK(judged("10999", "9001").status == Status::ok);
    CHECK(judged("9999", "10001").status == Status::warning);
    CHECK(judged("10000", "10000").status == Status::ok);  // exactly 90 %
}

TEST_CASE("memory: spills are judged by the hour, what the settings allow where the memory is told") {
    Asked asked;
    asked.before = {{"temp_bytes", 1000}};
    asked.before_s = 360;  // a tenth of an hour
    const auto judged = [&](double spilled) {
        return asked.judge(kMemory,
                           {{"shared", "work", "work_mem", "maintenance", "connections", "temp_bytes", "temp_files"},
                            {Cells{"134217728", "4194304", "4MB", "0", "100", std::to_string(1000 + spilled), "1"}}});
    };
    CHECK(judged(107374182).status == Status::ok);
    CHECK(judged(107374183).status == Status::warning);
    CHECK(judged(0).status == Status::ok);
    CHECK(judged(0).reason.find("health.thresholds.memory_bytes") != std::string::npos);
    asked.config.thresholds.memory_bytes = 1e9;  // the settings allow 553,648,128
    CHECK(judged(0).status == Status::ok);
    CHECK(judged(0).reason.empty());
    asked.config.thresholds.memory_bytes = 6e8;
    CHECK(judged(0).status == Status::warning);
}

TEST_CASE("disk: without a known room it is measured and not judged") {
    Asked asked;
    const Table rows{{"bytes", "wal"}, {Cells{"800", "5"}}};
    CHECK(asked.judge(kDisk, rows).status == Status::ok);
    CHECK(asked.judge(kDisk, rows).reason.find("health.thresholds.disk_bytes") != std::string::npos);
    asked.config.thresholds.disk_bytes = 1001;
    CHECK(asked.judge(kDisk, rows).status == Status::ok);
    asked.config.thresholds.disk_bytes = 1000;
    CHECK(asked.judge(kDisk, rows).status == Status::warning);
    asked.config.thresholds.disk_bytes = 800;
    CHECK(asked.judge(kDisk, rows).status == Status::critical);
}

TEST_CASE("checkpoints: most of them before their time is a warning while it goes on") {
    Asked asked;
    const auto judged = [&](const char* timed, const char* requested) {
        return asked.judge(kCheckpoints, {{"timed", "requested", "max_wal_size", "timeout"},
                                          {Cells{timed, requested, "1GB", "5min"}}});
    };
    CHECK(judged("5", "4").status == Status::ok);
    CHECK(judged("5", "5").status == Status::warning);
    CHECK(judged("6", "5").status == Status::ok);
    asked.before = {{"requested", 5}, {"timed", 5}};
    CHECK(judged("5", "5").status == Status::ok);  // none since
    CHECK(judged("5", "6").status == Status::warning);
}

TEST_CASE("archiving: critical while the last try failed") {
    Asked asked;
    const auto judged = [&](const char* mode, const char* failing) {
        return asked.judge(kArchiving, {{"mode", "archived_count", "failed_count", "failing", "wal", "failed_s"},
                                        {Cells{mode, "1", "2", failing, "0001", "30"}}});
    };
    CHECK(judged("on", "f").status == Status::ok);
    CHECK(judged("on", "t").status == Status::critical);
    CHECK(judged("off", "t").status == Status::ok);
}

TEST_CASE("replication: a standby behind, a standby itself, and one this role cannot look at") {
    Asked asked;
    const auto judged = [&](const char* kind, const std::optional<std::string>& state,
                            const std::optional<std::string>& lag) {
        return asked.judge(kReplication, {{"kind", "name", "state", "sync_state", "lag_s", "lag_bytes"},
                                          {Cells{kind, "walreceiver", state, "async", lag, "5"}}});
    };
    CHECK(judged("standby", "streaming", "29").status == Status::ok);
    CHECK(judged("standby", "streaming", "30").status == Status::warning);
    CHECK(judged("self", "streaming", "300").status == Status::critical);
    CHECK(judged("standby", "catchup", "0").status == Status::notice);
    const Judgement severed = judged("self", "disconnected", "29");
    CHECK(severed.status == Status::warning);
    CHECK(severed.findings[0].text ==
          "this standby receives nothing from its primary; the last transaction it has replayed is 29 s old");
    CHECK(judged("self", "disconnected", "300").status == Status::critical);
    CHECK(judged("self", "disconnected", std::nullopt).findings[0].text ==
          "this standby receives nothing from its primary");
    CHECK(judged("self", "not seen", "0").status == Status::ok);
    CHECK(judged("standby", std::nullopt, "0").reason.find("pg_monitor") != std::string::npos);
}

TEST_CASE("pool: an open breaker is critical, statements that found no connection a warning") {
    Asked asked;
    asked.told = {{"open", 4},           {"idle", 1},         {"waiting", 0},          {"max", 4},
                  {"breaker", "closed"}, {"refused_full", 2}, {"leaks", Json::array()}};
    CHECK(asked.judge(kPool).status == Status::ok);
    asked.before = {{"refused", 2}};
    CHECK(asked.judge(kPool).status == Status::ok);
    asked.told["refused_full"] = 3;
    CHECK(asked.judge(kPool).status == Status::warning);
    asked.told["breaker"] = "open";
    CHECK(asked.judge(kPool).status == Status::critical);
}

TEST_CASE("plugins: one that does not run is critical, one in quarantine a warning") {
    Asked asked;
    const auto judged = [&](const char* state) {
        asked.told = {{"plugins", {{{"id", "guard"}, {"state", state}, {"reason", "why"}, {"faults", 0}}}}};
        return asked.judge(kPlugins);
    };
    CHECK(judged("running").status == Status::ok);
    CHECK(judged("quarantined").status == Status::warning);
    CHECK(judged("blocked").status == Status::critical);
    CHECK(judged("blocked").findings[0].text == "plugin guard is blocked: why");
}

TEST_CASE("network: names that are not found, slow ones, certificates that end") {
    Asked asked;
    asked.told = {{"hosts", {{{"name", "db.example"}, {"ms", 499}}}}};
    CHECK(asked.judge(kNetwork).status == Status::ok);
    asked.told["hosts"][0]["ms"] = 500;
    CHECK(asked.judge(kNetwork).status == Status::warning);
    asked.told["hosts"][0]["error"] = "Name or service not known";
    CHECK(asked.judge(kNetwork).status == Status::critical);
    const auto ends = [&](const char* whose, double days) {
        asked.told = {{whose, 1'000'000 + days * 86400}};
        return asked.judge(kNetwork);
    };
    for (const char* whose : {"server_certificate_until_s", "own_certificate_until_s"}) {
        CHECK(ends(whose, 30).status == Status::ok);
        CHECK(ends(whose, 29.9).status == Status::warning);
        CHECK(ends(whose, 6.9).status == Status::critical);
        CHECK(ends(whose, -2).findings[0].text.find("has expired 2 days ago") != std::string::npos);
    }
}

TEST_CASE("extensions and permissions: what to run stands with it") {
    Asked asked;
    const std::vector<std::string> columns{"name", "installed", "available", "total", "differs"};
    CHECK(asked.judge(kExtensions, {columns, {Cells{"x", "1.0", "1.0", "1", "f"}}}).status == Status::ok);
    const Judgement older = asked.judge(kExtensions, {columns, {Cells{"x", "1.0", "1.1", "1", "t"}}});
    CHECK(older.status == Status::notice);
    CHECK(older.findings[0].suggestion == "alter extension x update");
    CHECK(asked.judge(kExtensions, {columns, {Cells{"x", "1.0", std::nullopt, "1", "t"}}}).status == Status::warning);

    const std::vector<std::string> rights{"total", "hidden", "names", "all_of_monitor", "settings"};
    CHECK(asked.judge(kPermissions, {rights, {Cells{"5", "0", std::nullopt, "t", "t"}}}).status == Status::ok);
    const Judgement less = asked.judge(kPermissions, {rights, {Cells{"5", "2", "a.b, a.c", "f", "f"}}});
    CHECK(less.findings.size() == 2);
    CHECK(less.findings[1].suggestion == "grant pg_monitor to reader");
}

TEST_CASE("checks: each version of the server is asked what it knows") {
    CHECK(kCheckpoints.statementFor(16)->sql.find("pg_stat_bgwriter") != std::string_view::npos);
    CHECK(kCheckpoints.statementFor(17)->sql.find("pg_stat_checkpointer") != std::string_view::npos);
    CHECK(kLocks.statementFor(13)->sql.find("waitstart") == std::string_view::npos);
    CHECK(kLocks.statementFor(18)->sql.find("waitstart") != std::string_view::npos);
    CHECK(findCheck("locks") == &kLocks);
    CHECK(findCheck("lock") == nullptr);
}
