// Stops calling an endpoint that cannot be reached. After five failed attempts to connect in a row it opens: calls are
// refused at once and a prober alone tries, until it succeeds.
//
// Only attempts to connect count. A connection that breaks while it is used says that it was ended, not that the
// endpoint is gone; the attempt to replace it decides. Errors the server answers with (syntax, constraint) never count.
//
// Threads: none of its own; the owner's mutex guards it. Time is passed in.
#pragma once

#include <cstdint>

#include "config.hpp"

namespace howdah::pool {

class Breaker {
public:
    static constexpr std::uint32_t kFailuresToOpen = 5;
    static constexpr std::uint64_t kProbeEveryNs = 250'000'000;
    static constexpr std::uint64_t kProbeSlowNs = 2 * kSecondNs;  // after a minute, and for refused passwords
    static constexpr std::uint64_t kSlowAfterNs = 60 * kSecondNs;

    bool isOpen() const { return open_; }

    void succeeded() {
        failures_ = 0;
        open_ = false;
    }

    // One attempt failed. lasting: another try will end the same (password, unknown database), so it is probed slowly.
    // jitter is 0..1. True when this failure opened it.
    bool failed(std::uint64_t now_ns, bool lasting, double jitter) {
        ++failures_;
        bool opens = !open_ && failures_ >= kFailuresToOpen;
        if (opens) {
            open_ = true;
            opened_ns_ = now_ns;
        }
        bool slow = lasting || (open_ && now_ns - opened_ns_ >= kSlowAfterNs);
        auto every = static_cast<double>(slow ? kProbeSlowNs : kProbeEveryNs);
        next_probe_ns_ = now_ns + static_cast<std::uint64_t>(every * (0.75 + 0.5 * jitter));
        return opens;
    }

    // When the prober tries next; meaningful while open.
    std::uint64_t nextProbeNs() const { return next_probe_ns_; }

    // What a refused caller is told; at least 1.
    std::uint64_t retryAfterMs(std::uint64_t now_ns) const {
        return next_probe_ns_ > now_ns ? (next_probe_ns_ - now_ns) / 1'000'000 + 1 : 1;
    }

private:
    std::uint32_t failures_ = 0;
    bool open_ = false;
    std::uint64_t opened_ns_ = 0;
    std::uint64_t next_probe_ns_ = 0;
};

}  // namespace howdah::pool
