// The file of epochs and whose it is.
//
// Threads: the control thread.
// Owns:    nothing: a descriptor stays open to the end of the process, which is what keeps the lock.
// Errors:  unavailable, with the file and the reason.
// Source:  fcntl(2), "Advisory record locking": closing any descriptor of a file ends the process's locks on it.
#pragma once

#include <cstddef>
#include <string>

#include <howdah/result.hpp>

namespace howdah::cache {

// The descriptor of the file with that many bytes, locked by this process; -1 when another process has it.
Result<int> lockedFile(const std::string& path, std::size_t bytes);

// Files with that beginning whose process is gone.
void removeLeftovers(const std::string& folder, const std::string& prefix);

}  // namespace howdah::cache
