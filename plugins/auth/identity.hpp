// Who a verified credential stands for, before it becomes a howdah_principal.
//
// Threads: a value, any.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::auth {

struct Identity {
    std::string subject;  // "token:NAME", "oauth:SUB", "uid:NUMBER": one way in cannot pose as another
    std::string tenant;
    std::string tier;
    std::vector<std::string> scopes;
    std::chrono::system_clock::time_point expires = std::chrono::system_clock::time_point::max();
};

inline constexpr std::size_t kTextMax = 255;   // bytes of a subject, tenant, tier or scope
inline constexpr std::size_t kScopesMax = 64;  // of one credential

// What may stand in a scope (RFC 6749, section 3.3), and so between the quotes of a challenge.
inline bool isScope(std::string_view text) {
    if (text.empty() || text.size() > kTextMax) return false;
    for (char c : text) {
        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\') return false;
    }
    return true;
}

// A name that is safe to show, to log and to compare.
inline bool isPlainText(std::string_view text) {
    if (text.size() > kTextMax) return false;
    for (unsigned char c : text) {
        if (c < 0x20 || c == 0x7f) return false;
    }
    return true;
}

}  // namespace howdah::auth
