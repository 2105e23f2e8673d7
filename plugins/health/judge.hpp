// What judges have in common: bands, and figures as people read them.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "plugins/health/finding.hpp"

namespace howdah::health {

// ok below `warning`, critical from `critical` on.
inline Status band(double value, double warning, double critical) {
    if (value >= critical) return Status::critical;
    return value >= warning ? Status::warning : Status::ok;
}

inline double percent(double part, double whole) {
    return whole > 0 ? 100.0 * part / whole : 0;
}

std::string bytesText(double bytes);                                               // "1.5 GiB"
std::string durationText(double seconds);                                          // "3 min", "2.5 h", "4 days"
std::string percentText(double percent);                                           // "12 %"
std::string countText(double count);                                               // "1,250,000"
std::string countText(double count, std::string_view one, std::string_view many);  // "1 index", "2 indexes"

// False of what PostgreSQL shows in place of the statement of somebody else's session.
inline bool isSeen(std::string_view query) {
    return !query.empty() && query != "<insufficient privilege>";
}

// A text of the server's cut to that many bytes, at the end of a character.
std::string shortened(std::string_view text, std::size_t bytes_max);

// Rounded for the figures of an answer: nobody reads fifteen digits.
double rounded(double value);

}  // namespace howdah::health
