// How much a statement can make out of its own few bytes. repeat(repeat(repeat('x',1000),1000),1000) has 41 bytes and
// cost a backend gigabytes while it was planned, where no statement_timeout acts: the planner folds calls on constants,
// copies the result with every copy of the plan, and writes the expression of a subquery's column out wherever the
// column stands.
//
// An upper bound for each expression (growth_bounds.hpp); a column of a subquery or a WITH query is what it stands for,
// in the scope where its name is used. A walk meets each node once; where there are parameters it is done up to three
// times.
//
// Threads: pure.
// Source:  PostgreSQL manual, "String Functions"; source, optimizer/util/clauses.c (eval_const_expressions),
//          optimizer/prep/prepjointree.c (pull_up_subqueries), optimizer/plan/subselect.c (inline_cte).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/abi/base.h>

#include "plugins/guard/rules.hpp"
#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

constexpr double kValueBytesMax = 1024 * 1024;         // of one value; a cell of an answer has no more
constexpr double kMadeBytesMax = 32 * kValueBytesMax;  // of all that the statement makes
constexpr double kPartsMax = 100'000;                  // of its expressions, columns written out
constexpr double kWorkMax = 1e9;                       // steps in which nothing looks at a time limit

struct Growth {
    Rule rule = Rule::value_too_large;
    std::string what;            // the function
    std::uint32_t position = 0;  // byte offset
};

struct GrowthVerdict {
    std::optional<Growth> found;  // the first that may be too much
    // Parameters that must be short for it, $1 being bit 0, those from $64 on bit 63; 0 if any will do. And those of
    // them whose numbers must be small, as something is counted by them.
    std::uint64_t short_parameters = 0;
    std::uint64_t small_parameters = 0;
};
// Of parameter $number in such a set.
std::uint64_t parameterBit(std::int64_t number);

GrowthVerdict tooLargeValue(const NodeView& statement, bool has_parameters);

// Whether a parameter may stand where it must be short: up to 1,000 bytes.
bool isShort(const howdah_value& parameter);
// Where its numbers must be small: up to 10,000.
bool isSmall(const howdah_value& parameter);

}  // namespace howdah::guard
