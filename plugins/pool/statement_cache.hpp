// The statements prepared on one connection: text and parameter types to the server's name, least recently used out
// first. An entry counts once the server has said that its PREPARE is done.
//
// Threads: the connection's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace howdah::pool {

class StatementCache {
public:
    explicit StatementCache(std::size_t entries_max) : entries_max_(entries_max) {}

    // The name of a prepared statement with that key, now the most recently used; null if there is none.
    const std::string* find(std::string_view key) {
        auto found = by_key_.find(key);
        if (found == by_key_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return &found->second->name;
    }

    // True from the second time on that a text is met (as long as it is remembered): a text that comes once is run
    // unnamed, since naming it would cost a PREPARE now and a DEALLOCATE later.
    bool metBefore(std::string_view key) {
        std::uint64_t hash = std::hash<std::string_view>{}(key) | 1;  // 0 marks an empty place
        std::uint64_t& place = met_[hash / 2 % met_.size()];
        return std::exchange(place, hash) == hash;
    }

    // A name never used before on this connection.
    std::string newName() { return "h" + std::to_string(++names_made_); }

    // What must be deallocated to make room for one more; empty while there is room. Forgets it at once: whether
    // or not the DEALLOCATE arrives, the name is not used again.
    std::string evictForOne() {
        if (entries_.size() < entries_max_ || entries_.empty()) return {};
        std::string name = std::move(entries_.back().name);
        by_key_.erase(entries_.back().key);
        entries_.pop_back();
        return name;
    }

    void add(std::string_view key, std::string name) {
        remove(key);  // a text that stood twice in one round trip was prepared twice
        entries_.push_front({std::string(key), std::move(name)});
        by_key_[entries_.front().key] = entries_.begin();
    }

    // Forgets one entry and gives its name, which the server may still hold.
    std::string remove(std::string_view key) {
        auto found = by_key_.find(key);
        if (found == by_key_.end()) return {};
        auto entry = found->second;
        by_key_.erase(found);
        std::string name = std::move(entry->name);
        entries_.erase(entry);
        return name;
    }

    // The server has forgotten all of them (DEALLOCATE ALL, DISCARD ALL).
    void clear() {
        by_key_.clear();
        entries_.clear();
    }

    std::size_t entryCount() const { return entries_.size(); }
    std::size_t entriesMax() const { return entries_max_; }

private:
    struct Entry {
        std::string key;
        std::string name;
    };
    std::array<std::uint64_t, 512> met_{};  // hashes of texts met once, each in its place; a newer one takes it over
    std::size_t entries_max_;
    std::uint64_t names_made_ = 0;
    std::list<Entry> entries_;
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // views of Entry::key
};

}  // namespace howdah::pool
