// The histories, kept in a file of the plugin's own so that what was learned outlives a reload and a restart.
//
// Threads: any thread that may block.
// Errors:  unavailable, with the system's reason. What cannot be understood is no error: it is begun anew.
#pragma once

#include <map>
#include <string>

#include <howdah/result.hpp>

#include "plugins/health/history.hpp"

namespace howdah::health {

// Empty where there is no such file, or none that these programs wrote.
std::map<std::string, History> readState(const std::string& path);
// Replaces it as a whole: a reader never sees half of one.
Result<void> writeState(const std::string& path, const std::string& text);
std::string stateText(const std::map<std::string, nlohmann::json>& histories);

}  // namespace howdah::health
