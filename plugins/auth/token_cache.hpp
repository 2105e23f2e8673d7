// Tokens that were verified, by their digest, so that the next request with one costs a look-up. An entry is good until
// its token expires and as long as the key set it was verified with is the one in force.
//
// Threads: any; the lock is held for a look-up only.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "encoding.hpp"
#include "identity.hpp"

namespace howdah::auth {

class TokenCache {
public:
    using Time = std::chrono::system_clock::time_point;
    explicit TokenCache(std::size_t entries_max) : entries_max_(entries_max) {}

    std::shared_ptr<const Identity> find(const Digest& token, std::uint64_t keys_version, Time now) {
        std::lock_guard lock(mutex_);
        auto found = entries_.find(token);
        if (found == entries_.end()) return nullptr;
        auto entry = found->second;
        if (entry->keys_version != keys_version || now >= entry->identity->expires) {
            order_.erase(entry);
            entries_.erase(found);
            return nullptr;
        }
        order_.splice(order_.begin(), order_, entry);
        return entry->identity;
    }

    void insert(const Digest& token, std::uint64_t keys_version, std::shared_ptr<const Identity> identity) {
        if (entries_max_ == 0) return;
        std::lock_guard lock(mutex_);
        if (auto found = entries_.find(token); found != entries_.end()) {
            order_.erase(found->second);
            entries_.erase(found);
        }
        if (entries_.size() >= entries_max_) {
            entries_.erase(order_.back().token);
            order_.pop_back();
        }
        order_.push_front({token, keys_version, std::move(identity)});
        entries_.emplace(token, order_.begin());
    }

    std::size_t entryCount() const {
        std::lock_guard lock(mutex_);
        return entries_.size();
    }

private:
    struct Entry {
        Digest token;
        std::uint64_t keys_version;
        std::shared_ptr<const Identity> identity;
    };
    const std::size_t entries_max_;
    mutable std::mutex mutex_;
    std::list<Entry> order_;  // used last at the end
    std::unordered_map<Digest, std::list<Entry>::iterator, DigestHash> entries_;
};

}  // namespace howdah::auth
