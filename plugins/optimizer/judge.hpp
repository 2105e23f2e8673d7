// What statements cost if indexes were there: asked of the server, which plans with hypothetical ones (hypopg_judge),
// or estimated here from its statistics (estimate_judge).
//
// Threads: the request's. cost() may wait.
// Errors:  cancelled and timeout of the request; of the guard and the server for a statement that cannot be planned.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/optimizer/index_spec.hpp"

namespace howdah::optimizer {

using Indexes = std::set<std::size_t>;  // numbers of candidates

struct Judged {
    double cost = 0;  // of one run, in the planner's units
    Indexes used;
};

// What became of the candidates that a judge was shown.
struct Admission {
    Indexes admitted;         // it can judge them
    std::size_t refused = 0;  // there can be no such index
    std::string why_refused;  // the first of them
    std::size_t unasked = 0;  // the time was over before
};

// What there can be no index of, as the server says.
struct Impossible {
    Indexes candidates;
    std::string why;  // of the first
};

class Judge {
public:
    Judge() = default;
    Judge(const Judge&) = delete;
    Judge& operator=(const Judge&) = delete;
    virtual ~Judge() = default;

    virtual std::string_view name() const = 0;
    // The candidates this judge can judge; sizes are set where it knows them better. Once, before cost().
    virtual Result<Admission> admit(std::vector<Candidate>& candidates) = 0;
    // The cost of one statement with these indexes beside those that exist.
    virtual Result<Judged> cost(std::size_t statement, const Indexes& present) = 0;
};

}  // namespace howdah::optimizer
