// What the text of a statement itself shows, that its plan does not: stars, casts that somebody wrote, OFFSET.
//
// Threads: pure; shapeOf() parses, so the stack must be large.
// Errors:  invalid_argument for a text that does not parse.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::optimizer {

struct Shape {
    bool star = false;                   // at the top: select *, select t.*
    bool ordered = false;                // ORDER BY at the top
    std::optional<double> offset;        // a constant one
    int offset_parameter = 0;            // OFFSET $n
    std::set<std::string> cast_columns;  // of which a cast is written down
    bool not_in_subquery = false;        // x not in (select ...)
};

Result<Shape> shapeOf(std::string_view sql);

}  // namespace howdah::optimizer
