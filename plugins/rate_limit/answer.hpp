// What is said of limits: why something is refused, and what get_quota answers.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

#include "plugins/rate_limit/ledger.hpp"

namespace howdah::rate_limit {

using Document = nlohmann::ordered_json;

// `detail` holds the same as JSON, for programs.
Error refusalOf(const Exceeded& exceeded);

// The limits of one key as they stand.
void addStanding(Document& list, const Applied& applied, const Ledger::Standing& standing);

std::string timeText(std::int64_t unix_ns);  // ISO 8601, UTC

}  // namespace howdah::rate_limit
