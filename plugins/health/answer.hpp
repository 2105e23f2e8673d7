// A round as the tool answers it, and as `howdah doctor` is told it.
//
// Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>

#include "plugins/health/finding.hpp"
#include "plugins/health/history.hpp"
#include "plugins/health/round.hpp"

namespace howdah::health {

// Without `full`, checks that are ok are named only.
Document answerOf(const RoundResult& result, const History& history, bool full);

// Adds to report["checks"]: {"name","status","text","remedy"?}.
void addToReport(const RoundResult& result, nlohmann::json& report);

}  // namespace howdah::health
