// Whether a failed statement is tried again, and after what pause.
//
// Tried again is what cannot have had an effect: nothing was sent, or it was a read whose transaction is always rolled
// back, or the server itself rolled a transaction of ours back (40001, 40P01). At most three tries, full jitter, never
// past the deadline; a budget of one retry in ten requests keeps retries from making an outage worse.
//
// Threads: RetryBudget any; the rest is pure.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include <howdah/result.hpp>

#include "config.hpp"

namespace howdah::pool {

// What is known about the effect of a statement that failed.
enum class Outcome {
    not_sent,        // nothing left this process
    sent_read,       // a read broke off; without effect whatever happened
    sent_write,      // a write broke off before COMMIT was sent; the server rolls it back
    commit_unknown,  // COMMIT was sent and no answer came
    rolled_back,     // the server gave up a transaction that may be repeated
    answered,        // the database said no, or the caller's time is over; repeating would change nothing
};

struct Failure {
    Error error;
    Outcome outcome = Outcome::answered;
    bool at_once = false;  // the cause is gone already (a connection that had been ended): no pause before the retry
    bool stale = false;    // a prepared statement no longer fits the schema, or the server has forgotten it
};

// An end: trying again would change nothing, or is not ours to do.
inline Failure final(Error error) {
    return {std::move(error), Outcome::answered};
}

class RetryBudget {
public:
    // capacity: retries that may come in one burst, for instance when every connection is ended at once.
    explicit RetryBudget(std::uint32_t capacity) : capacity_(capacity * kWhole), tokens_(capacity * kWhole) {}

    void noteRequest() {
        std::uint32_t seen = tokens_.load(std::memory_order_relaxed);
        if (seen < capacity_) tokens_.fetch_add(1, std::memory_order_relaxed);  // may pass it by a few; no harm
    }
    bool take() {
        std::uint32_t seen = tokens_.load(std::memory_order_relaxed);
        while (seen >= kWhole) {
            if (tokens_.compare_exchange_weak(seen, seen - kWhole, std::memory_order_relaxed)) return true;
        }
        return false;
    }

private:
    static constexpr std::uint32_t kWhole = 10;  // requests that earn one retry
    std::uint32_t capacity_;
    std::atomic<std::uint32_t> tokens_;
};

inline constexpr std::uint32_t kTriesMax = 3;
inline constexpr std::uint64_t kPauseBaseNs = 50'000'000;
inline constexpr std::uint64_t kPauseCapNs = kSecondNs;

inline bool mayRepeat(Outcome outcome) {
    return outcome == Outcome::not_sent || outcome == Outcome::sent_read || outcome == Outcome::rolled_back;
}

// The pause before the next try, or nothing if there is none. tries: made so far; jitter: 0..1.
inline std::optional<std::uint64_t> pauseBeforeRetry(const Failure& failure, std::uint32_t tries, std::uint64_t now_ns,
                                                     std::uint64_t deadline_ns, double jitter, RetryBudget& budget) {
    if (!mayRepeat(failure.outcome) || tries >= kTriesMax) return std::nullopt;
    std::uint64_t pause = 0;
    if (!failure.at_once || tries > 1) {
        std::uint64_t most = std::min(kPauseCapNs, kPauseBaseNs << tries);
        pause = static_cast<std::uint64_t>(static_cast<double>(most) * jitter);
    }
    if (now_ns >= deadline_ns || deadline_ns - now_ns <= pause) return std::nullopt;
    if (!budget.take()) return std::nullopt;
    return pause;
}

}  // namespace howdah::pool
