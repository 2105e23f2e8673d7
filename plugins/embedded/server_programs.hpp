// Where PostgreSQL's server programs are, and whom they run as.
//
// Threads: any.
// Errors:  not_found, with the package to install.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "process.hpp"

namespace howdah::embedded {

struct ServerPrograms {
    std::string bin_dir;
    std::string version;  // "15.20"

    std::string path(std::string_view program) const { return concat(bin_dir, "/", program); }
    std::string major() const { return version.substr(0, version.find('.')); }
};

// In `bin_dir` if it is named; else the newest under /usr/lib/postgresql and /usr/pgsql-*, else on PATH. `wanted_major`
// (of a cluster that exists) goes before newer ones.
Result<ServerPrograms> findServerPrograms(const std::string& bin_dir, std::string_view wanted_major);

// PostgreSQL refuses to run as root: then it runs as user postgres. Everybody else runs it as themselves (none).
Result<std::optional<Account>> serverAccount();

}  // namespace howdah::embedded
