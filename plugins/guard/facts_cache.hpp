// Judgements by exact text, refusals included, so that a statement is parsed once.
//
// Threads: any, at once; the locks are per part and are held for a lookup only.
// Owns:    the judgements; a found one lives as long as its holder keeps it.
// Errors:  none; a full cache drops what was used longest ago.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/guard/judgement.hpp"
#include "plugins/guard/tree.hpp"

namespace howdah::guard {

struct CacheLimits {
    std::size_t entries_max = 1024;           // 0..1048576, 0 turns the cache off
    std::size_t bytes_max = 8 * 1024 * 1024;  // texts and facts together
    std::size_t parts = 8;                    // 1 makes the order of eviction exact
};

class FactsCache {
public:
    explicit FactsCache(CacheLimits limits);
    ~FactsCache();

    // `generation` is the policy's and the catalog's: another one finds nothing of this.
    std::shared_ptr<const Judgement> find(std::string_view sql, Path path, std::uint64_t generation);
    std::shared_ptr<const Judgement> insert(std::string_view sql, Path path, std::uint64_t generation,
                                            Result<Facts> result, std::uint64_t fingerprint = 0);

    std::size_t entryCount() const;
    std::size_t byteCount() const;
    std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }
    std::uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }

private:
    class Part;
    Part& partOf(std::size_t hash) const;

    std::vector<std::unique_ptr<Part>> parts_;
    std::atomic<std::uint64_t> hits_{0};
    std::atomic<std::uint64_t> misses_{0};
};

}  // namespace howdah::guard
