// A name that nobody else has: 128 random bits in hexadecimal.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace howdah::cache {

inline std::string randomName() {
    constexpr char kDigits[] = "0123456789abcdef";
    std::random_device device;
    std::string name;
    for (int word = 0; word < 4; ++word) {
        for (std::uint32_t bits = device(), left = 8; left > 0; --left, bits >>= 4)
            name += kDigits[bits & 15];
    }
    return name;
}

}  // namespace howdah::cache
