// Bytes as hexadecimal text, in small letters: digests as parts of names, and names that nobody else has.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace howdah {

inline std::string toHex(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

// 128 bits of the system's randomness.
inline std::string randomHex() {
    std::random_device device;
    std::string bytes;
    for (int word = 0; word < 4; ++word)
        for (std::uint32_t bits = device(), left = 4; left > 0; --left, bits >>= 8)
            bytes += static_cast<char>(bits & 255);
    return toHex(bytes);
}

}  // namespace howdah
