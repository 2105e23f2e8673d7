// Letters as protocols mean them: ASCII, whatever the locale says.
#pragma once

#include <algorithm>
#include <string_view>

namespace howdah::kernel {

constexpr char toLower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// `lower` is in lower case already.
constexpr bool equalsIgnoringCase(std::string_view text, std::string_view lower) {
    return text.size() == lower.size() &&
           std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) { return toLower(a) == b; });
}

}  // namespace howdah::kernel
