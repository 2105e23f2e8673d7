// How large a value a statement can make out of its own few bytes. repeat(repeat(repeat('x',1000),1000),1000) has 41
// bytes and cost a backend gigabytes while it was planned, where no statement_timeout acts: the planner folds calls on
// constants, and copies the result with every copy of the plan.
//
// An upper bound for each expression, of its bytes and, for numbers, of its value: constants are what they are, columns
// of tables and recursions are taken for ordinary data, columns made in the statement for the largest expression of
// that name, parameters for the largest there is. What might grow beyond the limit is refused.
//
// Threads: pure.
// Source:  PostgreSQL manual, "String Functions"; source, optimizer/util/clauses.c (eval_const_expressions).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

constexpr double kValueBytesMax = 16.0 * 1024 * 1024;   // of one value
constexpr double kValuesBytesMax = 4 * kValueBytesMax;  // of all calls that make values grow

// A function whose result can be much larger than its arguments.
bool makesGrow(std::string_view function);

struct Growth {
    std::string what;            // the function
    std::uint32_t position = 0;  // byte offset
};

// The first call that may make too large a value; nullopt if there is none.
std::optional<Growth> tooLargeValue(const NodeView& statement);

}  // namespace howdah::guard
