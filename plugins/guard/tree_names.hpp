// Names as the parse tree spells them.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "plugins/guard/facts.hpp"
#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

// The text of a String, "" of everything else.
inline std::string_view stringOf(const NodeView& node) {
    return node.tag() == Tag::String ? node.text(Field::sval) : std::string_view{};
}

// A table made so, or a name in the schema where temporary objects of all kinds lie.
inline bool isTemporary(const NodeView& node) {
    const auto names = [](std::string_view schema) { return schema == "pg_temp" || schema.starts_with("pg_temp_"); };
    return node.text(Field::relpersistence) == "t" || names(node.text(Field::schemaname)) || names(stringOf(node));
}

// [String "schema", String "name"]. A database's name before them can only be this one's.
inline NameView nameOf(const NodeList& parts) {
    NameView name;
    for (const NodeView part : parts)
        name = {name.name, stringOf(part)};
    return name;
}

inline std::string written(NameView name) {
    return name.schema.empty() ? std::string(name.name) : concat(name.schema, '.', name.name);
}

}  // namespace howdah::guard
