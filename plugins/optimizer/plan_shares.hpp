// What of a plan's time, cost and blocks is each node's own: sets self_ms, self_cost and self_buffers.
//
// Threads: pure.
#pragma once

#include "plugins/optimizer/plan.hpp"

namespace howdah::optimizer {

void divideShares(PlanNode& root);

}  // namespace howdah::optimizer
