// How long a connection lives, and how sure one must be that it still does before it is lent.
//
// Threads: pure. Time is passed in.
#pragma once

#include <cstdint>

#include "config.hpp"

namespace howdah::pool {

// How sure a caller must be that a connection lives: what is repeatable is tried again when it does not, so one used
// within the last second is taken without a look. What was tried already asks the server, whatever it costs: a backend
// that was told to end (pg_terminate_backend) looks alive until it gets to run.
enum class Care : std::uint8_t { repeatable, once, tried };

// look: one system call says whether the server has closed it; ping: a round trip.
enum class Validation : std::uint8_t { none, look, ping };

inline constexpr std::uint64_t kTakenUnseenNs = kSecondNs;
inline constexpr std::uint64_t kPingAfterIdleNs = 30 * kSecondNs;

constexpr Validation validationOf(Care care, std::uint64_t idle_ns) {
    if (care == Care::repeatable && idle_ns < kTakenUnseenNs) return Validation::none;
    return care != Care::tried && idle_ns < kPingAfterIdleNs ? Validation::look : Validation::ping;
}

// When it is replaced: up to a tenth of its life earlier, so that connections made together do not all end together.
// jitter is 0..1.
constexpr std::uint64_t expiryNs(std::uint64_t now_ns, milliseconds lifetime, double jitter) {
    const double share = 1.0 - 0.1 * jitter;
    return now_ns + static_cast<std::uint64_t>(static_cast<double>(nanoseconds(lifetime)) * share);
}

}  // namespace howdah::pool
