// Who and what a query is counted for. Names of clients, tenants and principals come from outside: they are bounded
// here, and what they may contain.
//
// Threads: plain values and pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace howdah::analytics {

// Stands where a name was given up for want of room. No bounded name equals it.
inline constexpr std::string_view kOthers = "\x01";
inline constexpr std::size_t kNameBytesMax = 64;

enum class Name : std::size_t { plugin, tool, client, tenant, database, principal };
inline constexpr std::array<const char*, 6> kNameKeys{"plugin", "tool", "client", "tenant", "database", "principal"};

template <typename Text>
struct NamesOf {
    std::array<Text, kNameKeys.size()> texts{};

    Text& operator[](Name which) { return texts[static_cast<std::size_t>(which)]; }
    const Text& operator[](Name which) const { return texts[static_cast<std::size_t>(which)]; }
};
using NameViews = NamesOf<std::string_view>;
using Names = NamesOf<std::string>;

Names kept(const NameViews& views);
NameViews viewsOf(const Names& names);
bool operator==(const NameViews& a, const NameViews& b);

// Printable, not long: may stand as it is.
inline bool isPlain(std::string_view name) {
    if (name.size() > kNameBytesMax) return false;
    for (const char byte : name) {
        if (static_cast<unsigned char>(byte) < 0x20 || static_cast<unsigned char>(byte) >= 0x7f) return false;
    }
    return true;
}
// A name that is not: without control characters and broken UTF-8, at most kNameBytesMax. What had to be cut ends in a
// hash of the whole, so that two of them do not become one.
std::string bounded(std::string_view name);

// At most that many bytes, cut between characters.
std::string_view cutText(std::string_view text, std::size_t bytes_max);

// As people see it.
inline std::string_view shown(std::string_view name) {
    return name == kOthers ? std::string_view("(others)") : name;
}

}  // namespace howdah::analytics
