// The plugin over a fake host: hooks in, the tool out, tenants, restarts, a reload, a guard that fails.
#include <atomic>
#include <chrono>
#include <ctime>
#include <optional>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include "tests/plugins/analytics/stage.hpp"

namespace howdah::analytics {

TEST_CASE(
    "get_query_analytics: statements that differ in constants are one pattern, with client, rows, bytes and cache "
    "share") {
    const Folder folder;
    Stage stage(folder);
    for (int i = 0; i < 3; ++i)
        stage.ask({.sql = "select a from t where id = 4711"});
    stage.ask({.sql = "select a from t where id = 42",
               .client = "chat",
               .result_flags = HOWDAH_RESULT_REPLIED,
               .source = HOWDAH_FROM_DISK});
    const Json answer = stage.answer({{"sections", {"top", "clients"}}});
    REQUIRE(answer["top"].size() == 1);
    const Json& top = answer["top"][0];
    CHECK(top["pattern"] == "select a from t where id = $1");
    CHECK(top["calls"] == 4);
    CHECK(top["rows"] == 8);
    CHECK(top["bytes"] == 160);
    CHECK(top["cached_percent"] == 25);
    CHECK(top["database_ms"] == 15);
    CHECK(answer["clients"].size() == 2);
    CHECK(stage.guard.asked == 2);  // once a text
    stage.ask({.sql = "select a from t where id = 42"});
    CHECK(stage.answer({{"client", "ide"}})["totals"]["calls"] == 4);
    CHECK(stage.guard.asked == 2);
    CHECK(stage.guard.asked_in_requests == 0);  // whoever asks pays for nobody's texts
}

TEST_CASE("get_query_analytics: what a hook made itself is no hit of a cache, and took the database no time") {
    const Folder folder;
    Stage stage(folder);
    stage.ask({.sql = "select a from t", .result_flags = HOWDAH_RESULT_REPLIED});
    const Json totals = stage.answer()["totals"];
    CHECK(totals["calls"] == 1);
    CHECK_FALSE(totals.contains("cached_percent"));
    CHECK(totals["database_ms"] == 0);
}

TEST_CASE(
    "get_query_analytics: refusals stand under their rule, errors with their state, and no text of theirs anywhere") {
    const Folder folder;
    Stage stage(folder);
    Error refused = Error::refused("writing is not allowed");
    refused.rule = "read_only";
    stage.ask({.sql = "delete from secret_table", .error = refused});
    stage.ask({.sql = "selec secret_word"});
    stage.ask({.sql = "select b from t", .error = Error::database("42P01", "no such table")});
    stage.ask({.sql = "select c from t", .error = Error::timeout("too long")});
    stage.ask({.sql = "select d from t", .error = Error::cancelled("gone")});
    const FakeAnswer told = stage.called({{"sections", {"failing", "top"}}, {"limit", 100}});
    CHECK(told.text.find("secret") == std::string::npos);
    const Json answer = Json::parse(told.text);
    CHECK(answer["totals"]["errors"] == 3);
    CHECK(answer["totals"]["cancelled"] == 1);
    std::set<std::string> seen;
    for (const Json& entry : answer["top"]) {
        seen.insert(entry.value("kind", "statement") + ": " + entry["pattern"].get<std::string>());
        if (entry["pattern"] == "select b from t$1") CHECK(entry["last_sqlstate"] == "42P01");
    }
    CHECK(seen.contains("refused: read_only"));
    CHECK(seen.contains("unread: (not read)"));
    CHECK(answer["failing"].size() == 3);
}

TEST_CASE("get_query_analytics: a tenant sees what it asked itself, and may ask for no other") {
    const Folder folder;
    Stage stage(folder);
    stage.ask({.sql = "select a1", .tenant = "acme"});
    stage.ask({.sql = "select b1", .tenant = "bolt"});
    stage.ask({.sql = "select b2", .tenant = "bolt"});
    CHECK(stage.answer()["totals"]["calls"] == 3);
    stage.host.principal.tenant = toAbi("acme");
    const Json own = stage.answer({{"sections", {"top", "tenants"}}});
    CHECK(own["totals"]["calls"] == 1);
    CHECK(own["tenants"].size() == 1);
    CHECK(stage.answer({{"tenant", "acme"}})["totals"]["calls"] == 1);
    const FakeAnswer refused = stage.called({{"tenant", "bolt"}});
    CHECK(refused.status == HOWDAH_ERROR_REFUSED);
    CHECK(stage.called({{"tenant", "(others)"}}).status == HOWDAH_ERROR_REFUSED);
    const FakeAnswer lines = stage.called({{"export", "csv"}});
    CHECK(lines.text.find("bolt") == std::string::npos);
    CHECK(Json::parse(lines.structured)["export"]["rows"] == 1);
}

TEST_CASE("get_query_analytics: a tenant is shown its own text of a statement, also where another one came first") {
    const Folder folder;
    const auto look = [](Stage& stage) {
        stage.host.principal.tenant = {};
        const Json all = stage.answer({{"sections", {"top"}}, {"order", "calls"}});
        REQUIRE(all["top"].size() == 1);  // one statement, for whoever sees all
        CHECK(all["top"][0]["calls"] == 4);
        for (const char* tenant : {"bolt", "cove"}) {
            CAPTURE(tenant);
            stage.host.principal.tenant = toAbi(tenant);
            const FakeAnswer told = stage.called({{"sections", {"top", "slow", "growing"}}});
            CHECK(told.text.find("secret_of_acme") == std::string::npos);
            CHECK(told.text.find("select a as ours from t$1") != std::string::npos);
            for (const char* format : {"csv", "ndjson"})
                CHECK(stage.called({{"export", format}}).text.find("secret_of_acme") == std::string::npos);
        }
    };
    {
        Stage stage(folder);
        stage.ask({.sql = "select a as secret_of_acme from t", .tenant = "acme"});
        stage.ask({.sql = "select a as ours from t", .tenant = "acme"});  // the text of bolt, but not its first one
        (void)stage.answer();
        stage.ask({.sql = "select a as ours from t", .tenant = "bolt"});
        stage.ask({.sql = "select a as ours from t", .tenant = "cove"});
        look(stage);
    }
    Stage restarted(folder);
    look(restarted);
}

TEST_CASE("get_query_analytics: what was answered before a stop is there under its statement, on a busy machine too") {
    // 20 ms a text: the last reading may spend 50 ms of the processor, and as much time as the machine gives to others.
    const auto unreadAfter = [](void (*takes)()) {
        const Folder folder;
        {
            Stage stage(folder, "{}", true, &MovedClock::install);
            stage.guard.takes = takes;
            for (int i = 0; i < 10; ++i)
                stage.ask({.sql = concat("select a", i % 2 ? "" : " ", " from t where b = ", i)});
        }
        Stage restarted(folder);
        const Json answer = restarted.answer({{"sections", {"top"}}});
        CHECK(answer["totals"]["calls"] == 10);
        std::uint64_t unread = 0;
        for (const Json& entry : answer["top"])
            if (entry.value("kind", "statement") == "unread") unread += entry["calls"].get<std::uint64_t>();
        return unread;
    };
    CHECK(unreadAfter([] { MovedClock::moved_ns += 20'000'000; }) == 0);
    CHECK(unreadAfter(&spendProcessorTime) > 0);
}

TEST_CASE("get_query_analytics: who asked is not kept unless it is to be") {
    const Folder folder;
    {
        Stage stage(folder);
        stage.ask({.sql = "select 1"});
        CHECK(stage.called({{"export", "ndjson"}}).text.find("ada") == std::string::npos);
    }
    CHECK(std::filesystem::exists(folder.file()));
    Stage stage(folder, R"({"principals":true})");
    stage.ask({.sql = "select 1"});
    const Json answer = stage.answer({{"sections", {"principals"}}});
    CHECK(answer["totals"]["calls"] == 2);
    CHECK(answer["principals"].size() == 2);
}

TEST_CASE("get_query_analytics: what was counted outlives a restart and a reload, with two instances at once") {
    const Folder folder;
    {
        Stage old(folder);
        old.ask({.sql = "select a1"});
        Stage fresh(folder, R"({"texts_max":100})");
        old.ask({.sql = "select a1"});  // its request ends after the new one has started
        fresh.ask({.sql = "select a1"});
        old.host.stop();
        CHECK(fresh.answer()["totals"]["calls"] == 3);
    }
    Stage restarted(folder);
    CHECK(restarted.answer()["totals"]["calls"] == 3);
    restarted.host.stop();
    Stage forgetful(folder, R"({"save_interval_s":0})");
    CHECK(forgetful.answer()["totals"]["calls"] == 0);
}

TEST_CASE("get_query_analytics: without a guard, or with one that fails, queries are counted as unread") {
    const Folder folder;
    Stage alone(folder, R"({"save_interval_s":0})", false);
    alone.ask({.sql = "select a1"});
    alone.ask({.sql = "select own", .provenance = HOWDAH_PROVENANCE_PLUGIN});
    const Json answer = alone.answer({{"sections", {"top"}}, {"order", "calls"}});
    CHECK(answer["totals"]["calls"] == 2);
    CHECK(answer["totals"]["patterns"] == 2);
    CHECK(alone.host.logLines().size() == 1);

    Stage failing(folder, R"({"save_interval_s":0})");
    failing.guard.status = HOWDAH_ERROR_UNAVAILABLE;
    failing.ask({.sql = "select a1"});
    CHECK(failing.answer({{"sections", {"top"}}})["top"][0]["kind"] == "unread");
    failing.guard.status = HOWDAH_OK;  // was busy: it is asked again
    failing.ask({.sql = "select a1"});
    CHECK(failing.answer({{"sections", {"top"}}})["totals"]["patterns"] == 2);
}

TEST_CASE("get_query_analytics: two shards at once lose no query while the tool is asked") {
    const Folder folder;
    Stage stage(folder);
    constexpr int kQueries = 400;
    const auto shard = [&](std::uint32_t index) {
        for (int i = 0; i < kQueries; ++i) {
            const std::string sql = concat("select ", i % 20);
            FakeCall request(stage.host, std::chrono::seconds(60), index);
            howdah_principal principal{sizeof principal, 0, toAbi("ada"), {}, {}, nullptr, 0};
            howdah_query query{};
            query.struct_size = sizeof query;
            query.provenance = HOWDAH_PROVENANCE_PLUGIN;
            query.sql = toAbi(sql);
            query.principal = &principal;
            howdah_result result{};
            result.struct_size = sizeof result;
            const auto* hooks = stage.host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
            (void)hooks->before_query(stage.host.self(), request.ctx(), &query);
            (void)hooks->after_query(stage.host.self(), request.ctx(), &query, &result);
        }
    };
    std::thread one(shard, 0), two(shard, 1);
    std::uint64_t before = 0;
    for (int i = 0; i < 10; ++i) {
        const auto calls = stage.answer()["totals"]["calls"].get<std::uint64_t>();
        CHECK(calls >= before);
        before = calls;
    }
    one.join();
    two.join();
    CHECK(stage.answer()["totals"]["calls"] == 2 * kQueries);
}

TEST_CASE("analytics: doctor is told how much is kept") {
    const Folder folder;
    Stage stage(folder);
    stage.ask({.sql = "select a1"});
    (void)stage.answer();
    const auto* report = stage.host.plugin<howdah_report_v1>(HOWDAH_REPORT_1);
    FakeCall request(stage.host);
    howdah_str json{};
    REQUIRE(report->report(stage.host.self(), request.ctx(), &json) == HOWDAH_OK);
    const Json told = Json::parse(fromAbi(json));
    CHECK(told["status"] == "ok");
    CHECK(told["checks"][0]["text"].get<std::string>().starts_with("1 patterns in 1 hours, "));
}

TEST_CASE("analytics: doctor is told what is wrong with the file, and when it is well again") {
    const Folder folder;
    Stage stage(folder, R"({"save_interval_s":1})");
    const auto* report = stage.host.plugin<howdah_report_v1>(HOWDAH_REPORT_1);
    Json told;
    const auto becomes = [&](const char* status) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        do {
            FakeCall request(stage.host);
            howdah_str json{};
            REQUIRE(report->report(stage.host.self(), request.ctx(), &json) == HOWDAH_OK);
            told = Json::parse(fromAbi(json));
            std::this_thread::yield();
        } while (told["status"] != status && std::chrono::steady_clock::now() < end);
        return told["status"] == status;
    };
    std::filesystem::remove_all(folder.path());
    stage.ask({.sql = "select a1"});
    REQUIRE(becomes("warn"));
    REQUIRE(told["checks"].size() == 2);
    CHECK(told["checks"][1]["text"].get<std::string>().find(folder.path()) != std::string::npos);
    CHECK(told["checks"][1]["remedy"].get<std::string>().find(folder.file()) != std::string::npos);
    std::filesystem::create_directory(folder.path());
    CHECK(becomes("ok"));
    CHECK(std::filesystem::exists(folder.file()));
}

}  // namespace howdah::analytics
