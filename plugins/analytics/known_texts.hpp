// Which pattern a text has, by the text's hash alone. Two halves: what is asked for moves into the young one, and when
// that is full the old one is forgotten, so what is in use stays.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "plugins/analytics/pattern.hpp"

namespace howdah::analytics {

class KnownTexts {
public:
    explicit KnownTexts(std::size_t texts_max) : half_(texts_max / 2 + 1) {}

    // Null for a text that is not known. Valid until the next call.
    const PatternPtr* find(std::uint64_t text_hash) {
        if (const auto found = young_.find(text_hash); found != young_.end()) return &found->second;
        const auto found = old_.find(text_hash);
        if (found == old_.end()) return nullptr;
        return &keep(text_hash, found->second);
    }
    const PatternPtr& keep(std::uint64_t text_hash, PatternPtr pattern) {
        if (young_.size() >= half_) {
            old_ = std::move(young_);
            young_.clear();
        }
        return young_.insert_or_assign(text_hash, std::move(pattern)).first->second;
    }
    std::size_t size() const { return young_.size() + old_.size(); }

private:
    std::size_t half_;
    std::unordered_map<std::uint64_t, PatternPtr> young_, old_;
};

}  // namespace howdah::analytics
