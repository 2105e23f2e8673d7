// Whether a statement's answer depends on nothing but rows, parameters, settings and roles: then it may be kept as long
// as those stay. Unknown is "no".
//
// A text in a column that says 'now' and is cast to a moment is not seen: whoever keeps an answer gives it an end.
//
// Threads: constant tables; any.
// Source:  PostgreSQL manual, "Function Volatility Categories", "Special Values" of date and time types.
#pragma once

#include <string_view>

#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

// A constant, a cast or a value whose meaning moves with the clock or the session.
bool dependsOnMoment(const NodeView& node);

// One of PostgreSQL's own functions, of any arguments. Beside the immutable ones those STABLE ones that follow
// settings, which belong to the scope.
bool isSteadyFunction(std::string_view schema, std::string_view name);

// The same for one that stored code calls, where the arguments are resolved: `immutable` is this overload's. A policy
// may also read the settings of its scope.
bool isSteadyInCode(std::string_view name, bool immutable, bool in_policy);

}  // namespace howdah::guard
