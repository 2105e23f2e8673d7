#include "plugins/cache/tier.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace howdah::cache {
namespace {

constexpr std::size_t kWindowShare = 20;  // one of so many; at least one entry
constexpr std::size_t kGuardedPercent = 80;

}  // namespace

Tier::Tier(Budget budget) : budget_(budget), sketch_(budget.entries) {
    window_.budget = {std::max<std::size_t>(budget.entries / kWindowShare, 1), budget.bytes / kWindowShare};
    main_ = {budget.entries - std::min(window_.budget.entries, budget.entries), budget.bytes - window_.budget.bytes};
    guarded_.budget = {main_.entries * kGuardedPercent / 100, main_.bytes / 100 * kGuardedPercent};
}

const EntryPtr* Tier::find(std::uint64_t hash, std::string_view key) {
    sketch_.add(hash);
    const auto found = items_.find({hash, key});
    if (found == items_.end()) return nullptr;
    promote(found->second);
    return &found->second->entry;
}

void Tier::move(Place place, Region& to) {
    Region& from = *place->region;
    from.bytes -= place->entry->size();
    to.bytes += place->entry->size();
    to.items.splice(to.items.begin(), from.items, place);
    place->region = &to;
}

void Tier::remove(Place place, std::vector<EntryPtr>& left) {
    left.push_back(place->entry);
    remove(place);
}

void Tier::remove(Place place) {
    items_.erase(nameOf(*place->entry));
    Region& region = *place->region;
    region.bytes -= place->entry->size();
    region.items.erase(place);
}

void Tier::promote(Place place) {
    if (place->region != &probation_) return move(place, *place->region);
    move(place, guarded_);
    while (guarded_.isOver() && guarded_.items.size() > 1)
        move(std::prev(guarded_.items.end()), probation_);
}

void Tier::insert(EntryPtr entry, std::vector<EntryPtr>& left) {
    erase(entry->hash(), entry->key());
    if (budget_.entries == 0 || entry->size() > budget_.bytes) {
        left.push_back(std::move(entry));
        return;
    }
    window_.items.push_front({std::move(entry), &window_});
    const Place place = window_.items.begin();
    window_.bytes += place->entry->size();
    items_.emplace(nameOf(*place->entry), place);
    shrinkWindow(left);
    // An entry larger than the whole window takes the room of others.
    while (byteCount() > budget_.bytes) {
        const auto last = victim();
        if (!last) break;
        remove(*last, left);
    }
}

void Tier::shrinkWindow(std::vector<EntryPtr>& left) {
    while (window_.isOver() && window_.items.size() > 1)
        contest(std::prev(window_.items.end()), left);
}

bool Tier::mainTakes(const Entry& entry) const {
    return probation_.items.size() + guarded_.items.size() < main_.entries &&
           probation_.bytes + guarded_.bytes + entry.size() <= main_.bytes;
}

// Whose turn it is to leave the main part; none when that is empty.
std::optional<Tier::Place> Tier::victim() {
    for (Region* region : {&probation_, &guarded_})
        if (!region->items.empty()) return std::prev(region->items.end());
    return std::nullopt;
}

// The candidate has to be asked for more often than each of those that would leave for it.
void Tier::contest(Place candidate, std::vector<EntryPtr>& left) {
    const unsigned wanted = sketch_.estimate(candidate->entry->hash());
    while (!mainTakes(*candidate->entry)) {
        const auto last = victim();
        if (!last || sketch_.estimate((*last)->entry->hash()) >= wanted) return remove(candidate, left);
        remove(*last, left);
    }
    move(candidate, probation_);
}

void Tier::erase(std::uint64_t hash, std::string_view key) {
    const auto found = items_.find({hash, key});
    if (found != items_.end()) remove(found->second);
}

}  // namespace howdah::cache
