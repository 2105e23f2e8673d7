// The steady clock as a number, for what is kept in an atomic.
//
// Threads: pure functions, any.
#pragma once

#include <chrono>
#include <cstdint>

namespace howdah::kernel {

inline std::int64_t inNs(std::chrono::nanoseconds duration) {
    return duration.count();
}
inline std::int64_t steadyNs() {
    return inNs(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace howdah::kernel
