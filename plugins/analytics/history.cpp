#include "plugins/analytics/history.hpp"

#include <algorithm>

namespace howdah::analytics {
namespace {

constexpr std::size_t kPatternBytes = sizeof(Pattern) + 64;  // with its place in the table and its count of users
constexpr std::size_t kShrinkStep = 4;                       // an hour loses a quarter of its cells at a time

}  // namespace

History::History(const Config& config)
    : retention_hours_(config.retention_hours),
      memory_bytes_max_(config.memory_bytes_max),
      limits_{config.cells_per_hour_max, config.clients_max} {}

void History::merge(Hour hour, Key key, const Tally& tally) {
    key.pattern = shared(key.pattern);
    hours_.try_emplace(hour, limits_).first->second.merge(std::move(key), tally);
}

void History::merge(Hour hour, const Cells& cells) {
    for (const auto& [key, tally] : cells.table())
        merge(hour, key, tally);
}

void History::merge(const History& other) {
    for (const auto& [hour, cells] : other.hours_)
        merge(hour, cells);
}

const PatternPtr& History::shared(const PatternPtr& pattern) {
    return patterns_.try_emplace(pattern->id, pattern).first->second;
}

void History::keepWithin(Hour now) {
    std::erase_if(hours_, [&](const auto& entry) {
        const std::uint64_t hour = entry.first;
        return hour + retention_hours_ <= now ||
               hour > std::uint64_t{now} + retention_hours_;  // of a clock that was wrong
    });
    forgetPatterns();
    std::size_t taken = bytes();
    for (auto& [hour, cells] : hours_) {
        while (taken > memory_bytes_max_ && cells.size() > 1) {
            cells.shrinkTo(cells.size() - std::max<std::size_t>(1, cells.size() / kShrinkStep));
            forgetPatterns();
            taken = bytes();
        }
    }
}

void History::forgetPatterns() {
    std::erase_if(patterns_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

std::size_t History::bytes() const {
    std::size_t sum = 0;
    for (const auto& [hour, cells] : hours_)
        sum += cells.bytes();
    for (const auto& [id, pattern] : patterns_)
        sum += kPatternBytes + pattern->text.capacity() + pattern->tenant.capacity();
    return sum;
}

}  // namespace howdah::analytics
