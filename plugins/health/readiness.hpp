// Whether a database counts as reachable: at once when it answers, and no longer only after several probes in a row
// that failed, so that one lost packet takes no server out of its balancer.
//
// Threads: plain values.
#pragma once

#include <cstdint>

namespace howdah::health {

class Readiness {
public:
    explicit Readiness(unsigned unready_after, bool known_ready = false)
        : unready_after_(unready_after), ready_(known_ready), settled_(known_ready) {}

    // True when it has changed, or is known for the first time.
    bool note(bool answered) {
        failures_ = answered ? 0 : failures_ + 1;
        const bool now = answered || (ready_ && failures_ < unready_after_);
        const bool settles = !settled_ && (answered || failures_ >= unready_after_);
        settled_ = settled_ || settles;
        const bool changed = now != ready_ || settles;
        ready_ = now;
        return changed;
    }
    bool ready() const { return ready_; }
    bool settled() const { return settled_; }  // something was found out, since the start

private:
    unsigned unready_after_;
    unsigned failures_ = 0;
    bool ready_;
    bool settled_;
};

}  // namespace howdah::health
