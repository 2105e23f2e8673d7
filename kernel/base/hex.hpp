// Bytes as hex digits, lower case.
//
// Threads: pure functions, any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace howdah::kernel {

inline std::string hexOf(const unsigned char* bytes, std::size_t count) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * count);
    for (std::size_t i = 0; i < count; ++i) {
        hex += kDigits[bytes[i] >> 4];
        hex += kDigits[bytes[i] & 0xF];
    }
    return hex;
}

inline bool isHex(std::string_view text) {
    return std::ranges::all_of(
        text, [](char digit) { return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'); });
}

}  // namespace howdah::kernel
