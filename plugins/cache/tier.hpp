// Entries in memory within a budget. A scan does not push out what is used: a newcomer waits in a small window, and
// takes the place of an older entry only if it was asked for more often.
//
// Threads: one, or under its owner's lock.
// Owns:    a share of each entry in it.
// Source:  W-TinyLFU: Einziger, Friedman, Manes, ACM TOS 13(4), 2017; the main part is a segmented LRU.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/cache/entry.hpp"
#include "plugins/cache/sketch.hpp"

namespace howdah::cache {

struct Budget {
    std::size_t entries = 0;
    std::size_t bytes = 0;
};

class Tier {
public:
    explicit Tier(Budget budget);

    // The entry with that key, or null; either way the key has been asked for once more. Borrowed until the tier
    // changes.
    const EntryPtr* find(std::uint64_t hash, std::string_view key);

    // What had to leave for it is added to `left`; that may be the entry itself.
    void insert(EntryPtr entry, std::vector<EntryPtr>& left);
    void erase(std::uint64_t hash, std::string_view key);

    std::size_t entryCount() const { return items_.size(); }
    std::size_t byteCount() const { return window_.bytes + probation_.bytes + guarded_.bytes; }

    template <typename Visit>
    void forEach(Visit visit) const {
        for (const Region* region : {&guarded_, &probation_, &window_})
            for (const Item& item : region->items)
                visit(item.entry);
    }

private:
    struct Region;
    struct Item {
        EntryPtr entry;
        Region* region;
    };
    using Place = std::list<Item>::iterator;
    struct Region {
        Budget budget;
        std::list<Item> items;  // the last used first
        std::size_t bytes = 0;
        bool isOver() const { return items.size() > budget.entries || bytes > budget.bytes; }
    };
    struct Name {
        std::uint64_t hash;
        std::string_view key;  // the entry's own
        bool operator==(const Name&) const = default;
    };
    struct NameHash {
        std::size_t operator()(const Name& name) const { return name.hash; }
    };

    static Name nameOf(const Entry& entry) { return {entry.hash(), entry.key()}; }
    static void move(Place place, Region& to);
    void remove(Place place);
    void remove(Place place, std::vector<EntryPtr>& left);
    void promote(Place place);
    void shrinkWindow(std::vector<EntryPtr>& left);
    void contest(Place candidate, std::vector<EntryPtr>& left);
    bool mainTakes(const Entry& entry) const;
    std::optional<Place> victim();

    Budget budget_;
    Budget main_;  // what the window leaves
    Sketch sketch_;
    Region window_;     // newcomers
    Region probation_;  // of the main part: used once there
    Region guarded_;    // used again
    std::unordered_map<Name, Place, NameHash> items_;
};

}  // namespace howdah::cache
