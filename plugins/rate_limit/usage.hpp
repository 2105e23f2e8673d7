// How much of one limit is used, and what is left of it: a token bucket for seconds, a window of the calendar (UTC) for
// hours and days. Time is passed in, in nanoseconds since 1970.
//
// A clock that is set back gives nothing back: a bucket goes on from the new time, a window does not begin again.
//
// Threads: none of its own; the ledger's lock guards it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "plugins/rate_limit/limits.hpp"

namespace howdah::rate_limit {

inline constexpr std::int64_t kSecond_ns = 1'000'000'000;
inline constexpr std::int64_t kHour_ns = 3600 * kSecond_ns;
inline constexpr std::int64_t kDay_ns = 24 * kHour_ns;
inline constexpr std::int64_t kNever = INT64_MAX;

inline std::int64_t lengthOf(Period period) {
    return period == Period::second ? kSecond_ns : period == Period::hour ? kHour_ns : kDay_ns;
}

class Usage {
public:
    // Brings it up to date: what has drained is drained, a window that is over is forgotten.
    void advance(const Rate& rate, std::int64_t now_ns) {
        if (rate.period == Period::second) {
            if (now_ns > since_ns_) used_ = std::max(0.0, used_ - drained(rate, now_ns - since_ns_));
            since_ns_ = now_ns;
            ends_ns_ = now_ns + nsFor(rate, used_);
            return;
        }
        const std::int64_t length = lengthOf(rate.period);
        const std::int64_t window = now_ns - now_ns % length;
        const bool set_back = window < since_ns_ && since_ns_ - window <= length;
        if (window == since_ns_ || set_back) return;
        used_ = 0;
        since_ns_ = window;
        ends_ns_ = window + length;
    }

    // --- all of these after advance()
    double used() const { return used_; }
    double left(const Rate& rate) const { return std::max(0.0, rate.burst - used_); }
    bool hasRoom(const Rate& rate, double amount) const { return used_ + amount <= rate.burst + kRounding; }
    // A negative amount gives back. More than there is room for is taken, too: it has been used.
    void take(const Rate& rate, double amount) {
        used_ = std::max(0.0, used_ + amount);
        if (rate.period == Period::second) ends_ns_ = since_ns_ + nsFor(rate, used_);
    }
    // When the amount will be there; kNever when it is more than there can be.
    std::int64_t roomAt(const Rate& rate, double amount) const {
        if (amount > rate.burst) return kNever;
        if (hasRoom(rate, amount)) return since_ns_;
        return rate.period == Period::second ? since_ns_ + nsFor(rate, used_ + amount - rate.burst) : ends_ns_;
    }
    // When nothing of it is left to remember.
    std::int64_t endsAt() const { return ends_ns_; }
    bool isOver(std::int64_t now_ns) const { return used_ <= 0 || ends_ns_ <= now_ns; }

    // --- for the file
    std::int64_t since() const { return since_ns_; }
    static Usage ofWindow(Period period, std::int64_t since_ns, double used) {
        Usage usage;
        usage.used_ = used;
        usage.since_ns_ = since_ns;
        usage.ends_ns_ = since_ns + lengthOf(period);
        return usage;
    }

private:
    static constexpr double kRounding = 1e-6;  // of one token, so that a third of a second three times is a second

    static double drained(const Rate& rate, std::int64_t elapsed_ns) {
        return rate.amount * static_cast<double>(elapsed_ns) / static_cast<double>(kSecond_ns);
    }
    static std::int64_t nsFor(const Rate& rate, double amount) {
        return static_cast<std::int64_t>(std::ceil(amount / rate.amount * static_cast<double>(kSecond_ns)));
    }

    double used_ = 0;
    std::int64_t since_ns_ = 0;  // of a bucket: `used_` holds for this moment; of a window: its beginning
    std::int64_t ends_ns_ = 0;
};

}  // namespace howdah::rate_limit
