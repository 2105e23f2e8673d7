// What a jsonpath finds: $[0,0,0] gives one value three times, and so on with each bracket. PostgreSQL keeps all of it
// in memory before it gives the first.
//
// Threads: pure functions.
// Source:  PostgreSQL source, utils/adt/jsonpath_exec.c.
#pragma once

#include <span>
#include <string_view>

#include "plugins/guard/growth_bounds.hpp"

namespace howdah::guard {

// Values that a path gives of one; a part of a path is counted as one that ends there.
double pathItems(std::string_view path);

// Bytes in which they are kept, of a text that is read as a path.
double pathBytes(const NodeView& text, const Bound& written);
// The same where a path may stand: 0 if it was made elsewhere, by a cast.
double argumentPathBytes(NodeView argument, const Bound& written);
// Of the path among the arguments of a function: the second, or one that is named.
double pathsOf(const NodeView& call, std::span<const Bound> args);

}  // namespace howdah::guard
