// The windows of hours and days, kept in a file of the plugin's own so that quotas outlive a restart.
//
// Threads: any thread that may block.
// Errors:  unavailable with the system's reason where it cannot be read or written: what it says is not known, so it
//          must not be replaced; invalid_argument for a file that is none of these.
#pragma once

#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/rate_limit/ledger.hpp"

namespace howdah::rate_limit {

// Empty where there is no such file.
Result<std::vector<Ledger::Line>> readState(const std::string& path);
// Replaces it as a whole: a reader never sees half of one. What it is made of lies beside it meanwhile, for this user
// only (0600), and is removed where this fails.
Result<void> writeState(const std::string& path, const std::vector<Ledger::Line>& lines);

}  // namespace howdah::rate_limit
