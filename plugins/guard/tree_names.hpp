// Names as the parse tree spells them.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include <simdjson.h>

#include <howdah/result.hpp>

#include "plugins/guard/facts.hpp"

namespace howdah::guard {

inline std::string_view textOf(const simdjson::dom::object& node, std::string_view field) {
    std::string_view text;
    if (node.at_key(field).get(text) != simdjson::SUCCESS) return {};
    return text;
}

inline std::size_t sizeOf(const simdjson::dom::object& node, std::string_view field) {
    simdjson::dom::array list;
    return node.at_key(field).get(list) == simdjson::SUCCESS ? list.size() : 0;
}

inline bool has(const simdjson::dom::object& node, std::string_view field) {
    return node.at_key(field).error() == simdjson::SUCCESS;
}

inline bool flagOf(const simdjson::dom::object& node, std::string_view field) {
    bool flag = false;
    return node.at_key(field).get(flag) == simdjson::SUCCESS && flag;
}

// A table made so, or a name in the schema where temporary objects of all kinds lie.
inline bool isTemporary(const simdjson::dom::object& node) {
    const auto names = [](std::string_view schema) { return schema == "pg_temp" || schema.starts_with("pg_temp_"); };
    return textOf(node, "relpersistence") == "t" || names(textOf(node, "schemaname")) || names(textOf(node, "sval"));
}

// [{"String":{"sval":"schema"}},{"String":{"sval":"name"}}]. A database's name before them can only be this one's.
inline ObjectName nameOf(const simdjson::dom::object& node, std::string_view field) {
    ObjectName name;
    simdjson::dom::array parts;
    if (node.at_key(field).get(parts) != simdjson::SUCCESS) return name;
    for (simdjson::dom::element part : parts) {
        std::string_view text;
        if (part["String"]["sval"].get(text) != simdjson::SUCCESS) text = {};
        name.schema = std::move(name.name);
        name.name = text;
    }
    return name;
}

inline std::string written(const ObjectName& name) {
    return name.schema.empty() ? name.name : concat(name.schema, '.', name.name);
}

}  // namespace howdah::guard
