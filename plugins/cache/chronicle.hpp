// What one instance knows of the order of things: which write reached what last, and when ticks of the shared store
// were given out. By both it can tell whether an answer that another instance has read is still good, and how old it
// is.
//
// Writes have the numbers that they take from the shared counter. Ticks are numbers of another counter, which each
// instance takes one of now and then: an answer carries one that was given out before it was read, so it was read after
// any smaller tick that this instance has taken itself, and when that was it knows by its own clock. No clocks of two
// machines are compared; what is not known makes an answer too old.
//
// Threads: one, or under its owner's lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "plugins/cache/clock.hpp"
#include "plugins/cache/entry.hpp"

namespace howdah::cache {

class Chronicle {
public:
    // Answers are given out for that long at most.
    explicit Chronicle(std::uint64_t span_ns) : span_ns_(span_ns) {}

    // --- writes
    void forgetWrites() { last_.assign(last_.size(), 0); }
    void noteWrite(std::uint64_t number, std::span<const std::uint32_t> slots);
    // By a write with a greater number.
    bool isWrittenSince(std::uint64_t number, std::span<const Footing> footings) const;

    // --- ticks
    bool wantsTick(std::uint64_t now_ns) const {
        return ticks_.empty() || now_ns >= ticks_.back().asked_ns + std::min(step_ns(), kOften_ns);
    }
    void noteTick(std::uint64_t tick, std::uint64_t asked_ns);
    void forgetTicks() { ticks_.clear(); }
    // The last one; 0: none.
    std::uint64_t tick() const { return ticks_.empty() ? 0 : ticks_.back().number; }
    // When that tick had not been given out yet, as late as is known.
    std::optional<std::uint64_t> before(std::uint64_t tick) const;

private:
    static constexpr std::uint64_t kSteps = 256;           // an answer seems older than it is by two of them at most
    static constexpr std::uint64_t kOften_ns = 500 * kMs;  // so that what was just read is of use at once
    static constexpr std::size_t kDense = 64;              // of the last ones each is kept; before, one for a step
    std::uint64_t step_ns() const { return span_ns_ / kSteps; }

    struct Tick {
        std::uint64_t number = 0;
        std::uint64_t asked_ns = 0;
    };
    const std::uint64_t span_ns_;
    std::deque<Tick> ticks_;           // both ascend
    std::vector<std::uint64_t> last_;  // by slot; empty until there is a write
};

}  // namespace howdah::cache
