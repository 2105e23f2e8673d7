// What each call leaves in its tenant's log, on two shards at once.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "plugins/multi_tenant/hooks_stage.hpp"

using namespace howdah;
using namespace howdah::test;

namespace {

// By how many descriptors of this process.
int timesOpen(const std::string& path) {
    int times = 0;
    for (const auto& descriptor : fs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;  // closed meanwhile
        times += fs::read_symlink(descriptor.path(), gone) == path;
    }
    return times;
}

}  // namespace

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

TEST_CASE("audit: a statement that is refused before it runs is in the record of its call") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    Asked query(acme, "select 16384::regrole");
    const auto refused = stage.before(query);
    REQUIRE(refused.error.rule == "tenant-catalog");
    stage.after(call, &refused.error);
    const auto log = stage.logOf("acme", 1);
    REQUIRE(log.newest.size() == 1);
    CHECK(log.newest[0]["rule"] == "tenant-catalog");
    REQUIRE(log.newest[0]["statements"].size() == 1);
    CHECK(log.newest[0]["statements"][0]["sql"] == "select 16384::regrole");
}

TEST_CASE("audit: of a call's statements as much text is kept as a record can hold, and the digest of each") {
    Stage stage(Json{{"model", "schema"}, {"audit", {{"statement_bytes_max", 65536}}}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    // Each byte becomes six in JSON: the longest record there can be.
    for (const std::size_t bytes : {std::size_t{65535}, std::size_t{65536}, std::size_t{1}, std::size_t{1}}) {
        const std::string text(bytes, '\x01');
        Asked query(acme, text);
        REQUIRE(stage.before(query).verdict == HOWDAH_PROCEED);
    }
    stage.after(call);
    const auto log = stage.logOf("acme", 1);
    CHECK(log.problem.empty());
    REQUIRE(log.newest.size() == 1);
    const Json& statements = log.newest[0]["statements"];
    REQUIRE(statements.size() == 4);
    CHECK(statements[0]["sql"].get<std::string>().size() == 65535);
    CHECK_FALSE(statements[1].contains("sql"));
    CHECK(statements[2].contains("sql"));
    CHECK_FALSE(statements[3].contains("sql"));
    for (const Json& statement : statements)
        CHECK(statement["sha256"].get<std::string>().size() == 64);
}

TEST_CASE(
    "audit: a call whose worker is not to be had, does not come, or is dropped, is recorded before its answer all the "
    "same") {
    const howdah_principal acme = who("acme");
    SUBCASE("none takes it") {
        Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
        stage.host.workers_max = 0;
        for (std::uint64_t i = 1; i <= 3; ++i) {
            Called call(acme);
            REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
            stage.after(call);
            CHECK(stage.logOf("acme", 0).last == i);
        }
    }
    SUBCASE("none comes to it before the request is over") {
        Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}}, true);
        Called call(acme);
        REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
        stage.after(call, nullptr, std::chrono::milliseconds(1));
        CHECK(stage.logOf("acme", 0).last == 1);
        // What it was given meanwhile finds nothing to do, or is never done: others are called.
        const auto* jobs = stage.host.plugin<howdah_jobs_v1>(HOWDAH_JOBS_1);
        for (const std::uint64_t token : std::exchange(stage.host.given, {}))
            jobs->drop(stage.host.self(), token);
        REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
        stage.after(call, nullptr, std::chrono::milliseconds(1));
        CHECK(stage.logOf("acme", 0).last == 2);
        REQUIRE(stage.host.given.size() == 1);
        jobs->work(stage.host.self(), stage.host.given.front());
        CHECK(stage.logOf("acme", 0).last == 2);
    }
}

TEST_CASE("audit: a tenant whose record the disk has not taken is refused until it has, others are not") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme"), globex = who("globex");
    Called call(acme), other(globex);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    {
        auto held = multi_tenant::File::make(stage.folder() + "/audit/acme.mark");
        REQUIRE(held);
        REQUIRE(held->lock());
        stage.after(call, nullptr, std::chrono::milliseconds(1));
        const auto refused = stage.before(call);
        CHECK(refused.verdict == HOWDAH_DENY);
        CHECK(refused.error.message.find("the disk has not taken the record") != std::string::npos);
        CHECK(stage.before(other).verdict == HOWDAH_PROCEED);
    }
    while (stage.before(call).verdict != HOWDAH_PROCEED)
        std::this_thread::yield();
    stage.after(call);
    const auto log = stage.logOf("acme", 10);
    CHECK(log.problem.empty());
    REQUIRE(log.newest.size() == 3);
    CHECK(log.newest[0]["name"] == "query");  // late, but there
    CHECK(log.newest[1]["lost_before"].get<int>() >= 1);
    CHECK(log.newest[2]["name"] == "query");
}

TEST_CASE("audit: while one tenant's log is held another's call and its record do not wait for it") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme"), globex = who("globex");
    Called call(acme), other(globex);
    other.request_id = 2;
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    REQUIRE(stage.before(other).verdict == HOWDAH_PROCEED);
    const std::string mark = stage.folder() + "/audit/acme.mark";
    std::thread held_call;
    {
        auto held = multi_tenant::File::make(mark);
        REQUIRE(held);
        REQUIRE(held->lock());
        held_call = std::thread([&] { stage.after(call); });
        while (timesOpen(mark) < 2)  // until somebody waits for it
            std::this_thread::yield();
        const auto began = std::chrono::steady_clock::now();
        stage.after(other);
        CHECK(stage.before(other).verdict == HOWDAH_PROCEED);
        stage.after(other);
        CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(1));
        CHECK(stage.logOf("globex", 0).last == 2);
    }
    held_call.join();
    CHECK(stage.logOf("acme", 0).last == 1);
}

TEST_CASE("audit: a look at a held log is one look, refused within its time, and the call is counted once") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    stage.after(call);
    const std::string mark = stage.folder() + "/audit/acme.mark";
    Stage next(Json{{"model", "schema"}, {"audit", Json::object()}}, false, &stage);
    {
        auto held = multi_tenant::File::make(mark);
        REQUIRE(held);
        REQUIRE(held->lock());
        const auto began = std::chrono::steady_clock::now();
        const auto refused = next.before(call);
        CHECK(refused.verdict == HOWDAH_DENY);
        CHECK(refused.error.message.find("the disk has not taken the record") != std::string::npos);
        CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds(1900));
    }
    while (timesOpen(mark) > 0)  // until the worker that was left has ended
        std::this_thread::yield();
    REQUIRE(next.before(call).verdict == HOWDAH_PROCEED);
    CHECK(next.logOf("acme", 1).newest[0]["lost_before"] == 1);
}

TEST_CASE("audit: all calls of a tenant whose log is held wait for one look at it") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    stage.after(call);
    const std::string mark = stage.folder() + "/audit/acme.mark";
    Stage next(Json{{"model", "schema"}, {"audit", Json::object()}}, false, &stage);
    std::vector<std::thread> calls;
    std::atomic<int> ended{0}, refused{0};
    int looks = 0;
    {
        auto held = multi_tenant::File::make(mark);
        REQUIRE(held);
        REQUIRE(held->lock());
        for (int i = 0; i < 16; ++i) {
            calls.emplace_back([&] {
                Called one(acme);
                refused += next.before(one).verdict == HOWDAH_DENY;
                ++ended;
            });
        }
        while (ended < 16) {
            looks = std::max(looks, timesOpen(mark) - 1);
            std::this_thread::yield();
        }
    }
    for (std::thread& one : calls)
        one.join();
    CHECK(refused == 16);
    CHECK(looks == 1);
}

TEST_CASE("audit: a record that nobody waits for is left to a worker while its log is held, and is not lost") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    {
        auto held = multi_tenant::File::make(stage.folder() + "/audit/acme.mark");
        REQUIRE(held);
        REQUIRE(held->lock());
        const auto began = std::chrono::steady_clock::now();
        stage.after(call, nullptr, std::chrono::milliseconds(0));  // its request is over
        CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds(1500));
    }
    while (stage.before(call).verdict != HOWDAH_PROCEED)
        std::this_thread::yield();
    const auto log = stage.logOf("acme", 10);
    REQUIRE(log.newest.size() >= 1);
    CHECK(log.newest[0]["name"] == "query");
    CHECK_FALSE(log.newest[0].contains("lost_before"));
}

TEST_CASE("audit: a request that is over while its log is looked at is not taken for a disk that is stuck") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    for (int i = 0; i < 50; ++i) {
        const std::string tenant = concat("t", i);
        const howdah_principal first = who(tenant.c_str());
        Called call(first);
        const auto answer = stage.before(call, 0, std::chrono::milliseconds(0));
        CHECK_MESSAGE(answer.verdict == HOWDAH_PROCEED, answer.error.message);
    }
}

TEST_CASE("audit: a mark or a salt that goes away between two calls stops the next one before it runs") {
    const howdah_principal acme = who("acme");
    for (const char* gone : {"/audit/acme.mark", "/audit/acme/salt"}) {
        Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
        Called call(acme);
        REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
        stage.after(call);
        fs::remove(stage.folder() + gone);
        CHECK_MESSAGE(stage.before(call).error.rule == "audit-broken", gone);
    }
}

TEST_CASE("audit: the first call of an instance is refused where the log is not as the one before has left it") {
    const howdah_principal acme = who("acme");
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    stage.after(call);
    const std::string log = stage.folder() + "/audit/acme/audit.jsonl", kept = stage.folder() + "/kept";
    fs::rename(log, kept);
    {
        Stage next(Json{{"model", "schema"}, {"audit", Json::object()}}, false, &stage);
        const auto refused = next.before(call);
        CHECK(refused.verdict == HOWDAH_DENY);
        CHECK(refused.error.rule == "audit-broken");
    }
    fs::rename(kept, log);
    Stage last(Json{{"model", "schema"}, {"audit", Json::object()}}, false, &stage);
    REQUIRE(last.before(call).verdict == HOWDAH_PROCEED);
    last.after(call);
    CHECK(last.logOf("acme", 2).newest[0]["lost_before"] == 1);  // what the one before counted is told
}

TEST_CASE(
    "audit: a log touched between two calls stops the next one before it runs, and an answer that is still at hand") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    stage.after(call);
    const std::string log = stage.folder() + "/audit/acme/audit.jsonl", kept = stage.folder() + "/kept";
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    const howdah_facts found = factsOf(HOWDAH_STATEMENT_SELECT);
    Asked query(acme);
    query.facts = &found;
    REQUIRE(stage.before(query).verdict == HOWDAH_PROCEED);
    CHECK(stage.after(query).verdict == HOWDAH_PROCEED);
    fs::rename(log, kept);
    CHECK(stage.after(query).error.rule == "audit-broken");
    stage.after(call);
    CHECK(stage.before(call).error.rule == "audit-broken");
    fs::rename(kept, log);
    CHECK(stage.before(call).verdict == HOWDAH_PROCEED);
    CHECK(stage.logOf("acme", 1).newest[0]["lost_before"] == 2);  // the one without its record, and the one refused
}

TEST_CASE("audit: while calls cannot be recorded they are refused, and the gap is told once they can") {
    Stage stage(Json{{"model", "schema"}, {"audit", Json::object()}});
    const howdah_principal acme = who("acme");
    Called call(acme);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    fs::rename(stage.folder() + "/audit/acme", stage.folder() + "/kept");
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
    fs::rename(stage.folder() + "/kept", stage.folder() + "/audit/acme");
    CHECK(stage.before(next).verdict == HOWDAH_PROCEED);
    stage.after(next);
    const auto log = stage.logOf("acme", 10);
    REQUIRE(log.newest.size() == 2);
    CHECK(log.newest[0]["outcome"] == "resumed");
    CHECK(log.newest[0]["lost_before"] == 2);  // one that ran, one that was refused
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
