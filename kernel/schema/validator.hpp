// Runs a compiled schema against one instance. First silently: no allocation while everything fits. When something does
// not, once more with a Violation to fill in, so that words cost only those who need them.
//
// Threads: one validation is one object on one stack.
// Bounds:  steps_max node visits and kFramesMax nested ones, then the instance is refused whatever the schema says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/schema/program.hpp"

namespace howdah::kernel {

// The way from the root to a value, on the stack; becomes a JSON pointer only in a violation.
struct Path {
    const Path* parent = nullptr;
    std::string_view key;
    std::size_t index = 0;
    bool is_index = false;

    std::string pointer() const;
};

class Validator {
public:
    explicit Validator(const Schema::Program& program) : program_(program), steps_left_(program.limits.steps_max) {}

    template <typename View>
    std::optional<Violation> run(const View& instance) {
        const Path root;
        if (check(program_.root, instance, root) && !exhausted_) return std::nullopt;
        if (!exhausted_) {
            Violation violation;
            steps_left_ = program_.limits.steps_max;
            report_ = &violation;
            check(program_.root, instance, root);
            report_ = nullptr;
            if (!exhausted_) return violation;
        }
        return Violation{"", "the value nests too deeply or is too large to be checked",
                         "nests too deeply or is too large to be checked", ""};
    }

private:
    // About 300 bytes a frame: 256 of them leave a fiber's stack room.
    static constexpr unsigned kFramesMax = 256;
    // A pattern costs text size times states; longer texts are refused where one is asked for.
    static constexpr std::size_t kPatternTextMax = 64u << 10;

    template <typename View>
    bool check(NodeId id, const View& view, const Path& path) {
        if (steps_left_ == 0 || frames_ == kFramesMax) {
            exhausted_ = true;
            return false;
        }
        --steps_left_;
        ++frames_;
        const bool entered = enter(program_.nodes[id]);
        const bool valid = checkNode(program_.nodes[id], view, path);
        if (entered) scope_.pop_back();
        --frames_;
        return valid;
    }

    // The resources on the way here decide what a $dynamicRef means. Schemas without one keep no account.
    bool enter(const Node& node) {
        if (program_.dynamic_anchors.empty() || (!scope_.empty() && scope_.back() == node.resource)) return false;
        scope_.push_back(node.resource);
        return true;
    }
    NodeId dynamicTarget(const LogicRules& rules) const {
        if (!rules.dynamic_name) return rules.dynamic_ref;
        const std::vector<NodeId>& by_resource = program_.dynamic_anchors[*rules.dynamic_name];
        for (ResourceId resource : scope_) {
            if (by_resource[resource] != kNoNode) return by_resource[resource];
        }
        return rules.dynamic_ref;
    }

    // The same without words: for branches of anyOf, not, if.
    template <typename View>
    bool fits(NodeId id, const View& view, const Path& path) {
        Violation* report = std::exchange(report_, nullptr);
        const bool valid = check(id, view, path);
        report_ = report;
        return valid;
    }

    template <typename View>
    bool checkNode(const Node& node, const View& view, const Path& path) {
        const std::uint8_t type = view.type();
        if ((node.types & type) == 0) return failDescribed(node, kAnyType, view, path);
        if (node.allowed && !isAllowed(*node.allowed, view)) return failDescribed(node, type, view, path);
        switch (type) {
            case kString:
                if (node.string && !checkString(*node.string, view.text())) {
                    return failDescribed(node, type, view, path);
                }
                break;
            case kInteger:
            case kFraction:
                if (node.number && !checkNumber(*node.number, view.number())) {
                    return failDescribed(node, type, view, path);
                }
                break;
            case kArray:
                if (node.array && !checkArray(*node.array, view, path)) return false;
                break;
            case kObject:
                if (node.object && !checkObject(*node.object, view, path)) return false;
                break;
            default: break;
        }
        if (node.logic && !checkLogic(*node.logic, view, path)) return false;
        return !node.unevaluated || checkUnevaluated(node, view, path);
    }

    template <typename View>
    bool isAllowed(const std::vector<Json>& allowed, const View& view) const;
    bool checkString(const StringRules& rules, std::string_view text) const;
    bool checkNumber(const NumberRules& rules, Number number) const;
    template <typename View>
    bool checkArray(const ArrayRules& rules, const View& view, const Path& path);
    template <typename View>
    bool checkUnique(const View& view, const Path& path);
    template <typename View>
    bool checkObject(const ObjectRules& rules, const View& view, const Path& path);
    template <typename View>
    bool checkMember(const ObjectRules& rules, const ObjectRules::Key* key, const View& value, const Path& path);
    template <typename View>
    bool checkPresence(const ObjectRules& rules, const class KeySet& seen, const View& view, const Path& path);
    template <typename View>
    bool checkLogic(const LogicRules& rules, const View& view, const Path& path);
    template <typename View>
    bool checkOne(const LogicRules& rules, const View& view, const Path& path);
    // kernel/schema/unevaluated.hpp
    template <typename View>
    bool checkUnevaluated(const Node& node, const View& view, const Path& path);
    template <typename View>
    void markEvaluated(NodeId id, const View& view, const Path& path, std::vector<bool>& evaluated);
    template <typename View>
    void markOwn(const Node& node, const View& view, const Path& path, std::vector<bool>& evaluated);
    template <typename View>
    void markApplied(const Node& node, const View& view, const Path& path, std::vector<bool>& evaluated);
    // Says why none of the branches fits: the one that came furthest, or all that were expected.
    template <typename View>
    bool failBranches(const std::vector<NodeId>& branches, const View& view, const Path& path);

    template <typename View>
    bool failDescribed(const Node& node, std::uint8_t types, const View& view, const Path& path) {
        if (!report_) return false;
        return fail(path, "must be " + describe(node, types), met(view));
    }
    // Always false. `expected` reads on after the name of the value.
    bool fail(const Path& path, std::string expected, std::string met = {}) const;
    template <typename View>
    static std::string met(const View& view);

    const Schema::Program& program_;
    std::size_t steps_left_;
    unsigned frames_ = 0;
    bool exhausted_ = false;
    std::vector<ResourceId> scope_;  // on the way here, outermost first
    Violation* report_ = nullptr;    // null: only the answer counts
};

}  // namespace howdah::kernel
