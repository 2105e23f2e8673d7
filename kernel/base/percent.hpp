// Percent-encoding of URIs.
//
// Threads: pure functions, any.
// Source:  RFC 3986, section 2.1.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace howdah::kernel {

// The byte that the escape at text[at] stands for ("%41" is 'A'); nothing where none is whole.
inline std::optional<char> escapeAt(std::string_view text, std::size_t at) {
    unsigned char byte = 0;
    const char* const digits = text.data() + at + 1;
    if (text[at] != '%' || text.size() - at < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
        return std::nullopt;
    return static_cast<char>(byte);
}

// All escapes decoded; what is none stays as it is, a "%" too.
inline std::string percentDecoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = escapeAt(text, i);
        out += byte.value_or(text[i]);
        if (byte) i += 2;
    }
    return out;
}

}  // namespace howdah::kernel
