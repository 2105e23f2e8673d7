// What counts that instances share are called.
//
// Threads: any.
#pragma once

#include <array>
#include <string>

#include <openssl/evp.h>

#include <howdah/hex.hpp>
#include <howdah/result.hpp>

#include "plugins/rate_limit/meter.hpp"

namespace howdah::rate_limit {

// The sizes keep the parts from running into each other.
inline std::string nameOfKey(const Key& key) {
    return concat(nameOf(key.scope), ' ', key.tenant.size(), ' ', key.subject.size(), ' ', key.tenant, key.subject,
                  key.part);
}

// In kv: it tells nobody who that is.
inline std::string digestOf(const std::string& name) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(name.data(), name.size(), digest.data(), &size, EVP_sha256(), nullptr);
    return toHex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace howdah::rate_limit
