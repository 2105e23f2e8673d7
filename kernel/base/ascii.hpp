// Letters as protocols mean them: ASCII, whatever the locale says.
#pragma once

#include <algorithm>
#include <string_view>

namespace howdah::kernel {

constexpr char toLower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool equalsIgnoringCase(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return toLower(x) == toLower(y); });
}

// Whether a comma-separated list has that member, as header fields do.
constexpr bool listHas(std::string_view list, std::string_view wanted) {
    for (;;) {
        const std::size_t comma = std::min(list.find(','), list.size());
        std::string_view member = list.substr(0, comma);
        while (!member.empty() && (member.front() == ' ' || member.front() == '\t'))
            member.remove_prefix(1);
        while (!member.empty() && (member.back() == ' ' || member.back() == '\t'))
            member.remove_suffix(1);
        if (equalsIgnoringCase(member, wanted)) return true;
        if (comma == list.size()) return false;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace howdah::kernel
