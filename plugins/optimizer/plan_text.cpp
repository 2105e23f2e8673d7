#include "plugins/optimizer/plan_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace howdah::optimizer {
namespace {

void appendBuffers(std::string& out, const Buffers& buffers) {
    const std::array<std::pair<double, const char*>, 6> kinds{{{buffers.hit, "hit"},
                                                               {buffers.read, "read"},
                                                               {buffers.dirtied, "dirtied"},
                                                               {buffers.written, "written"},
                                                               {buffers.temp_read, "temp read"},
                                                               {buffers.temp_written, "temp written"}}};
    bool first = true;
    for (const auto& [blocks, name] : kinds) {
        if (blocks <= 0) continue;
        out += concat(first ? "; blocks " : ", ", shortNumber(blocks), " ", name);
        first = false;
    }
}

std::string rowsText(const PlanNode& node) {
    if (!node.measured) return concat("rows ", shortNumber(node.plan_rows));
    if (node.loops == 0) return "never run";
    std::string text = concat("rows ", shortNumber(node.plan_rows), " -> ", shortNumber(node.actual_rows));
    if (node.loops > node.processes) text += concat(" x ", shortNumber(node.loops), " loops");
    if (node.processes > 1) text += concat(" in ", shortNumber(node.processes), " processes");
    const double off = node.estimateError();
    if (std::fabs(off) >= 2)
        text += concat(", ", shortNumber(std::fabs(off)), off > 0 ? "x more than expected" : "x fewer than expected");
    return text;
}

class TreeText {
public:
    explicit TreeText(const Plan& plan) : plan_(plan) {}
    std::string run() {
        add(plan_.root, "", "");
        if (plan_.measured()) {
            out_ += concat("planning ", shortNumber(plan_.planning_ms), " ms, execution ",
                           shortNumber(plan_.execution_ms), " ms\n");
        }
        return std::move(out_);
    }

private:
    void add(const PlanNode& node, const std::string& first, const std::string& rest) {
        const auto percent = static_cast<int>(std::lround(selfShare(plan_, node) * 100));
        out_ += concat(first, titleOf(node), "  (self ");
        if (plan_.measured()) out_ += concat(shortNumber(node.self_ms), " ms, ");
        out_ += concat(percent, " %; cost ", shortNumber(node.total_cost), "; ", rowsText(node));
        if (node.workers_planned > 0) out_ += concat("; workers ", node.workers_launched, " of ", node.workers_planned);
        appendBuffers(out_, node.self_buffers);
        out_ += ")\n";
        const std::string below = rest + (node.children.empty() ? "     " : "│    ");
        for (const auto& [name, text] : node.conditions) {
            out_ += concat(below, name, ": ", text);
            if (name == "Filter" && node.removed_rows > 0)
                out_ += concat("  [", shortNumber(node.removed_rows), " rows a loop removed]");
            out_ += '\n';
        }
        addList(below, "Sort Key", node.sort_keys);
        addList(below, "Group Key", node.group_keys);
        for (const auto& [name, text] : node.details)
            out_ += concat(below, name, ": ", text, "\n");
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            const bool last = i + 1 == node.children.size();
            add(node.children[i], rest + (last ? "└─ " : "├─ "), rest + (last ? "   " : "│  "));
        }
    }
    void addList(const std::string& indent, const char* name, const std::vector<std::string>& list) {
        if (list.empty()) return;
        out_ += concat(indent, name, ": ");
        for (std::size_t i = 0; i < list.size(); ++i)
            out_ += concat(i > 0 ? ", " : "", list[i]);
        out_ += '\n';
    }

    const Plan& plan_;
    std::string out_;
};

Document buffersJson(const Buffers& buffers) {
    Document json = Document::object();
    if (buffers.hit > 0) json["hit"] = buffers.hit;
    if (buffers.read > 0) json["read"] = buffers.read;
    if (buffers.dirtied > 0) json["dirtied"] = buffers.dirtied;
    if (buffers.written > 0) json["written"] = buffers.written;
    if (buffers.temp_read > 0) json["temp_read"] = buffers.temp_read;
    if (buffers.temp_written > 0) json["temp_written"] = buffers.temp_written;
    return json;
}

Document nodeJson(const Plan& plan, const PlanNode& node) {
    Document json;
    json["node"] = titleOf(node);
    json["self_percent"] = rounded(selfShare(plan, node) * 100);
    if (node.measured) {
        json["self_ms"] = rounded(node.self_ms);
        json["total_ms"] = rounded(node.total_ms);
        json["loops"] = node.loops;
        json["rows"] = node.actual_rows;
        json["estimate_error"] = rounded(node.estimateError());
        if (node.removed_rows > 0) json["rows_removed"] = node.removed_rows;
        if (node.processes > 1) json["processes"] = node.processes;
    }
    json["rows_expected"] = node.plan_rows;
    json["total_cost"] = rounded(node.total_cost);
    json["self_cost"] = rounded(node.self_cost);
    if (node.workers_planned > 0)
        json["workers"] = {{"planned", node.workers_planned}, {"launched", node.workers_launched}};
    if (node.self_buffers.any()) json["self_blocks"] = buffersJson(node.self_buffers);
    for (const auto& [name, text] : node.conditions)
        json["conditions"][name] = text;
    if (!node.sort_keys.empty()) json["sort_key"] = node.sort_keys;
    if (!node.group_keys.empty()) json["group_key"] = node.group_keys;
    for (const auto& [name, text] : node.details)
        json["details"][name] = text;
    for (const PlanNode& child : node.children)
        json["children"].push_back(nodeJson(plan, child));
    return json;
}

}  // namespace

double rounded(double number) {
    return std::round(number * 1000) / 1000;
}

std::string shortNumber(double number) {
    const double size = std::fabs(number);
    const int digits = size == 0 || size >= 100 || number == std::floor(number) ? 0
                       : size >= 10                                             ? 1
                       : size >= 1                                              ? 2
                                                                                : 3;
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::fixed, digits);
    return end.ec == std::errc{} ? std::string(text, end.ptr) : std::string("?");
}

double selfShare(const Plan& plan, const PlanNode& node) {
    const double whole = plan.measured() ? plan.root.total_ms : plan.root.total_cost;
    const double own = plan.measured() ? node.self_ms : node.self_cost;
    return whole > 0 ? std::clamp(own / whole, 0.0, 1.0) : 0;
}

std::string titleOf(const PlanNode& node) {
    std::string title;
    if (!node.subplan.empty()) title += concat(node.subplan, ": ");
    title += node.type;
    if (!node.index.empty()) title += concat(node.relation.empty() ? " on " : " using ", node.index);
    if (!node.relation.empty()) {
        title += concat(" on ", node.schema.empty() ? "" : node.schema + ".", node.relation);
        if (node.alias != node.relation) title += concat(" ", node.alias);
    } else if (!node.cte.empty()) {
        title += concat(" on ", node.cte);
    } else if (!node.alias.empty()) {
        title += concat(" on ", node.alias);
    }
    return title;
}

std::string planText(const Plan& plan) {
    return TreeText(plan).run();
}

Document planJson(const Plan& plan) {
    Document json;
    json["total_cost"] = rounded(plan.root.total_cost);
    if (plan.measured()) {
        json["planning_ms"] = rounded(plan.planning_ms);
        json["execution_ms"] = rounded(plan.execution_ms);
    }
    json["plan"] = nodeJson(plan, plan.root);
    return json;
}

}  // namespace howdah::optimizer
