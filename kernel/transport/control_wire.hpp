// What both ends of the control socket share: one line in or out within a time limit.
//
// Threads: any; the functions block, at most until the deadline.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/runtime/deadline.hpp"
#include "kernel/transport/unix_listener.hpp"

namespace howdah::kernel {

// False when the deadline came first.
bool waitFor(int descriptor, short events, Deadline deadline);

// Sends the text and a line break.
Result<void> sendLine(int descriptor, std::string_view text, Deadline deadline);
// Reads up to a line break, which is not part of the line.
Result<std::string> receiveLine(int descriptor, std::size_t bytes_max, Deadline deadline);

}  // namespace howdah::kernel
