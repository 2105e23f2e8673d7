// Tallies by pattern and names, bounded in number. What has no room gives up what tells it apart, step by step: its
// client and principal, then its pattern, then all names. So sums stay exact, whatever is thrown at them, and those
// that took the most time are told apart the longest.
//
// Threads: one at a time.
// Owns:    its tallies; patterns are shared.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/analytics/hash.hpp"
#include "plugins/analytics/names.hpp"
#include "plugins/analytics/pattern.hpp"
#include "plugins/analytics/tally.hpp"

namespace howdah::analytics {

struct Key {
    PatternPtr pattern;
    Names names;
};

struct CellLimits {
    std::size_t cells_max;    // at least 1
    std::size_t clients_max;  // names of clients kept apart
};

class Cells {
    struct KeyView {
        const Pattern* pattern;
        NameViews names;
    };
    static KeyView viewOf(const Key& key) { return {key.pattern.get(), viewsOf(key.names)}; }
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const KeyView& key) const {
            std::uint64_t hash = key.pattern->id;
            for (const std::string_view name : key.names.texts)
                hash = SecretHash::ofProcess()(name, hash);
            return hash;
        }
        std::size_t operator()(const Key& key) const { return (*this)(viewOf(key)); }
    };
    struct Equal {
        using is_transparent = void;
        bool operator()(const KeyView& a, const KeyView& b) const {
            return a.pattern->id == b.pattern->id && a.names == b.names;
        }
        bool operator()(const Key& a, const KeyView& b) const {  // of every query that is counted: no views are made
            return a.pattern->id == b.pattern->id &&
                   std::equal(a.names.texts.begin(), a.names.texts.end(), b.names.texts.begin());
        }
        bool operator()(const KeyView& a, const Key& b) const { return (*this)(b, a); }
        bool operator()(const Key& a, const Key& b) const { return (*this)(viewOf(a), viewOf(b)); }
    };

public:
    using Table = std::unordered_map<Key, Tally, Hash, Equal>;

    explicit Cells(CellLimits limits) : limits_(limits) {}

    void add(const PatternPtr& pattern, const NameViews& names, const Sample& sample);
    void merge(Key key, const Tally& tally);
    // Gives up what weighs least until there are no more than that; at least 1.
    void shrinkTo(std::size_t cells);

    const Table& table() const { return table_; }
    std::size_t size() const { return table_.size(); }
    bool empty() const { return table_.empty(); }
    std::size_t bytes() const;  // about what it takes, without the patterns

private:
    Tally& fresh(Key key);
    void keepWithin();
    void foldClients();
    bool othersAreFew() const;
    std::vector<Key> lightest(std::size_t count, bool spare_others) const;
    std::optional<Key> fold(const Key& key);  // its new place, if nobody was there

    CellLimits limits_;
    Table table_;
    std::unordered_map<std::string, std::uint64_t> clients_;  // a name and how many cells have it
    mutable std::size_t bytes_ = 0;                           // 0 = not counted since the last change
};

}  // namespace howdah::analytics
