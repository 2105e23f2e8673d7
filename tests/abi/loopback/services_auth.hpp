// The services of abi/auth.h over bytes: auth and kv.
#pragma once

#include <string_view>

namespace howdah::loopback {

// nullptr for another service. Way is Inward or Outward.
template <typename Way>
const void* authTable(std::string_view id);

}  // namespace howdah::loopback
