// Each finding on both sides of its edge, and the memory of what was asked.
#include "plugins/optimizer/findings.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "plugins/optimizer/tools.hpp"

using namespace howdah;
using namespace howdah::optimizer;

namespace {

// Used, and plain.
ExistingIndex indexOn(const std::string& name, const std::vector<std::string>& keys) {
    ExistingIndex index{name, "btree", "", "", keys, {}, false, false, true, 0, 5, {}, keys.size(), "", false};
    for (const std::string& key : keys)
        index.key_ids.push_back(key + " plain");
    return index;
}

struct Scene {
    Plan plan;
    Catalog catalog;
    Shape shape;
    Config config;
    double offset = 0;

    Scene() {
        Table orders;
        orders.schema = "shop", orders.name = "orders", orders.kind = "r";
        orders.rows = 1000, orders.analyzed = true;
        orders.columns["id"].type = "int8";
        orders.columns["day"].type = "timestamp";
        orders.columns["status"].type = "varchar";
        orders.columns["note"].width = 500;
        for (const char* column : {"day", "id", "status"})
            orders.indexes.push_back(indexOn(concat("orders_", column), {column}));
        orders.indexes[1].unique = orders.indexes[1].constraint = true;
        catalog.add(std::move(orders));
        scan("(o.id > 0)");
    }
    void scan(const std::string& filter) {
        plan.root = {};
        plan.root.type = "Seq Scan";
        plan.root.schema = "shop", plan.root.relation = "orders", plan.root.alias = "o";
        plan.root.conditions = {{"Filter", filter}};
    }
    Findings found() const {
        const auto uses = usesOf(plan);
        return findingsOf({plan, uses, catalog, shape, config, offset});
    }
    bool has(std::string_view rule) const {
        const auto all = found();
        return std::any_of(all.begin(), all.end(), [&](const Finding& finding) { return finding.rule == rule; });
    }
    Table& orders() { return const_cast<Table&>(catalog.tables().front()); }
};

}  // namespace

TEST_CASE("optimizer: a quiet statement has no findings") {
    CHECK(Scene().found().empty());
}

TEST_CASE("optimizer: a cast somebody wrote makes an index unusable, one nobody wrote is implicit") {
    Scene scene;
    scene.scan("((o.day)::date = '2024-05-01'::date)");
    scene.shape.cast_columns = {"day"};
    CHECK(scene.has("unusable_index"));
    CHECK_FALSE(scene.has("implicit_cast"));
    scene.scan("((o.id)::numeric = 42.0)");
    CHECK(scene.has("implicit_cast"));
    scene.scan("((o.status)::text = 'open'::text)");  // no conversion at all
    CHECK(scene.found().empty());
    scene.scan("(lower((o.status)::text) = 'open'::text)");
    CHECK(scene.has("unusable_index"));
}

TEST_CASE("optimizer: select * is told with what the statement itself uses and the widest column it does not") {
    Scene scene;
    scene.shape.star = true;
    REQUIRE(scene.has("select_star"));
    const Document evidence = scene.found().front().evidence;
    CHECK(evidence["tables"][0]["used_by_the_statement"] == Document::array({"id"}));
    CHECK(evidence["tables"][0]["widest_not_used"]["column"] == "note");
}

TEST_CASE("optimizer: an offset is worth a word from offset_min on") {
    Scene scene;
    scene.offset = 999;
    CHECK_FALSE(scene.has("offset_paging"));
    scene.offset = 1000;
    CHECK(scene.has("offset_paging"));
}

TEST_CASE("optimizer: statistics are stale from stale_percent on, and where there are none") {
    Scene scene;
    scene.orders().changed_since_analyze = 199;
    CHECK_FALSE(scene.has("stale_statistics"));
    scene.orders().changed_since_analyze = 200;
    CHECK(scene.has("stale_statistics"));
    scene.orders().changed_since_analyze = 0;
    scene.orders().analyzed = false;
    CHECK(scene.has("stale_statistics"));
}

TEST_CASE("optimizer: an estimate is an error from estimate_factor on, in either direction") {
    Scene scene;
    scene.plan.root.measured = true, scene.plan.root.loops = 1, scene.plan.root.plan_rows = 10;
    scene.plan.root.actual_rows = 99;
    CHECK_FALSE(scene.has("estimate_error"));
    scene.plan.root.actual_rows = 100;
    CHECK(scene.has("estimate_error"));
    scene.plan.root.plan_rows = 1000, scene.plan.root.actual_rows = 100;
    CHECK(scene.has("estimate_error"));
}

TEST_CASE("optimizer: a subquery that runs for each row is found, a hashed one is not") {
    Scene scene;
    scene.plan.root.plan_rows = 500;
    PlanNode below;
    below.type = "Index Scan", below.subplan = "SubPlan 1", below.total_cost = 8;
    scene.plan.root.children.push_back(below);
    CHECK(scene.has("correlated_subquery"));
    scene.plan.root.conditions = {{"Filter", "(hashed SubPlan 1)"}};
    CHECK_FALSE(scene.has("correlated_subquery"));
}

TEST_CASE("optimizer: a pattern that begins with a wildcard is found") {
    Scene scene;
    scene.scan("((o.status)::text ~~ '%pen'::text)");
    CHECK(scene.has("leading_wildcard"));
    scene.scan("((o.status)::text ~~ 'ope%'::text)");
    CHECK_FALSE(scene.has("leading_wildcard"));
}

TEST_CASE("optimizer: what went to disk is found, of a hash join by the blocks it wrote itself") {
    Scene scene;
    const auto kb = [&] {
        const auto all = scene.found();
        return all.empty() ? Document() : all.front().evidence["kb"];
    };
    CHECK(kb().is_null());
    scene.plan.root.self_buffers.temp_written = 3;
    CHECK(scene.has("spill"));
    CHECK(kb() == 24);
    scene.plan.root.temp_kb = 16;  // it tells itself
    CHECK(kb() == 16);
}

TEST_CASE("optimizer: NOT IN with a subquery is found, with the condition the plan makes of it") {
    Scene scene;
    scene.scan("(NOT (hashed SubPlan 1))");
    CHECK_FALSE(scene.has("not_in_subquery"));
    scene.shape.not_in_subquery = true;
    REQUIRE(scene.has("not_in_subquery"));
    CHECK(scene.found().front().evidence["condition"] == "(NOT (hashed SubPlan 1))");
    scene.scan("(o.id > 0)");
    CHECK(scene.found().front().evidence.empty());
}

TEST_CASE("optimizer: statements of one shape are N+1 from n_plus_one_min on, and only with different values") {
    Config config;
    config.n_plus_one_min = 3;
    const auto said = [&](const std::vector<std::uint64_t>& values) {
        std::vector<RecentStatement> statements{{"select list", 0, 0, 1, 1}};
        std::vector<bool> same{false};
        for (const std::uint64_t value : values) {
            statements.push_back({"select one where id = 0", value, statements.size() * 1'000'000'000, 2, 1});
            same.push_back(true);
        }
        Findings findings;
        findRepetition(repetitionOf(statements, same), config, findings);
        return findings;
    };
    CHECK(said({1, 2}).empty());
    CHECK(said({1, 1, 1, 1, 1}).empty());
    const auto findings = said({1, 2, 3});
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].evidence["count"] == 3);
    CHECK(findings[0].evidence["ms_in_all"] == 6);
    CHECK(findings[0].evidence["asked_before"] == "select list");
}

TEST_CASE("optimizer: the memory keeps the last of each principal within the window, and few principals") {
    Config config;
    config.recent_max = 2, config.principals_max = 2, config.recent_window = std::chrono::seconds(10);
    Recent recent(config);
    const std::uint64_t second = 1'000'000'000;
    for (const char* sql : {"a", "b", "c"})
        recent.note("ada", {sql, 0, 5 * second, 0, 0});
    auto of_ada = recent.of("ada", 6 * second);
    REQUIRE(of_ada.size() == 2);
    CHECK(of_ada[0].sql == "b");
    CHECK(recent.of("ada", 15 * second).size() == 2);
    CHECK(recent.of("ada", 15 * second + 1).empty());
    recent.note("bob", {"x", 0, 5 * second, 0, 0});
    recent.note("ada", {"d", 0, 6 * second, 0, 0});
    recent.note("cyd", {"y", 0, 6 * second, 0, 0});
    CHECK(recent.principalCount() == 2);
    CHECK(recent.of("bob", 6 * second).empty());  // asked longest ago
    CHECK(recent.of("ada", 6 * second).size() == 2);
    recent.note("cyd", {std::string(Recent::kTextMax + 1, 'x'), 0, 6 * second, 0, 0});
    CHECK(recent.of("cyd", 6 * second).size() == 1);
}

TEST_CASE("optimizer: the text kept of a statement is found again by the text asked, of the same principal alone") {
    Recent recent{Config{}};
    recent.note("ada", {"select 0", 1, 0, 0, 0, 11});
    recent.note("ada", {"select ''", 2, 0, 0, 0, 12});
    CHECK(recent.textOf("ada", 11) == "select 0");
    CHECK(recent.textOf("ada", 12) == "select ''");
    CHECK_FALSE(recent.textOf("ada", 13));
    CHECK_FALSE(recent.textOf("bob", 11));
}

TEST_CASE("optimizer: what is forgotten is not kept: at the end of the window, and beyond the bytes") {
    Config config;
    config.recent_max = 100, config.recent_window = std::chrono::seconds(10);
    const std::uint64_t second = 1'000'000'000;
    Recent by_time(config);
    by_time.note("ada", {"a", 0, 0, 0, 0});
    by_time.note("bob", {"b", 0, 1, 0, 0});
    const std::size_t two = by_time.bytes();
    by_time.note("bob", {"b", 0, 10 * second, 0, 0});
    CHECK(by_time.principalCount() == 2);
    CHECK(by_time.bytes() > two);
    by_time.note("bob", {"b", 0, 10 * second + 2, 0, 0});  // ada's only statement and bob's first are over
    CHECK(by_time.principalCount() == 1);
    CHECK(by_time.bytes() == two - std::string_view("ada").size());

    config.recent_bytes_max = 10000;
    Recent by_bytes(config);
    for (std::uint64_t n = 0; n < 50; ++n) {
        by_bytes.note(n % 2 == 0 ? "ada" : "bob", {std::string(1000, 'x'), n, n, 0, 0});
        CHECK(by_bytes.of(n % 2 == 0 ? "ada" : "bob", n).back().values_hash == n);
        CHECK(by_bytes.bytes() <= config.recent_bytes_max);
    }
    CHECK(by_bytes.bytes() > 1000);
    CHECK(by_bytes.of("bob", 50).back().values_hash == 49);
}

TEST_CASE("optimizer: an index that another one does the work of may go, one that keeps something true may not") {
    Scene scene;
    auto& indexes = scene.orders().indexes;
    indexes = {indexOn("a", {"day"}), indexOn("b", {"day", "id"}), indexOn("c", {"day"})};
    indexes[2].unique = indexes[2].constraint = true;
    const Document drops = dropsJson(scene.catalog, {}, 7);
    REQUIRE(drops.size() == 1);
    CHECK(drops[0]["sql"] == "drop index concurrently shop.a");
    indexes.erase(indexes.begin(), indexes.begin() + 1);
    indexes.front().scans = 0;
    scene.orders().counted_s = 7 * 86400 - 1;
    CHECK(dropsJson(scene.catalog, {}, 7).empty());
    scene.orders().counted_s = 7 * 86400;
    CHECK(dropsJson(scene.catalog, {}, 7).size() == 1);
    indexes.front().valid = false;  // it may be in the making
    CHECK(dropsJson(scene.catalog, {}, 7).empty());
    indexes.front().valid = true, indexes.front().needed = true;
    CHECK(dropsJson(scene.catalog, {}, 7).empty());
}

TEST_CASE("optimizer: an index that another is to give its work to is not called unused in the same answer") {
    Scene scene;
    auto& indexes = scene.orders().indexes;
    indexes = {indexOn("a", {"day"}), indexOn("b", {"day", "id"})};
    indexes[0].scans = 5, indexes[1].scans = 0;
    scene.orders().counted_s = 30 * 86400;
    const Document drops = dropsJson(scene.catalog, {}, 7);
    REQUIRE(drops.size() == 1);
    CHECK(drops[0]["sql"] == "drop index concurrently shop.a");
    indexes.erase(indexes.begin());
    CHECK(dropsJson(scene.catalog, {}, 7)[0]["sql"] == "drop index concurrently shop.b");
}

TEST_CASE("optimizer: an index does the work of another only for the same keys, rows and columns") {
    const ExistingIndex index = indexOn("a", {"day"}), wider = indexOn("b", {"day", "id"});
    CHECK(doesTheWorkOf(wider, index));
    CHECK_FALSE(doesTheWorkOf(index, wider));
    const auto unlike = [&](const auto& change) {
        ExistingIndex changed = wider;
        change(changed);
        return !doesTheWorkOf(changed, index);
    };
    CHECK(unlike([](ExistingIndex& i) { i.key_ids[0] = "1 1994  950 0"; }));  // class, collation or order
    CHECK(unlike([](ExistingIndex& i) { i.predicate = "(id > 0)"; }));
    CHECK(unlike([](ExistingIndex& i) { i.method = "hash"; }));
    CHECK(unlike([](ExistingIndex& i) { i.valid = false; }));
    CHECK(unlike([](ExistingIndex& i) { std::swap(i.key_ids[0], i.key_ids[1]); }));
    ExistingIndex including = index;
    including.included = {"id"};
    CHECK(doesTheWorkOf(wider, including));  // id is one of its keys
    including.included = {"note"};
    CHECK_FALSE(doesTheWorkOf(wider, including));
    ExistingIndex over_expression = wider;
    over_expression.key_ids[1] = "0 1978  0 0 id";
    including.included = {"id"};
    CHECK_FALSE(doesTheWorkOf(over_expression, including));
}

TEST_CASE("optimizer: of equal indexes one stays, and a needless one is told with one that stays") {
    Scene scene;
    scene.orders().indexes = {indexOn("a", {"day"}), indexOn("b", {"day"}), indexOn("c", {"day", "id"})};
    const Document drops = dropsJson(scene.catalog, {}, 7);
    REQUIRE(drops.size() == 2);
    for (const Document& drop : drops)
        CHECK(drop["why"].get<std::string>().find("c does as well") != std::string::npos);
    scene.orders().indexes.pop_back();
    CHECK(dropsJson(scene.catalog, {}, 7).size() == 1);
    CHECK(dropsJson(scene.catalog, {}, 7)[0]["sql"] == "drop index concurrently shop.b");
    scene.orders().indexes[1].needed = true;  // b replicates
    CHECK(dropsJson(scene.catalog, {}, 7)[0]["sql"] == "drop index concurrently shop.a");
}
