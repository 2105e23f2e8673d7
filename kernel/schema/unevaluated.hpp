// unevaluatedProperties and unevaluatedItems: what no other keyword has looked at.
//
// Which members or items those are is found by a second walk over the keywords that apply to the same value, after they
// have all held: the walk marks what each one looks at and asks again which alternatives fit. So schemas without the
// two keywords pay nothing. Included by schema.cpp only.
//
// Bounds:  the second walk counts as steps and frames like the first; markEvaluated() is called on valid values only.
// Source:  JSON Schema 2020-12 core, section 11.
#pragma once

#include "kernel/schema/validator.hpp"

namespace howdah::kernel {

template <typename View>
bool Validator::checkUnevaluated(const Node& node, const View& view, const Path& path) {
    const std::uint8_t type = view.type();
    const NodeId rest = type == kObject ? node.unevaluated->properties : node.unevaluated->items;
    if ((type != kObject && type != kArray) || rest == kNoNode) return true;
    std::vector<bool> evaluated;
    const auto grow = [&](auto&&...) {
        evaluated.push_back(false);
        return true;
    };
    if (type == kObject) {
        view.forEachMember(grow);
    } else {
        view.forEachElement(grow);
    }
    markOwn(node, view, path, evaluated);
    markApplied(node, view, path, evaluated);
    if (exhausted_) return false;

    std::size_t index = 0;
    const auto checkRest = [&](const View& value, const Path& here) {
        if (evaluated[index++]) return true;
        if (program_.nodes[rest].types != 0) return check(rest, value, here);
        return fail(here, type == kObject ? "is not a known key" : "is one item too many");
    };
    if (type == kObject) {
        return view.forEachMember(
            [&](std::string_view name, const View& value) { return checkRest(value, Path{&path, name}); });
    }
    return view.forEachElement([&](const View& value) { return checkRest(value, Path{&path, {}, index, true}); });
}

template <typename View>
void Validator::markEvaluated(NodeId id, const View& view, const Path& path, std::vector<bool>& evaluated) {
    if (steps_left_ == 0 || frames_ == kFramesMax) exhausted_ = true;
    if (exhausted_) return;
    --steps_left_;
    ++frames_;
    const Node& node = program_.nodes[id];
    const bool entered = enter(node);
    const NodeId rest = !node.unevaluated        ? kNoNode
                        : view.type() == kObject ? node.unevaluated->properties
                                                 : node.unevaluated->items;
    if (rest != kNoNode) {
        evaluated.assign(evaluated.size(), true);
    } else {
        markOwn(node, view, path, evaluated);
        markApplied(node, view, path, evaluated);
    }
    if (entered) scope_.pop_back();
    --frames_;
}

// What the node's own keywords about members and items look at.
template <typename View>
void Validator::markOwn(const Node& node, const View& view, const Path& path, std::vector<bool>& evaluated) {
    std::size_t index = 0;
    if (view.type() == kObject && node.object) {
        const ObjectRules& rules = *node.object;
        view.forEachMember([&](std::string_view name, const View&) {
            const ObjectRules::Key* key = rules.find(name);
            bool looked = rules.additional != kNoNode || (key && key->declared);
            for (const ObjectRules::PatternKey& pattern : rules.patterns)
                looked = looked || (name.size() <= kPatternTextMax && pattern.pattern.search(name));
            if (looked) evaluated[index] = true;
            ++index;
            return true;
        });
    } else if (view.type() == kArray && node.array) {
        const ArrayRules& rules = *node.array;
        view.forEachElement([&](const View& value) {
            const bool looked = index < rules.prefix.size() || rules.items != kNoNode ||
                                (rules.contains != kNoNode && fits(rules.contains, value, path));
            if (looked) evaluated[index] = true;
            ++index;
            return !exhausted_;
        });
    }
}

// The same for the schemas that apply to this very value.
template <typename View>
void Validator::markApplied(const Node& node, const View& view, const Path& path, std::vector<bool>& evaluated) {
    if (view.type() == kObject && node.object) {
        for (const ObjectRules::Dependency& dependency : node.object->dependencies) {
            if (dependency.node == kNoNode) continue;
            const std::string_view wanted = node.object->keys[dependency.key].name;
            const bool absent = view.forEachMember([&](std::string_view name, const View&) { return name != wanted; });
            if (!absent) markEvaluated(dependency.node, view, path, evaluated);
        }
    }
    if (!node.logic) return;
    const LogicRules& rules = *node.logic;
    if (rules.ref != kNoNode) markEvaluated(rules.ref, view, path, evaluated);
    if (rules.dynamic_ref != kNoNode) markEvaluated(dynamicTarget(rules), view, path, evaluated);
    for (NodeId id : rules.all)
        markEvaluated(id, view, path, evaluated);
    for (const std::vector<NodeId>* branches : {&rules.any, &rules.one}) {
        for (NodeId id : *branches) {
            if (fits(id, view, path)) markEvaluated(id, view, path, evaluated);
        }
    }
    if (rules.condition == kNoNode) return;
    const bool holds = fits(rules.condition, view, path);
    if (holds) markEvaluated(rules.condition, view, path, evaluated);
    if (const NodeId branch = holds ? rules.then : rules.otherwise; branch != kNoNode) {
        markEvaluated(branch, view, path, evaluated);
    }
}

}  // namespace howdah::kernel
