// How long nobody tries to connect after it has failed: twice as long each time, with jitter, so that many instances do
// not come back at once. Meanwhile callers are refused at once. Attempts that were under way together and fail are one
// failure: how many callers there were says nothing of the server.
//
// Threads: any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <random>

namespace howdah::redis {

class Backoff {
public:
    static constexpr std::uint64_t kFirst_ns = 100'000'000;
    static constexpr std::uint64_t kLongest_ns = 5'000'000'000;

    explicit Backoff(std::uint64_t seed) : random_(static_cast<std::minstd_rand::result_type>(seed)) {}

    struct Turn {
        std::uint64_t wait_ns = 0;  // 0: try now, and tell how it ended
        std::uint64_t step = 0;     // which attempts were under way together
    };
    // While it fails, one attempt at a time is let through.
    Turn next(std::uint64_t now_ns) {
        const std::lock_guard lock(mutex_);
        if (failures_ == 0) return {0, step_};
        if (now_ns < next_ns_) return {next_ns_ - now_ns, step_};
        next_ns_ = now_ns + kLongest_ns;  // until this attempt has ended
        return {0, step_};
    }
    void succeeded() {
        const std::lock_guard lock(mutex_);
        failures_ = 0;
        ++step_;
    }
    void failed(const Turn& turn, std::uint64_t now_ns) {
        const std::lock_guard lock(mutex_);
        if (turn.step != step_) return;  // one that began with it has told already
        ++step_;
        const std::uint64_t longest = std::min(kLongest_ns, kFirst_ns << std::min(failures_, 16U));
        ++failures_;
        next_ns_ = now_ns + std::uniform_int_distribution<std::uint64_t>(longest / 2, longest)(random_);
    }
    unsigned failures() const {
        const std::lock_guard lock(mutex_);
        return failures_;
    }

private:
    mutable std::mutex mutex_;
    std::minstd_rand random_;
    unsigned failures_ = 0;   // in a row
    std::uint64_t step_ = 0;  // grows with each end that counts
    std::uint64_t next_ns_ = 0;
};

}  // namespace howdah::redis
