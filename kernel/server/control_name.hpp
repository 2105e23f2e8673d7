// Which control socket a server listens on, and which one a command asks: the same rule for both, so that
// `howdah reload -c FILE` reaches the server of that file and no other.
//
// Threads: any.
// Errors:  controlSocketOf(): unavailable when there is no folder for it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/config/config.hpp"

namespace howdah::kernel {

// The path of a configuration file without symbolic links, as far as it exists now; "" stays "", for no file.
std::string canonicalFile(const std::filesystem::path& file);

// control.socket where it is set; else in the XDG runtime folder, named after the canonical file, "default" without
// one.
Result<std::string> controlSocketOf(const Config& config);

// Answers a command that was meant for the server of another file; an explicit control.socket may be shared.
Result<void> checkAddressee(std::string_view own_file, std::string_view asked_file);

}  // namespace howdah::kernel
