// Finding one's way in a JSON tree that is a schema.
//
// Threads: any.
// Source:  RFC 6901 section 6 (a JSON pointer as URI fragment: %XX first, then ~1 and ~0).
#pragma once

#include <string_view>

#include "kernel/base/json.hpp"

namespace howdah::kernel {

// What stands at a fragment ("" or "/..."); null if nothing does.
const Json* resolvePointer(const Json& root, std::string_view pointer);

// Does not recurse: the depth of what comes in is not known yet.
bool deeperThan(const Json& json, std::size_t limit);

}  // namespace howdah::kernel
