// Deadline: a point on the steady clock at which a wait ends, or never.
//
// Threads: a value, any.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace howdah::kernel {

class Deadline {
public:
    using Clock = std::chrono::steady_clock;

    constexpr Deadline() = default;  // never
    explicit constexpr Deadline(Clock::time_point at) : at_(at) {}

    static constexpr Deadline never() { return Deadline(); }

    // Saturates: a duration too long for the clock means never, a negative one has already passed.
    static Deadline in(std::chrono::milliseconds duration) {
        auto now = Clock::now();
        auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - now);
        return duration < longest ? Deadline(now + duration) : never();
    }

    // The sooner of two.
    constexpr Deadline min(Deadline other) const { return other.at_ < at_ ? other : *this; }

    constexpr bool isNever() const { return at_ == Clock::time_point::max(); }
    bool passed() const { return !isNever() && Clock::now() >= at_; }

    // Not below 0; the largest int64 for never.
    std::int64_t remainingNs() const {
        if (isNever()) return std::numeric_limits<std::int64_t>::max();
        auto left = std::chrono::nanoseconds(at_ - Clock::now()).count();
        return left > 0 ? left : 0;
    }

    constexpr Clock::time_point at() const { return at_; }
    friend constexpr bool operator==(Deadline a, Deadline b) { return a.at_ == b.at_; }
    friend constexpr bool operator<(Deadline a, Deadline b) { return a.at_ < b.at_; }

private:
    Clock::time_point at_ = Clock::time_point::max();
};

}  // namespace howdah::kernel
