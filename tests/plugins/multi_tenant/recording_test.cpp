// What each call leaves in its tenant's log, on two shards at once.
#include <atomic>
#include <thread>

#include "plugins/multi_tenant/hooks_stage.hpp"

using namespace howdah;
using namespace howdah::test;

TEST_CASE("audit: one record for each call, with its statements and how it ended, refused ones too") {
    Stage stage(Json{{"model", "schema"}, {"audit", {{"statement_bytes_max", 9}}}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    Asked query(acme, "select secret from t");
    REQUIRE(stage.before(query).verdict == HOWDAH_PROCEED);
    const Error failed = Error::database("42P01", "no");
    stage.after(call, &failed);
    Called refused(acme, {{"database", "notes"}});
    CHECK(stage.before(refused).verdict == HOWDAH_DENY);

    const auto log = stage.logOf("acme", 10);
    CHECK(log.problem.empty());
    REQUIRE(log.newest.size() == 2);
    const Json& record = log.newest[0];
    CHECK(record["subject"] == "oauth:ada");
    CHECK(record["name"] == "query");
    CHECK(record["outcome"] == "error");
    CHECK(record["sqlstate"] == "42P01");
    REQUIRE(record["statements"].size() == 1);
    CHECK(record["statements"][0]["sql"] == "select se");
    CHECK(record["statements"][0]["sha256"].get<std::string>().size() == 64);
    CHECK(log.newest[1]["outcome"] == "error");
    CHECK(log.newest[1]["code"] == "not_found");
}

TEST_CASE("audit: while calls cannot be recorded they are refused, and the gap is told once they can") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    fs::create_directories(stage.folder() + "/audit");
    std::ofstream(stage.folder() + "/audit/acme") << "a file where the folder should be";
    stage.after(call);
    Called next(acme);
    const auto refused = stage.before(next);
    CHECK(refused.verdict == HOWDAH_DENY);
    CHECK(refused.error.message.find("could not be recorded") != std::string::npos);
    const howdah_principal globex = who("globex");
    Called other(globex);
    CHECK(stage.before(other).verdict == HOWDAH_PROCEED);

    fs::remove(stage.folder() + "/audit/acme");
    CHECK(stage.before(next).verdict == HOWDAH_PROCEED);
    stage.after(next);
    const auto log = stage.logOf("acme", 10);
    REQUIRE(log.newest.size() == 2);
    CHECK(log.newest[0]["outcome"] == "resumed");
    CHECK(log.newest[0]["lost_before"].get<int>() >= 1);
    CHECK_FALSE(log.newest[1].contains("lost_before"));
}

TEST_CASE("two shards: each query has its own tenant's scope, and each call its record, whoever runs beside it") {
    Stage stage(Json{{"model", "schema"}, {"claims", false}, {"audit", Json::object()}});
    stage.host.shard_count = 2;
    constexpr int kRounds = 200;
    std::atomic<int> foreign{0}, refused{0};
    std::vector<std::thread> shards;
    for (std::uint32_t shard = 0; shard < 2; ++shard)
        shards.emplace_back([&, shard] {
            for (int round = 0; round < kRounds; ++round) {
                const std::string tenant = concat("t", (round + static_cast<int>(shard)) % 4);
                const howdah_principal principal = who(tenant.c_str());
                Called call(principal);
                call.request_id = static_cast<std::uint64_t>(round) * 2 + shard + 1;
                refused += stage.before(call, shard).verdict != HOWDAH_PROCEED;
                Asked query(principal);
                query.request_id = call.request_id;
                refused += stage.before(query).verdict != HOWDAH_PROCEED;
                for (const auto& [name, value] : query.settings)
                    foreign += value.find(tenant) == std::string::npos;
                stage.after(call);
            }
        });
    for (std::thread& shard : shards)
        shard.join();
    CHECK(foreign == 0);
    CHECK(refused == 0);
    std::uint64_t records = 0;
    for (const char* tenant : {"t0", "t1", "t2", "t3"}) {
        const auto log = stage.logOf(tenant, 1000);
        CHECK(log.problem.empty());
        records += log.last;
        for (const Json& record : log.newest)
            CHECK(record["statements"].size() == 1);
    }
    CHECK(records == 2 * kRounds);
}
