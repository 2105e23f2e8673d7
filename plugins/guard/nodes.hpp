// The node types of the parse tree: what each one means to the guard.
//
// Threads: constant data.
// Source:  PostgreSQL 15 source, nodes/parsenodes.h and primnodes.h.
#pragma once

#include <optional>

#include "plugins/guard/facts.hpp"
#include "plugins/guard/rules.hpp"
#include "plugins/guard/tree_view.hpp"

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
std::optional<Node> readNode(Tag tag);

// The rule that a node outside the read list breaks.
Rule refusedRule(Tag tag);

// Refused on the write path too, wherever in the tree.
bool isNeverAllowed(Rule rule);

// Whether what stands in a field of a fixed type is judged as a node of that type. Of the others a read needs none, and
// on the write path only their parts are judged.
bool isKnownField(Field field);

// What a statement of the write path is; nullopt if that path refuses it as well.
std::optional<Kind> writeKind(Tag statement);

}  // namespace howdah::guard
