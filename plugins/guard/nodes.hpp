// The node types of the parse tree: what each one means to the guard.
//
// Threads: constant data.
// Source:  PostgreSQL 15 source, nodes/parsenodes.h and primnodes.h; pg_query.proto.
#pragma once

#include <optional>
#include <string_view>

#include "plugins/guard/facts.hpp"
#include "plugins/guard/rules.hpp"

namespace howdah::guard {

enum class Node {
    plain,  // allowed, nothing to note
    select,
    function,
    column,       // of two parts, it may be a call: v.f is f(v)
    indirection,  // (x).f likewise
    row_function,
    row_source,  // another thing in FROM
    join,        // USING and NATURAL compare
    cases,       // CASE x WHEN y compares
    relation,
    expression,  // has an operator in "name"
    sub_link,    // may have an operator in "operName"
    sort,        // may have an operator in "useOp"
    type,
    parameter,
    with_query,
    sample,
    explain,
    option,  // of EXPLAIN
    show,
};

// What a read may contain; nullopt is a node that no read needs.
std::optional<Node> readNode(std::string_view name);

// The rule that a node outside the read list breaks.
Rule refusedRule(std::string_view name);

// The type of a field that stands without its node name, "" if the field is not known.
std::string_view fieldType(std::string_view field);

// What a statement of the write path is; nullopt if that path refuses it as well.
std::optional<Kind> writeKind(std::string_view statement);

}  // namespace howdah::guard
