// Ready-to-paste configuration for the clients people use.
#pragma once

#include <string>

namespace howdah::kernel::cli {

// For a server at `url` (HTTP) and, where a client only starts programs, for `program serve` with `database_url`.
std::string clientConfigs(const std::string& url, const std::string& program, const std::string& database_url);

}  // namespace howdah::kernel::cli
