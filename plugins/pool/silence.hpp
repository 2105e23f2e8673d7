// Tells an endpoint that stands still: a statement's time was over, the request to cancel it is not taken, and nothing
// else has been heard from there since that was sent. A server that works takes a cancel within milliseconds, however
// long its statements run; one that hangs keeps each caller for the whole of his time.
//
// Threads: none of its own; the owner's mutex guards it. Time is passed in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace howdah::pool {

class Silence {
public:
    static constexpr std::uint64_t kToldAfterNs = 750'000'000;  // at the earliest

    // True when it may be the begin of a silence.
    bool cancelSent(std::uint64_t now_ns) {
        if (since_ns_) return false;
        since_ns_ = now_ns;
        return true;
    }
    // A statement was answered, a cancel taken or refused.
    void heard() { since_ns_.reset(); }
    // A connection was made. That takes more round trips than a cancel does: a server that is far away has twice as
    // long.
    void connected(std::uint64_t took_ns) {
        told_after_ns_ = std::max(kToldAfterNs, 2 * took_ns);
        heard();
    }

    // When it is to be told unless something is heard until then.
    std::optional<std::uint64_t> dueNs() const {
        return since_ns_ ? std::optional(*since_ns_ + told_after_ns_) : std::nullopt;
    }
    // True once for each silence.
    bool isToBeTold(std::uint64_t now_ns) {
        if (!since_ns_ || now_ns < *since_ns_ + told_after_ns_) return false;
        since_ns_.reset();
        return true;
    }

private:
    std::optional<std::uint64_t> since_ns_;
    std::uint64_t told_after_ns_ = kToldAfterNs;
};

}  // namespace howdah::pool
