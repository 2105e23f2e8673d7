// A plan as EXPLAIN (FORMAT JSON) gives it, with what EXPLAIN leaves to the reader: how much of the time, cost and
// blocks is each node's own, and how far its estimate was off.
//
// Time is wall time: where several processes ran a node, their times are averaged. What a CTE or an InitPlan took is
// told by PostgreSQL both at its own node and inside whichever node asked for it first; it is counted once, at its own.
//
// Threads: plain values.
// Errors:  internal for a text that is no plan, refused for one more than 100 nodes deep.
// Source:  PostgreSQL manual, "Using EXPLAIN"; src/backend/commands/explain.c of PostgreSQL 15.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

namespace howdah::optimizer {

// Blocks of 8 KiB: shared and local together, as hit (in the cache) and read.
struct Buffers {
    double hit = 0, read = 0, dirtied = 0, written = 0, temp_read = 0, temp_written = 0;
    bool any() const { return hit + read + dirtied + written + temp_read + temp_written > 0; }
    Buffers& operator+=(const Buffers& other);
    Buffers& operator-=(const Buffers& other);  // never below 0
};

struct PlanNode {
    std::string type;  // "Seq Scan"; with what makes it special: "Parallel Hash Left Join"
    std::string schema, relation, alias, index;
    std::string subplan;  // "SubPlan 1", "InitPlan 2 (returns $0)", "CTE sales"; "" for others
    std::string cte;      // of a CTE Scan
    std::vector<std::pair<std::string, std::string>> conditions;  // "Filter", "Hash Cond", ... as the server wrote them
    std::vector<std::string> sort_keys, group_keys, output;
    std::vector<std::pair<std::string, std::string>> details;  // for people: "Sort Method", "external merge  1200 kB"

    double startup_cost = 0, total_cost = 0, plan_rows = 0, plan_width = 0;
    bool measured = false;
    double actual_rows = 0;  // of one loop
    double loops = 0;
    double removed_rows = 0;  // by filters, of one loop
    double processes = 1;     // that ran it at once
    unsigned workers_planned = 0, workers_launched = 0;
    double temp_kb = 0;  // a sort or hash that did not fit

    double total_ms = 0;  // wall time of all loops
    double self_ms = 0;
    double self_cost = 0;
    Buffers buffers, self_buffers;
    std::vector<PlanNode> children;

    // Rows met against rows expected: 8 = eight times as many as expected, -8 = an eighth; 1 = as expected, or unknown.
    double estimateError() const;
    bool isScan() const { return !relation.empty(); }
};

struct Plan {
    PlanNode root;
    double planning_ms = 0, execution_ms = 0;
    bool measured() const { return root.measured; }

    static Result<Plan> parse(std::string_view text);
};

// Every node, the parents before their children.
template <typename Node, typename Visit>
void eachNode(Node& node, const Visit& visit) {
    visit(node);
    for (auto& child : node.children)
        eachNode(child, visit);
}

}  // namespace howdah::optimizer
