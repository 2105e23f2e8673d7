// The hours that are kept, each with its cells: bounded in hours, in cells of each, and in memory. Where memory is
// short the oldest hour is told in less detail first; its sums stay.
//
// Threads: plain values.
// Owns:    its cells, and one copy of each pattern they name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

#include "plugins/analytics/cells.hpp"
#include "plugins/analytics/config.hpp"

namespace howdah::analytics {

using Hour = std::uint32_t;  // since 1970

class History {
public:
    explicit History(const Config& config);

    void merge(Hour hour, const Cells& cells);
    void merge(const History& other);
    void merge(Hour hour, Key key, const Tally& tally);

    // Forgets what is older than retention_hours, and keeps within memory_bytes_max.
    void keepWithin(Hour now);

    const std::map<Hour, Cells>& hours() const { return hours_; }
    bool empty() const { return hours_.empty(); }
    std::size_t bytes() const;
    std::size_t patternCount() const { return patterns_.size(); }

private:
    const PatternPtr& shared(const PatternPtr& pattern);
    void forgetPatterns();

    std::uint32_t retention_hours_;
    std::size_t memory_bytes_max_;
    CellLimits limits_;
    std::map<Hour, Cells> hours_;
    std::unordered_map<std::uint64_t, PatternPtr> patterns_;  // by id
};

}  // namespace howdah::analytics
