// PrincipalCount: how many requests each principal has in flight, so that one of them cannot take them all.
//
// Threads: any; the lock is held for a look-up only.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

#include <howdah/result.hpp>

#include "kernel/pipeline/request.hpp"

namespace howdah::kernel {

class PrincipalCount {
public:
    // One request, counted until it is destroyed.
    class Entry {
    public:
        Entry() = default;
        ~Entry() {
            if (count_) count_->leave(key_);
        }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

    private:
        friend class PrincipalCount;
        PrincipalCount* count_ = nullptr;
        std::string key_;
    };

    // False when that subject of that tenant has so many already.
    bool enter(Entry& entry, const Principal& principal, std::size_t most) {
        // The length first: no other subject and tenant make the same text.
        entry.key_ = concat(principal.subject.size(), ' ', principal.subject, principal.tenant);
        std::lock_guard lock(mutex_);
        std::size_t& in_flight = in_flight_[entry.key_];
        if (in_flight >= most) return false;  // so it is not 0: no entry is left behind
        ++in_flight;
        entry.count_ = this;
        return true;
    }
    // Of principals that have any.
    std::size_t size() const {
        std::lock_guard lock(mutex_);
        return in_flight_.size();
    }

private:
    void leave(const std::string& key) {
        std::lock_guard lock(mutex_);
        const auto found = in_flight_.find(key);
        if (--found->second == 0) in_flight_.erase(found);
    }

    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::size_t> in_flight_;
};

}  // namespace howdah::kernel
