// The time an entry ages by: it goes on while the machine sleeps, and nobody sets it.
//
// Threads: any.
// Source:  clock_gettime(2), CLOCK_BOOTTIME.
#pragma once

#include <cstdint>

#include <time.h>

namespace howdah::cache {

inline constexpr std::uint64_t kMs = 1'000'000;  // nanoseconds

inline std::uint64_t bootNs() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace howdah::cache
