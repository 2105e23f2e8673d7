// Unguessable ids: of sessions and tasks.
//
// Threads: any.
#pragma once

#include <string>

namespace howdah::kernel {

// 192 random bits as 48 hex digits; "" when the system has no randomness to give.
std::string randomId();

}  // namespace howdah::kernel
