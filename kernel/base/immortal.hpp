// Texts that are never freed, for those who may read a name at any time: the watchdog and the fault report read the
// label of a fiber or a thread.
//
// Threads: any.
#pragma once

#include <string_view>

namespace howdah::kernel {

// Ends with NUL; the same text is kept once.
const char* immortal(std::string_view text);

}  // namespace howdah::kernel
