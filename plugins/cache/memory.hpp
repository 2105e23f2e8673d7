// The levels in memory: one of each shard's own, without a lock, and one that all share, in segments with a lock each.
//
// An entry of a shard's level is one of the shared level's too as long as both have room for it. What is out of date
// is found so when it is looked up, and goes.
//
// Threads: a shard's level its shard; the rest any. No lock is held across a host call.
// Owns:    a share of each entry.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "plugins/cache/counters.hpp"
#include "plugins/cache/ledger.hpp"
#include "plugins/cache/tier.hpp"

namespace howdah::cache {

class Memory {
public:
    Memory(const Ledger& ledger, Budget l1, Budget l2, std::size_t shards);

    // Valid until this shard looks up or stores the next one; null if there is none that still holds.
    const Entry* find(std::size_t shard, std::uint64_t hash, std::string_view key, std::uint64_t now_ns,
                      Counters& counters);
    // Gives what left the shared level for it.
    std::vector<EntryPtr> store(std::size_t shard, EntryPtr entry);
    // Keeps an entry from elsewhere as long as find() would.
    const Entry& lend(std::size_t shard, EntryPtr entry);

    struct Load {
        std::size_t entries = 0, bytes = 0;
    };
    Load l1() const;  // as each shard told when it last stored
    Load l2() const;
    std::vector<EntryPtr> all() const;  // of the shared level

private:
    static constexpr std::size_t kSegments = 16;
    struct alignas(128) Shard {
        explicit Shard(Budget budget) : tier(budget) {}
        Tier tier;
        EntryPtr lent;  // what was found elsewhere, until the next look
        std::atomic<std::size_t> entries{0}, bytes{0};
    };
    struct alignas(128) Segment {
        explicit Segment(Budget budget) : tier(budget) {}
        mutable std::mutex mutex;
        Tier tier;
    };

    bool holds(const Entry& entry, std::uint64_t now_ns, Counters& counters) const;
    void keepNear(Shard& shard, EntryPtr entry);
    Segment& segmentOf(std::uint64_t hash) const { return *segments_[hash >> 60]; }

    const Ledger& ledger_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::array<std::unique_ptr<Segment>, kSegments> segments_;
};

}  // namespace howdah::cache
