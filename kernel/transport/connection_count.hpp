// ConnectionCount: how many connections a server has, in all and from each address.
//
// Threads: any.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "kernel/runtime/deadline.hpp"

namespace howdah::kernel {

// What is known of a client before it has said anything.
struct HttpPeer {
    std::int64_t uid = -1;  // of the user at the other end of a Unix socket
    std::string address;    // that its connections are counted under: a network address; "" = not counted
};

class ConnectionCount {
public:
    enum class Entry : std::uint8_t { ok, full, address_full };

    Entry enter(const std::string& address, std::size_t connections_max, std::size_t per_address_max) {
        std::lock_guard lock(mutex_);
        if (count_ >= connections_max) return Entry::full;
        if (!address.empty()) {
            std::size_t& from_there = addresses_[address];
            if (from_there >= per_address_max) return Entry::address_full;
            ++from_there;
        }
        ++count_;
        return Entry::ok;
    }
    void left(const std::string& address) {
        std::lock_guard lock(mutex_);
        if (!address.empty()) {
            const auto found = addresses_.find(address);
            if (--found->second == 0) addresses_.erase(found);
        }
        if (--count_ == 0) none_.notify_all();
    }
    std::size_t value() const {
        std::lock_guard lock(mutex_);
        return count_;
    }
    bool waitForNone(Deadline deadline) {
        std::unique_lock lock(mutex_);
        auto none = [this] { return count_ == 0; };
        if (!deadline.isNever()) return none_.wait_until(lock, deadline.at(), none);
        none_.wait(lock, none);
        return true;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable none_;
    std::size_t count_ = 0;
    std::unordered_map<std::string, std::size_t> addresses_;  // no entry counts nothing, so at most count_ of them
};

}  // namespace howdah::kernel
