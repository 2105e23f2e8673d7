#include "plugins/cache/chronicle.hpp"

#include <algorithm>
#include <iterator>

#include "plugins/cache/ledger.hpp"

namespace howdah::cache {

void Chronicle::noteWrite(std::uint64_t number, std::span<const std::uint32_t> slots) {
    last_.resize(Ledger::kSlots);
    for (const std::uint32_t slot : slots)
        last_[slot] = std::max(last_[slot], number);
}

bool Chronicle::isWrittenSince(std::uint64_t number, std::span<const Footing> footings) const {
    return !last_.empty() && std::any_of(footings.begin(), footings.end(),
                                         [&](const Footing& footing) { return last_[footing.slot] > number; });
}

// The last that is older than any answer may be is kept; those before it tell nothing more.
void Chronicle::noteTick(std::uint64_t tick, std::uint64_t asked_ns) {
    if (tick <= this->tick()) ticks_.clear();  // the counter has begun anew
    ticks_.push_back({tick, asked_ns});
    if (ticks_.size() > kDense + 2) {
        const auto next = ticks_.end() - kDense;
        if (next->asked_ns - std::prev(next, 2)->asked_ns <= step_ns()) ticks_.erase(std::prev(next));
    }
    while (ticks_.size() > 1 && ticks_[1].asked_ns + span_ns_ <= asked_ns)
        ticks_.pop_front();
}

std::optional<std::uint64_t> Chronicle::before(std::uint64_t tick) const {
    const auto later = std::upper_bound(ticks_.begin(), ticks_.end(), tick,
                                        [](std::uint64_t number, const Tick& own) { return number < own.number; });
    if (later == ticks_.begin()) return std::nullopt;
    return std::prev(later)->asked_ns;
}

}  // namespace howdah::cache
