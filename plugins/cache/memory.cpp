#include "plugins/cache/memory.hpp"

#include <utility>

namespace howdah::cache {

Memory::Memory(const Ledger& ledger, Budget l1, Budget l2, std::size_t shards) : ledger_(ledger) {
    for (std::size_t i = 0; i < shards; ++i)
        shards_.push_back(std::make_unique<Shard>(l1));
    for (auto& segment : segments_)
        segment = std::make_unique<Segment>(Budget{(l2.entries + kSegments - 1) / kSegments, l2.bytes / kSegments});
}

bool Memory::holds(const Entry& entry, std::uint64_t now_ns, Counters& counters) const {
    if (!entry.life().lasts(now_ns)) return ++counters.expired, false;
    if (!ledger_.stands(entry.footings())) return ++counters.outdated, false;
    return true;
}

const Entry* Memory::find(std::size_t shard, std::uint64_t hash, std::string_view key, std::uint64_t now_ns,
                          Counters& counters) {
    Shard& own = *shards_[shard];
    if (const EntryPtr* near = own.tier.find(hash, key)) {
        if (holds(**near, now_ns, counters)) {
            (*near)->noteUse();
            return ++counters.hits_l1, near->get();
        }
        own.tier.erase(hash, key);
    }
    {
        Segment& segment = segmentOf(hash);
        const std::lock_guard lock(segment.mutex);
        const EntryPtr* far = segment.tier.find(hash, key);
        if (!far) return nullptr;
        if (!holds(**far, now_ns, counters)) return segment.tier.erase(hash, key), nullptr;
        own.lent = *far;
    }
    ++counters.hits_l2;
    own.lent->noteUse();
    keepNear(own, own.lent);
    return own.lent.get();
}

void Memory::keepNear(Shard& shard, EntryPtr entry) {
    std::vector<EntryPtr> left;  // the shared level has them, or has let them go
    shard.tier.insert(std::move(entry), left);
    shard.entries.store(shard.tier.entryCount(), std::memory_order_relaxed);
    shard.bytes.store(shard.tier.byteCount(), std::memory_order_relaxed);
}

std::vector<EntryPtr> Memory::store(std::size_t shard, EntryPtr entry) {
    std::vector<EntryPtr> left;
    {
        Segment& segment = segmentOf(entry->hash());
        const std::lock_guard lock(segment.mutex);
        segment.tier.insert(entry, left);
    }
    Shard& own = *shards_[shard];
    own.lent = entry;
    keepNear(own, std::move(entry));
    return left;
}

const Entry& Memory::lend(std::size_t shard, EntryPtr entry) {
    shards_[shard]->lent = std::move(entry);
    return *shards_[shard]->lent;
}

Memory::Load Memory::l1() const {
    Load load;
    for (const auto& shard : shards_) {
        load.entries += shard->entries.load(std::memory_order_relaxed);
        load.bytes += shard->bytes.load(std::memory_order_relaxed);
    }
    return load;
}

Memory::Load Memory::l2() const {
    Load load;
    for (const auto& segment : segments_) {
        const std::lock_guard lock(segment->mutex);
        load.entries += segment->tier.entryCount();
        load.bytes += segment->tier.byteCount();
    }
    return load;
}

std::vector<EntryPtr> Memory::all() const {
    std::vector<EntryPtr> entries;
    for (const auto& segment : segments_) {
        const std::lock_guard lock(segment->mutex);
        segment->tier.forEach([&](const EntryPtr& entry) { entries.push_back(entry); });
    }
    return entries;
}

}  // namespace howdah::cache
