// Who of those that wait gets a connection: the first in line, or the first of the connection's own shard while nobody
// has waited for long. Moving a connection to another shard costs several system calls and a wake-up.
//
// Threads: pure. Time is passed in.
#pragma once

#include <algorithm>
#include <cstdint>

#include "config.hpp"

namespace howdah::pool {

inline constexpr std::uint64_t kPassedOverNs = kSecondNs / 100;  // how long one may see others served first

// `line` holds pointers to something with `shard` and `since_ns`, oldest first, and is not empty.
template <typename Line>
typename Line::iterator nextInLine(Line& line, std::uint32_t shard, std::uint64_t now_ns) {
    if (now_ns - line.front()->since_ns > kPassedOverNs) return line.begin();
    auto same = std::find_if(line.begin(), line.end(), [&](const auto& waiter) { return waiter->shard == shard; });
    return same == line.end() ? line.begin() : same;
}

}  // namespace howdah::pool
