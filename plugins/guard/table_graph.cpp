#include "plugins/guard/table_graph.hpp"

#include <algorithm>

namespace howdah::guard {

void TableGraph::merge(std::span<const std::pair<Oid, Oid>> inheritance) {
    std::unordered_map<Oid, Oid> above;  // towards the name of the tree
    const auto nameOf = [&](Oid oid) {
        for (auto next = above.find(oid); next != above.end(); next = above.find(oid))
            oid = next->second;
        return oid;
    };
    for (const auto& [parent, child] : inheritance) {
        const Oid one = nameOf(parent), other = nameOf(child);
        if (one != other) above.emplace(std::max(one, other), std::min(one, other));
    }
    for (const auto& [parent, child] : inheritance)
        for (const Oid member : {parent, child}) {
            const Oid name = nameOf(member);
            if (member == name || !relations_.contains(member)) continue;
            // Made before the member is looked up: a new entry may end every iterator. A root that the catalog did not
            // tell of may be anything.
            const auto [root, unknown] = relations_.try_emplace(name);
            Relation& whole = root->second;
            Relation& part = relations_.find(member)->second;
            if (unknown) whole.steady = whole.plain = false;
            part.tree = name;
            part.steady = part.steady && whole.tree != 0;
            whole.plain = whole.plain && part.plain;
            whole.cascades.insert(whole.cascades.end(), part.cascades.begin(), part.cascades.end());
        }
}

bool TableGraph::visit(Oid oid, Walk walk, std::set<Oid>& seen, std::set<Oid>& trees) const {
    std::vector<Oid> pending{oid};
    while (!pending.empty()) {
        const Oid next = pending.back();
        pending.pop_back();
        if (!seen.insert(next).second) continue;
        const auto found = relations_.find(next);
        if (found == relations_.end()) return false;
        const Relation& relation = found->second;
        if (walk == Walk::read ? !relation.steady : !relation.plain) return false;
        if (relation.tree != 0) trees.insert(relation.tree);
        pending.insert(pending.end(), relation.reads.begin(), relation.reads.end());
        if (walk == Walk::read) continue;
        pending.insert(pending.end(), relation.cascades.begin(), relation.cascades.end());
        if (relation.tree != 0) pending.push_back(relation.tree);
    }
    return true;
}

std::optional<std::vector<Oid>> TableGraph::walked(std::span<const Oid> relations, Walk walk) const {
    std::set<Oid> seen, trees;
    for (const Oid oid : relations)
        if (!visit(oid, walk, seen, trees)) return std::nullopt;
    return std::vector<Oid>(trees.begin(), trees.end());
}

std::optional<std::vector<Oid>> TableGraph::behind(std::span<const Oid> relations) const {
    return walked(relations, Walk::read);
}

std::optional<std::vector<Oid>> TableGraph::reachedFrom(std::span<const Oid> relations) const {
    if (!writes_known_) return std::nullopt;
    return walked(relations, Walk::write);
}

}  // namespace howdah::guard
