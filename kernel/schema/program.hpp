// A compiled schema: nodes that name each other by number, so recursion in the schema is no recursion in memory.
//
// Threads: immutable once compiled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/schema/instance_view.hpp"
#include "kernel/schema/pattern.hpp"
#include "kernel/schema/schema.hpp"

namespace howdah::kernel {

using NodeId = std::uint32_t;
constexpr NodeId kNoNode = std::numeric_limits<NodeId>::max();
using ResourceId = std::uint32_t;  // a schema with an $id of its own, or the root

struct Bounds {
    std::size_t min = 0;
    std::size_t max = std::numeric_limits<std::size_t>::max();
    bool hold(std::size_t size) const { return size >= min && size <= max; }
    bool none() const { return min == 0 && max == std::numeric_limits<std::size_t>::max(); }
};

struct NumberRules {
    std::optional<Number> min, max, multiple;
    bool above_min = false;  // exclusiveMinimum
    bool below_max = false;  // exclusiveMaximum
};

struct StringRules {
    Bounds length;  // code points
    std::optional<Pattern> pattern;
};

struct ArrayRules {
    std::vector<NodeId> prefix;
    NodeId items = kNoNode;
    NodeId contains = kNoNode;
    Bounds contained{.min = 1};
    Bounds size;
    bool unique = false;
};

struct ObjectRules {
    // Every key the schema names. Its index is its bit in what the validator has seen.
    struct Key {
        std::string name;
        NodeId node = kNoNode;  // none when only required or dependent names it
        bool declared = false;  // in `properties`: additionalProperties does not apply
        bool required = false;
    };
    struct PatternKey {
        Pattern pattern;
        NodeId node;
    };
    struct Dependency {
        std::uint32_t key;
        std::vector<std::uint32_t> needs;  // dependentRequired
        NodeId node = kNoNode;             // dependentSchemas
    };
    static bool before(const Key& key, std::string_view name) {
        return key.name.size() != name.size() ? key.name.size() < name.size() : key.name < name;
    }
    const Key* find(std::string_view name) const {
        auto key = std::lower_bound(keys.begin(), keys.end(), name, before);
        return key != keys.end() && key->name == name ? &*key : nullptr;
    }

    std::vector<Key> keys;  // by length, then text
    std::vector<PatternKey> patterns;
    std::vector<Dependency> dependencies;
    NodeId additional = kNoNode;
    NodeId names = kNoNode;
    Bounds size;
    bool any_required = false;
};

struct LogicRules {
    std::vector<NodeId> all, any, one;
    NodeId ref = kNoNode;
    NodeId dynamic_ref = kNoNode;               // where $dynamicRef leads when the way here decides nothing
    std::optional<std::uint32_t> dynamic_name;  // else: index into Program::dynamic_anchors
    NodeId none = kNoNode;                      // not
    NodeId condition = kNoNode, then = kNoNode, otherwise = kNoNode;
};

// What no other keyword of the node, nor of those applied in its place, has looked at.
struct UnevaluatedRules {
    NodeId properties = kNoNode;
    NodeId items = kNoNode;
};

struct Node {
    ResourceId resource = 0;
    std::uint8_t types = kAnyType;               // 0 = nothing is valid
    std::unique_ptr<std::vector<Json>> allowed;  // enum; const is an enum of one
    std::unique_ptr<NumberRules> number;
    std::unique_ptr<StringRules> string;
    std::unique_ptr<ArrayRules> array;
    std::unique_ptr<ObjectRules> object;
    std::unique_ptr<LogicRules> logic;
    std::unique_ptr<UnevaluatedRules> unevaluated;
};

struct Schema::Program {
    std::vector<Node> nodes;
    // By name, then by resource: the node of a $dynamicAnchor that a $dynamicRef may mean.
    std::vector<std::vector<NodeId>> dynamic_anchors;
    NodeId root = 0;
    SchemaLimits limits;
};

// kernel/schema/compile.cpp
Result<std::shared_ptr<const Schema::Program>> compileProgram(const Json& schema, const SchemaLimits& limits);

// kernel/schema/describe.cpp: what a node wants, as the end of "must be ...": "an integer between 1 and 1000".
// `types` narrows it to what was met, so that a text out of range is not told about integers.
std::string describe(const Node& node, std::uint8_t types = kAnyType);
std::string describeNumber(Number number);
// `text` in quotes, cut at 40 characters.
std::string inQuotes(std::string_view text);
// "1 item", "3 items"
std::string counted(std::size_t count, std::string_view noun);
// "1 to 5 items", "at least 1 item", "at most 5 items"
std::string describeBounds(const Bounds& bounds, std::string_view noun);

}  // namespace howdah::kernel
