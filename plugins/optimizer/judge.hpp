// What statements cost if indexes were there: asked of the server, which plans with hypothetical ones (hypopg_judge),
// or estimated here from its statistics (estimate_judge).
//
// Threads: the request's. costs() may wait.
// Errors:  cancelled and timeout of the request; of the guard and the server for a statement that cannot be planned.
#pragma once

#include <cstddef>
#include <set>
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

class Judge {
public:
    Judge() = default;
    Judge(const Judge&) = delete;
    Judge& operator=(const Judge&) = delete;
    virtual ~Judge() = default;

    virtual std::string_view name() const = 0;
    // The candidates this judge can judge; sizes are set where it knows them better. Once, before costs().
    virtual Result<Indexes> admit(std::vector<Candidate>& candidates) = 0;
    // The cost of one statement with these indexes beside those that exist.
    virtual Result<Judged> cost(std::size_t statement, const Indexes& present) = 0;
};

}  // namespace howdah::optimizer
