// The functions a plugin can call: the kernel's side of sdk/include/howdah/abi.
#pragma once

#include <howdah/abi/plugin.h>

namespace howdah::kernel {

// howdah_host.get_interface.
const void* hostInterface(const howdah_host* host, const char* id);

}  // namespace howdah::kernel
