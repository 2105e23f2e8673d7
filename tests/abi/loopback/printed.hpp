// ABI structs as text that holds every byte of what they say, for comparing.
#pragma once

#include <string>

#include "tests/abi/loopback/wire.hpp"

namespace howdah::loopback {

template <typename... Values>
std::string printed(const char* name, const Values&... values) {
    Writer out;
    (put(out, values), ...);
    std::string text = name;
    text += ' ';
    for (std::uint8_t byte : out.take()) {
        constexpr char kHex[] = "0123456789abcdef";
        if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
            text += static_cast<char>(byte);
        } else {
            text += {'\\', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
    return text;
}

}  // namespace howdah::loopback
