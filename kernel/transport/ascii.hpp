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

// Whether a comma-separated list has that member, as header fields do.
constexpr bool listHas(std::string_view list, std::string_view lower) {
    for (;;) {
        const std::size_t comma = std::min(list.find(','), list.size());
        std::string_view member = list.substr(0, comma);
        while (!member.empty() && (member.front() == ' ' || member.front() == '\t'))
            member.remove_prefix(1);
        while (!member.empty() && (member.back() == ' ' || member.back() == '\t'))
            member.remove_suffix(1);
        if (equalsIgnoringCase(member, lower)) return true;
        if (comma == list.size()) return false;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace howdah::kernel
