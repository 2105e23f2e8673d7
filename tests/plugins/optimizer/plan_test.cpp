// Plans as EXPLAIN tells them: whose the time, the cost and the blocks are.
#include "plugins/optimizer/plan.hpp"

#include <doctest/doctest.h>

#include "plugins/optimizer/plan_text.hpp"

using namespace howdah;
using namespace howdah::optimizer;

namespace {

Plan planOf(const std::string& node, const std::string& more = "") {
    auto plan = Plan::parse("[{\"Plan\":" + node + more + "}]");
    REQUIRE_MESSAGE(plan.has_value(), plan.error().message);
    return std::move(*plan);
}

const PlanNode& nodeOf(const Plan& plan, std::string_view type) {
    const PlanNode* found = nullptr;
    eachNode(plan.root, [&](const PlanNode& node) {
        if (node.type == type) found = &node;
    });
    REQUIRE(found);
    return *found;
}

}  // namespace

TEST_CASE("optimizer: a node's own time is what its children did not take, over all loops") {
    const Plan plan = planOf(R"j({"Node Type":"Nested Loop","Join Type":"Inner","Total Cost":100,"Plan Rows":1,
        "Actual Total Time":50,"Actual Rows":10,"Actual Loops":1,"Shared Hit Blocks":30,"Plans":[
        {"Node Type":"Seq Scan","Relation Name":"a","Schema":"s","Alias":"a","Total Cost":20,"Plan Rows":10,
         "Actual Total Time":10,"Actual Rows":10,"Actual Loops":1,"Shared Hit Blocks":10},
        {"Node Type":"Index Scan","Relation Name":"b","Schema":"s","Alias":"b","Index Name":"b_i","Total Cost":5,"Plan Rows":1,
         "Actual Total Time":3,"Actual Rows":1,"Actual Loops":10,"Shared Hit Blocks":20}]})j");
    CHECK(plan.root.self_ms == doctest::Approx(10));  // 50 - 10 - 3 x 10
    CHECK(nodeOf(plan, "Index Scan").total_ms == doctest::Approx(30));
    CHECK(plan.root.self_buffers.hit == 0);
    CHECK(nodeOf(plan, "Seq Scan").self_buffers.hit == 10);
    CHECK(plan.root.self_cost == doctest::Approx(75));
}

TEST_CASE("optimizer: what several processes ran at once counts as wall time, not as the sum") {
    const Plan plan =
        planOf(R"j({"Node Type":"Gather","Total Cost":100,"Plan Rows":100,"Workers Planned":2,"Workers Launched":2,
        "Actual Total Time":100,"Actual Rows":300,"Actual Loops":1,"Plans":[
        {"Node Type":"Seq Scan","Parallel Aware":true,"Relation Name":"a","Schema":"s","Alias":"a","Total Cost":90,"Plan Rows":40,
         "Actual Total Time":80,"Actual Rows":100,"Actual Loops":3,
         "Workers":[{"Worker Number":0,"Actual Loops":1},{"Worker Number":1,"Actual Loops":1}]}]})j");
    const PlanNode& scan = nodeOf(plan, "Parallel Seq Scan");
    CHECK(scan.processes == 3);
    CHECK(scan.total_ms == doctest::Approx(80));
    CHECK(plan.root.self_ms == doctest::Approx(20));
}

TEST_CASE("optimizer: where the leader only gathers, the workers alone share the time") {
    const Plan plan = planOf(R"j({"Node Type":"Gather","Workers Planned":2,"Workers Launched":2,
        "Actual Total Time":100,"Actual Rows":1,"Actual Loops":1,"Plans":[
        {"Node Type":"Seq Scan","Relation Name":"a","Alias":"a","Actual Total Time":90,"Actual Rows":1,"Actual Loops":2,
         "Workers":[{"Actual Loops":1},{"Actual Loops":1}]}]})j");
    CHECK(nodeOf(plan, "Seq Scan").processes == 2);
    CHECK(nodeOf(plan, "Seq Scan").total_ms == doctest::Approx(90));
}

TEST_CASE("optimizer: the time of a CTE is its own, and not that of the scan which waited for it") {
    const Plan plan = planOf(
        R"j({"Node Type":"Aggregate","Strategy":"Plain","Actual Total Time":105,"Actual Rows":1,"Actual Loops":1,"Plans":[
        {"Node Type":"Seq Scan","Subplan Name":"CTE big","Relation Name":"a","Alias":"a","Actual Total Time":80,"Actual Rows":9,"Actual Loops":1},
        {"Node Type":"CTE Scan","CTE Name":"big","Alias":"big","Actual Total Time":95,"Actual Rows":9,"Actual Loops":1}]})j");
    CHECK(nodeOf(plan, "Seq Scan").self_ms == doctest::Approx(80));
    CHECK(nodeOf(plan, "CTE Scan").self_ms == doctest::Approx(15));
    CHECK(plan.root.self_ms == doctest::Approx(10));
}

TEST_CASE("optimizer: the time of an InitPlan is taken from the node that asks for its value") {
    const Plan plan = planOf(R"j({"Node Type":"Limit","Actual Total Time":60,"Actual Rows":1,"Actual Loops":1,"Plans":[
        {"Node Type":"Result","Subplan Name":"InitPlan 1 (returns $0)","Actual Total Time":40,"Actual Rows":1,"Actual Loops":1},
        {"Node Type":"Seq Scan","Relation Name":"a","Alias":"a","Filter":"(a.x = $0)","Actual Total Time":58,"Actual Rows":1,"Actual Loops":1}]
})j");
    CHECK(nodeOf(plan, "Result").self_ms == doctest::Approx(40));
    CHECK(nodeOf(plan, "Seq Scan").self_ms == doctest::Approx(18));
    CHECK(plan.root.self_ms == doctest::Approx(2));
}

TEST_CASE("optimizer: an estimate's error tells in which direction it was off, and is none where nothing ran") {
    PlanNode node;
    node.measured = true, node.loops = 1, node.plan_rows = 10, node.actual_rows = 80;
    CHECK(node.estimateError() == 8);
    node.plan_rows = 80, node.actual_rows = 10;
    CHECK(node.estimateError() == -8);
    node.actual_rows = 0;  // none met counts as one: no division by nothing
    CHECK(node.estimateError() == -80);
    node.loops = 0;
    CHECK(node.estimateError() == 1);
}

TEST_CASE("optimizer: what is no plan is an error, not a crash") {
    for (const char* text : {"", "{}", "[]", "[1]", "[{}]", R"j([{"Plan":5}])j", R"j([{"Plan":{"Total Cost":"x"}}])j",
                             R"j([{"Plan":{"Node Type":"Seq Scan","Plans":[7]}}])j"})
        CHECK_MESSAGE(!Plan::parse(text), text);
}

TEST_CASE("optimizer: a plan of a hundred nodes one below the other is read, a deeper one refused") {
    const auto nested = [](int nodes) {
        std::string json = R"j({"Node Type":"Result"})j";
        for (int node = 1; node < nodes; ++node)
            json = R"j({"Node Type":"Result","Plans":[)j" + json + "]}";
        return Plan::parse("[{\"Plan\":" + json + "}]");
    };
    const auto deep = nested(100);
    REQUIRE(deep);
    std::size_t nodes = 0;
    eachNode(deep->root, [&](const PlanNode&) { ++nodes; });
    CHECK(nodes == 100);
    REQUIRE_FALSE(nested(101));
    CHECK(nested(101).error().code == Code::refused);
    CHECK_FALSE(nested(10000));
}

TEST_CASE("optimizer: the text names shares, errors and what was removed") {
    const Plan plan =
        planOf(R"j({"Node Type":"Seq Scan","Relation Name":"orders","Schema":"shop","Alias":"o","Filter":"(o.x = 1)",
        "Rows Removed by Filter":990,"Total Cost":10,"Plan Rows":100,"Actual Total Time":5,"Actual Rows":10,"Actual Loops":1,
        "Shared Read Blocks":7})j",
               R"j(,"Planning Time":0.5,"Execution Time":6)j");
    const std::string text = planText(plan);
    for (const char* part : {"Seq Scan on shop.orders o", "100 %", "10x fewer than expected", "990 rows a loop removed",
                             "blocks 7 read", "execution 6 ms"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, part, " in ", text);
    const Document json = planJson(plan);
    CHECK(json["plan"]["estimate_error"] == -10);
    CHECK(json["plan"]["self_percent"] == 100);
}

TEST_CASE("optimizer: the picture is well-formed whatever a condition or name holds") {
    const Plan plan = planOf(
        R"j({"Node Type":"Seq Scan","Relation Name":"<a&b>\"\u0001","Schema":"s","Alias":"<x>","Total Cost":1})j");
    const std::string svg = planPicture(plan);
    CHECK(svg.starts_with("<svg "));
    CHECK(svg.find("&lt;a&amp;b&gt;&quot; ") != std::string::npos);
    CHECK(svg.find('\x01') == std::string::npos);
}
