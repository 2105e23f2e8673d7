// What has happened, for cache_stats: one set for each shard, so that a hit writes to no line another shard writes to.
//
// Threads: each set is written by its shard and read by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace howdah::cache {

class Counter {
public:
    // One writer: no locked instruction is needed.
    void operator+=(std::uint64_t more) {
        value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }
    void operator++() { *this += 1; }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

struct alignas(128) Counters {
    Counter hits_l1, hits_l2, hits_l3;
    Counter hits_commons;  // from what another instance has read
    Counter hits_shared;   // from a read that another call had begun
    Counter hits_errors;   // of all of these
    Counter misses;
    Counter stored, stored_errors;
    // Reads that were not looked up.
    Counter not_cacheable, moments, flagged, switched_off, unleased;
    // Answers that were not kept.
    Counter written_meanwhile, too_large, failed;
    Counter waits_late;
    Counter outdated, expired;  // met while looking up
    Counter writes, writes_of_databases, writes_unsettled;
    Counter saved_ns;  // of the database, by hits
};

inline std::uint64_t sumOf(const std::vector<Counters>& shards, Counter Counters::* which) {
    std::uint64_t sum = 0;
    for (const Counters& shard : shards)
        sum += (shard.*which).value();
    return sum;
}

inline std::uint64_t hitsOf(const std::vector<Counters>& shards) {
    std::uint64_t sum = 0;
    for (Counter Counters::* which :
         {&Counters::hits_l1, &Counters::hits_l2, &Counters::hits_l3, &Counters::hits_commons, &Counters::hits_shared})
        sum += sumOf(shards, which);
    return sum;
}

}  // namespace howdah::cache
