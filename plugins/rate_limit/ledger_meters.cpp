// The ledger's meters: found, made, forgotten, shown, written down and read again.
#include <algorithm>
#include <utility>

#include "plugins/rate_limit/ledger.hpp"

namespace howdah::rate_limit {
namespace {

// After it has been looked for room in vain: all meters are looked at for it.
constexpr std::int64_t kLookForRoomEvery_ns = kSecond_ns;
constexpr std::size_t kMetersAtOnce = 512;

}  // namespace

Meter* Ledger::findOrMake(const Key& key, std::int64_t now_ns) {
    if (const auto found = index_.find(key); found != index_.end()) return found->second;
    if (index_.size() >= keys_max_ && !makeRoom(now_ns)) return nullptr;
    std::optional<Meter>* place = nullptr;
    if (free_.empty()) {
        place = &meters_.emplace_back();
    } else {
        place = &meters_[free_.back()];
        free_.pop_back();
    }
    Meter& meter = place->emplace(key);
    index_.emplace(meter.key(), &meter);
    return &meter;
}

bool Ledger::makeRoom(std::int64_t now_ns) {
    if (now_ns >= room_looked_ns_ && now_ns - room_looked_ns_ < kLookForRoomEvery_ns) return false;
    room_looked_ns_ = now_ns;
    for (std::size_t i = 0; i < meters_.size(); ++i) {
        if (!meters_[i] || !meters_[i]->isIdle(now_ns)) continue;
        index_.erase(meters_[i]->key());
        meters_[i].reset();
        free_.push_back(i);
    }
    return index_.size() < keys_max_;
}

Ledger::Standing Ledger::standing(const Applied& applied, std::int64_t now_ns) const {
    Standing standing;
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(applied.key);
    for (const Rate& rate : applied.limits->rates) {
        Usage usage = found == index_.end() ? Usage{} : found->second->usage(rate);
        usage.advance(rate, now_ns);
        standing.rates.push_back({usage.used(), usage.left(rate), std::max(usage.endsAt(), now_ns)});
    }
    if (found != index_.end()) standing.open = found->second->open;
    return standing;
}

Ledger::Totals Ledger::totals() const {
    const std::lock_guard lock(mutex_);
    Totals totals = totals_;
    totals.meters = index_.size();
    totals.open_calls = calls_.size();
    return totals;
}

// --- the file

bool Ledger::lines(std::size_t& from, std::int64_t now_ns, std::vector<Line>& out) const {
    const std::lock_guard lock(mutex_);
    const std::size_t to = std::min(meters_.size(), from + kMetersAtOnce);
    for (; from < to; ++from) {
        if (!meters_[from]) continue;
        const Meter& meter = *meters_[from];
        const Key key = meter.key();
        for (std::size_t m = 0; m < kMeasures; ++m) {
            for (const Period period : {Period::hour, Period::day}) {
                const auto measure = static_cast<Measure>(m);
                const Usage& usage = meter.usage(measure, period);
                if (usage.isOver(now_ns)) continue;
                out.push_back({key.scope, std::string(key.tenant), std::string(key.subject), std::string(key.part),
                               measure, period, usage.since(), usage.used()});
            }
        }
    }
    return from < meters_.size();
}

void Ledger::restore(const std::vector<Line>& lines, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    for (const Line& line : lines) {
        if (line.since_ns + lengthOf(line.period) <= now_ns) continue;
        Meter* meter = findOrMake({line.scope, line.tenant, line.subject, line.part}, now_ns);
        if (!meter) return;  // fewer may be kept than before
        meter->usage(line.measure, line.period) = Usage::ofWindow(line.period, line.since_ns, line.used);
    }
}

bool Ledger::takeChanged() {
    const std::lock_guard lock(mutex_);
    return std::exchange(changed_, false);
}

void Ledger::setChanged() {
    const std::lock_guard lock(mutex_);
    changed_ = true;
}

}  // namespace howdah::rate_limit
