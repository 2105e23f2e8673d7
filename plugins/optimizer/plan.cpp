#include "plugins/optimizer/plan.hpp"

#include <algorithm>

#include "plugins/optimizer/plan_shares.hpp"

namespace howdah::optimizer {
namespace {

using Json = nlohmann::json;

// Of nodes, one below the other. Reading one takes some kilobytes of a fiber's stack, copying and freeing it less.
constexpr int kDepthMax = 100;

constexpr const char* kConditions[] = {"Filter",     "Index Cond",      "Recheck Cond", "Hash Cond",
                                       "Merge Cond", "Join Filter",     "Order By",     "TID Cond",
                                       "Cache Key",  "One-Time Filter", "Function Call"};
constexpr const char* kDetails[] = {"Sort Method",     "Sort Space Used",   "Sort Space Type",
                                    "Hash Batches",    "Heap Fetches",      "Rows Removed by Index Recheck",
                                    "Cache Hits",      "Cache Misses",      "Disk Usage",
                                    "HashAgg Batches", "Exact Heap Blocks", "Lossy Heap Blocks"};

std::string textOf(const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> listOf(const Json& node, const char* key) {
    std::vector<std::string> list;
    for (const Json& entry : node.value(key, Json::array()))
        list.push_back(textOf(entry));
    return list;
}

Buffers buffersOf(const Json& node) {
    const auto blocks = [&](const char* what) {
        return node.value(concat("Shared ", what, " Blocks"), 0.0) + node.value(concat("Local ", what, " Blocks"), 0.0);
    };
    Buffers buffers;
    buffers.hit = blocks("Hit");
    buffers.read = blocks("Read");
    buffers.dirtied = blocks("Dirtied");
    buffers.written = blocks("Written");
    buffers.temp_read = node.value("Temp Read Blocks", 0.0);
    buffers.temp_written = node.value("Temp Written Blocks", 0.0);
    return buffers;
}

std::string kindOf(const Json& node) {
    std::string type = node.value("Node Type", "");
    const std::string strategy = node.value("Strategy", ""), join = node.value("Join Type", "");
    if (type == "Aggregate" && strategy == "Hashed") type = "HashAggregate";
    if (type == "Aggregate" && strategy == "Sorted") type = "GroupAggregate";
    if (!join.empty() && join != "Inner") type += concat(" (", join, ")");
    const std::string partial = node.value("Partial Mode", "");
    if (!partial.empty() && partial != "Simple") type = concat(partial, " ", type);
    if (node.value("Parallel Aware", false)) type = concat("Parallel ", type);
    if (node.value("Scan Direction", "") == "Backward") type += " Backward";
    return type;
}

// Each process that took part counts its loops; the leader's are what is left.
double processesOf(const Json& node, double loops, double launched) {
    const Json workers = node.value("Workers", Json::array());
    double with_loops = 0, their_loops = 0;
    for (const Json& worker : workers) {
        if (!worker.contains("Actual Loops")) continue;
        ++with_loops;
        their_loops += worker.value("Actual Loops", 0.0);
    }
    if (with_loops > 0) return with_loops + (loops > their_loops ? 1 : 0);
    return std::min(std::max(loops, 1.0), launched + 1);
}

// `launched`: workers of the nearest Gather above.
Result<PlanNode> nodeOf(const Json& json, double launched, int depth) {
    if (!json.is_object()) return Error::internal("the server's plan is none that can be read");
    if (depth >= kDepthMax)
        return Error::refused("the plan has more than ", kDepthMax, " nodes one below the other, which is not read");
    PlanNode node;
    node.type = kindOf(json);
    node.schema = json.value("Schema", "");
    node.relation = json.value("Relation Name", "");
    node.alias = json.value("Alias", "");
    node.index = json.value("Index Name", "");
    node.subplan = json.value("Subplan Name", "");
    node.cte = json.value("CTE Name", "");
    for (const char* key : kConditions) {
        if (json.contains(key)) node.conditions.emplace_back(key, textOf(json[key]));
    }
    for (const char* key : kDetails) {
        // One batch, no disk, no fetches: nothing worth a line.
        if (json.contains(key) && json[key] != 0 && json[key] != 1) node.details.emplace_back(key, textOf(json[key]));
    }
    node.sort_keys = listOf(json, "Sort Key");
    node.group_keys = listOf(json, "Group Key");
    node.output = listOf(json, "Output");
    node.startup_cost = json.value("Startup Cost", 0.0);
    node.total_cost = json.value("Total Cost", 0.0);
    node.plan_rows = json.value("Plan Rows", 0.0);
    node.plan_width = json.value("Plan Width", 0.0);
    node.workers_planned = json.value("Workers Planned", 0U);
    node.workers_launched = json.value("Workers Launched", 0U);
    node.measured = json.contains("Actual Loops");
    node.loops = json.value("Actual Loops", 0.0);
    node.actual_rows = json.value("Actual Rows", 0.0);
    node.removed_rows = json.value("Rows Removed by Filter", 0.0) + json.value("Rows Removed by Join Filter", 0.0);
    if (json.value("Sort Space Type", "") == "Disk") node.temp_kb = json.value("Sort Space Used", 0.0);
    node.temp_kb += json.value("Disk Usage", 0.0);
    node.processes = processesOf(json, node.loops, launched);
    node.total_ms = json.value("Actual Total Time", 0.0) * node.loops / node.processes;
    node.buffers = buffersOf(json);
    if (json.contains("Workers Planned")) launched = node.workers_launched;
    const auto children = json.find("Plans");
    if (children == json.end()) return node;
    for (const Json& child : *children) {
        auto below = nodeOf(child, launched, depth + 1);
        if (!below) return below;
        node.children.push_back(std::move(*below));
    }
    return node;
}

}  // namespace

Buffers& Buffers::operator+=(const Buffers& other) {
    hit += other.hit, read += other.read, dirtied += other.dirtied, written += other.written;
    temp_read += other.temp_read, temp_written += other.temp_written;
    return *this;
}

Buffers& Buffers::operator-=(const Buffers& other) {
    const auto less = [](double& from, double by) { from = std::max(0.0, from - by); };
    less(hit, other.hit), less(read, other.read), less(dirtied, other.dirtied), less(written, other.written);
    less(temp_read, other.temp_read), less(temp_written, other.temp_written);
    return *this;
}

double PlanNode::estimateError() const {
    if (!measured || loops == 0) return 1;
    const double expected = std::max(plan_rows, 1.0), met = std::max(actual_rows, 1.0);
    return met >= expected ? met / expected : -expected / met;
}

Result<Plan> Plan::parse(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_array() || json.empty() || !json[0].is_object() || !json[0].contains("Plan"))
        return Error::internal("the server's answer to EXPLAIN is no plan");
    try {
        auto root = nodeOf(json[0]["Plan"], 0, 0);
        if (!root) return std::move(root).error();
        Plan plan{std::move(*root), json[0].value("Planning Time", 0.0), json[0].value("Execution Time", 0.0)};
        divideShares(plan.root);
        return plan;
    } catch (const Json::exception&) {
        return Error::internal("the server's plan has members of another type than those of PostgreSQL 15");
    }
}

}  // namespace howdah::optimizer
