#include "plugins/optimizer/plan_shares.hpp"

#include <algorithm>

namespace howdah::optimizer {
namespace {

// Run where it is first asked for, and not where EXPLAIN shows it.
bool isShared(const PlanNode& node) {
    return node.subplan.starts_with("CTE ") || node.subplan.starts_with("InitPlan ");
}

// "InitPlan 1 (returns $0,$1)" gives "$0", "$1".
std::vector<std::string> parametersOf(const PlanNode& node) {
    std::vector<std::string> names;
    for (std::size_t at = node.subplan.find('$'); at != std::string::npos; at = node.subplan.find('$', at + 1)) {
        std::size_t end = at + 1;
        while (end < node.subplan.size() && node.subplan[end] >= '0' && node.subplan[end] <= '9')
            ++end;
        names.push_back(node.subplan.substr(at, end - at));
    }
    return names;
}

bool mentions(const std::string& text, const std::string& parameter) {
    for (std::size_t at = text.find(parameter); at != std::string::npos; at = text.find(parameter, at + 1)) {
        const std::size_t end = at + parameter.size();
        if (end == text.size() || text[end] < '0' || text[end] > '9') return true;
    }
    return false;
}

bool asksFor(const PlanNode& node, const PlanNode& shared, const std::vector<std::string>& parameters) {
    if (shared.subplan.starts_with("CTE ")) return node.cte == shared.subplan.substr(4);
    return std::any_of(parameters.begin(), parameters.end(), [&](const std::string& parameter) {
        const auto in = [&](const std::string& text) { return mentions(text, parameter); };
        return std::any_of(node.output.begin(), node.output.end(), in) ||
               std::any_of(node.conditions.begin(), node.conditions.end(),
                           [&](const auto& condition) { return in(condition.second); });
    });
}

// What a shared plan took is inside of whoever asked for it: the node, and all above it.
struct Counted {
    double ms = 0;
    double cost = 0;
    Buffers buffers;
};

class Divider {
public:
    explicit Divider(PlanNode& root) : root_(root) {}

    void run() {
        eachNode(root_, [](PlanNode& node) {
            node.self_ms = node.total_ms;
            node.self_cost = node.total_cost;
            node.self_buffers = node.buffers;
            for (const PlanNode& child : node.children) {
                if (isShared(child)) continue;
                node.self_ms -= child.total_ms;
                node.self_cost -= child.total_cost;
                node.self_buffers -= child.buffers;
            }
        });
        eachNode(root_, [this](PlanNode& node) {
            for (const PlanNode& child : node.children) {
                if (isShared(child)) countOnce(node, child);
            }
        });
        eachNode(root_, [](PlanNode& node) {
            node.self_ms = std::max(0.0, node.self_ms);
            node.self_cost = std::max(0.0, node.self_cost);
        });
    }

private:
    // Taken from the first that asked and has that much of its own; what asked later found it made already.
    void countOnce(PlanNode& parent, const PlanNode& shared) {
        Counted left{shared.total_ms, shared.total_cost, shared.buffers};
        const auto parameters = parametersOf(shared);
        bool asked = false;
        eachNode(root_, [&](PlanNode& node) {
            if (&node == &shared || !asksFor(node, shared, parameters)) return;
            asked = true;
            take(node, left);
        });
        if (!asked) take(parent, left);
        // Its cost is added where EXPLAIN shows it, and nowhere else.
        parent.self_cost -= shared.total_cost;
    }
    static void take(PlanNode& node, Counted& left) {
        const double ms = std::clamp(left.ms, 0.0, std::max(0.0, node.self_ms));
        node.self_ms -= ms;
        left.ms -= ms;
        node.self_buffers -= left.buffers;
        left.buffers = Buffers{};
    }

    PlanNode& root_;
};

}  // namespace

void divideShares(PlanNode& root) {
    Divider(root).run();
}

}  // namespace howdah::optimizer
