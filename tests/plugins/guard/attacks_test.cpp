// The public attack suite, as far as a text alone decides, and mutations of it. The suite lies outside the tree: the
// environment variable HOWDAH_SHARED names its folder, without it these tests say that they were skipped.
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "plugins/guard/classify.hpp"
#include "tests/plugins/guard/mutation.hpp"
#include "tests/plugins/guard/stack_thread.hpp"

namespace howdah::guard {
namespace {

struct AttackCase {
    std::string id, expected, sql;
};

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i)
        all += text;
    return all;
}

std::vector<std::string> statementsOf(const nlohmann::json& entry) {
    if (entry.contains("sql")) return {entry["sql"]};
    if (entry.contains("json_sql")) {
        auto text = nlohmann::json::parse(entry["json_sql"].get<std::string>(), nullptr, false);
        if (text.is_string()) return {text};
    }
    if (entry.contains("gen")) {
        const auto& gen = entry["gen"];
        auto part = [&](const char* key) { return gen.value(key, std::string{}); };
        const int n = gen.value("n", 0);
        return {part("prefix") + repeated(part("open"), n) + part("mid") + repeated(part("close"), n) + part("suffix")};
    }
    return {};
}

std::vector<AttackCase> suite() {
    const char* folder = std::getenv("HOWDAH_SHARED");
    if (!folder) return {};
    std::ifstream file(std::string(folder) + "/attacks-public.json");
    const auto read = nlohmann::json::parse(file, nullptr, false);
    std::vector<AttackCase> cases;
    if (read.is_discarded()) return cases;
    for (const auto& entry : read["cases"])
        for (const std::string& sql : statementsOf(entry))
            cases.push_back({entry["id"], entry["expected"], sql});
    return cases;
}

#if defined(HOWDAH_TSAN) || defined(HOWDAH_ASAN)
constexpr int kMutations = 4'000;
#else
constexpr int kMutations = 20'000;
#endif

// Statements whose parts make good raw material for mutations.
const std::vector<std::string> kSeeds{
    // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): most are longer than a line
    "with recursive r(n) as (select 1 union all select n + 1 from r) select *, count(*) over (order by n) from r, "
    "lateral (select 1) q",
    "insert into t (a, b) values (1, default) on conflict (a) do update set b = excluded.b returning *",
    "select case when a[1:2] is null then $1::text[] else array['x', E'\\n', U&'\\0061'] end from t tablesample system "
    "(1) for update",
    "explain (analyze, format json) select xmltable.* from xmltable('/a' passing x columns b int path 'c', n for "
    "ordinality)",
    "create table t as select $$a;b$$, \"q\"\"q\", 1.5e3, x'1f', b'1' /* /* */ */ -- c\n from s where a "
    "operator(pg_catalog.+) -b > 1",
    "merge into t using s on a = b when matched then update set c = pg_sleep(1) when not matched then do nothing; "
    "commit",
};

}  // namespace

TEST_CASE("guard: every public attack is refused and every public read passes") {
    const auto cases = suite();
    if (cases.empty()) {
        MESSAGE("skipped: HOWDAH_SHARED does not name a folder with attacks-public.json");
        return;
    }
    int refused = 0, attacks = 0, passed = 0, reads = 0;
    for (const AttackCase& attack : cases) {
        Result<Facts> judged = Error::internal("not run");
        test::runOnStack(kLargeStack, [&] { judged = classify(attack.sql, Policy{}); });
        if (attack.expected == "blocked") {
            ++attacks;
            refused += !judged;
            CHECK_MESSAGE(!judged, attack.id << ": " << attack.sql);
            if (judged) continue;
            CHECK_MESSAGE(!judged.error().rule.empty(), attack.id);
            CHECK_MESSAGE(!judged.error().hint.empty(), attack.id);
            CHECK_MESSAGE(judged.error().position > 0, attack.id << ": " << judged.error().rule);
        } else if (attack.expected == "allowed") {
            ++reads;
            passed += judged.has_value();
            CHECK_MESSAGE(judged.has_value(),
                          attack.id << ": " << attack.sql << " -> " << (judged ? "" : judged.error().message));
        }
    }
    MESSAGE("refused " << refused << " of " << attacks << " attacks, passed " << passed << " of " << reads << " reads");
}

TEST_CASE("guard: mutated statements neither crash nor pass as a write") {
    std::vector<std::string> seeds = kSeeds;
    for (const AttackCase& attack : suite())
        if (attack.sql.size() < 2000) seeds.push_back(attack.sql);
    test::Mutator mutator(std::move(seeds), 20261124);
    int passed = 0;
    for (int round = 0; round < kMutations; ++round) {
        const std::string sql = mutator.next();
        const auto judged = classify(sql, Policy{});
        const auto written = classifyWrite(sql, Policy{});
        if (!judged) continue;
        ++passed;
        REQUIRE(judged->body_begin < judged->body_end);
        REQUIRE(judged->body_end <= sql.size());
        // What passes as a read is a statement of its own when cut out, and the write path takes it as well.
        const auto body = classify(sql.substr(judged->body_begin, judged->body_end - judged->body_begin), Policy{});
        CHECK_MESSAGE(body.has_value(), sql);
        CHECK_MESSAGE(written.has_value(), sql);
        if (written)
            CHECK_MESSAGE((written->kind == Kind::select || written->kind == Kind::values ||
                           written->kind == Kind::show || written->kind == Kind::explain),
                          sql);
    }
    MESSAGE(passed << " of " << kMutations << " mutations pass as reads");
}

}  // namespace howdah::guard
