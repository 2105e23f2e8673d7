// Whether two texts give the same rows, and how long each takes: asked of the server, on its real data.
//
// Threads: the request's; waits.
// Errors:  of the guard, the pool and PostgreSQL: what cannot be compared (a type without equality) is not proved.
#pragma once

#include <string>

#include "plugins/optimizer/ask.hpp"

namespace howdah::optimizer {

struct Equality {
    double rows = 0;       // of the first
    double differing = 0;  // rows one has and the other has not, counted as often as they come
    bool same() const { return differing == 0; }
};
// In one statement, so in one snapshot.
Result<Equality> compareRows(Call& call, const Ask& ask, const std::string& other_sql);

struct Timing {
    double before_ms = 0, after_ms = 0;  // medians of execution, without the time to send the rows
    std::size_t runs = 0;                // of each
    bool apart = false;                  // the slowest run of the one was faster than the fastest of the other
    double speedup() const { return after_ms > 0 ? before_ms / after_ms : 1; }
};
// By turns, so that what else the server does hits both.
Result<Timing> compareTimes(Call& call, const Ask& ask, const std::string& other_sql, std::size_t runs);

}  // namespace howdah::optimizer
