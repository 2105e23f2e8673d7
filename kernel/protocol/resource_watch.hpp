// ResourceWatch: the resources one peer wants to hear of.
//
// Threads: any.
// Source:  MCP 2025-11-25 "Resources: Subscriptions", 2026-07-28 "Subscriptions".
#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace howdah::kernel {

class ResourceWatch {
public:
    static constexpr std::size_t kUrisMax = 1000;

    // False when there are as many as may be.
    bool add(std::string_view uri) {
        std::lock_guard lock(mutex_);
        if (uris_.size() >= kUrisMax && !uris_.contains(uri)) return false;
        uris_.emplace(uri);
        return true;
    }
    void remove(std::string_view uri) {
        std::lock_guard lock(mutex_);
        if (auto found = uris_.find(uri); found != uris_.end()) uris_.erase(found);
    }
    void replace(std::set<std::string, std::less<>> uris) {
        std::lock_guard lock(mutex_);
        uris_ = std::move(uris);
    }
    bool contains(std::string_view uri) const {
        std::lock_guard lock(mutex_);
        return uris_.contains(uri);
    }

private:
    mutable std::mutex mutex_;
    std::set<std::string, std::less<>> uris_;
};

}  // namespace howdah::kernel
