// Pieces of work handed to the kernel's workers. A token is looked up once, so each is run or dropped exactly once.
//
// Threads: any.
// Owns:    each piece from hand-over until it has run or was dropped.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <howdah/host.hpp>

namespace howdah::multi_tenant {

class Jobs {
public:
    explicit Jobs(const Host& host) : host_(host) {}

    // Runs it on a worker and waits. After TIMEOUT or CANCELLED it still runs: what it names must be shared with it.
    Result<void> run(const Context& context, std::function<void()> work) {
        return context.check(
            host_.offload().run(context.raw(), keep(std::move(work)), HOWDAH_OFFLOAD_BLOCKING, context.deadlineNs()));
    }
    // The same without waiting; false when no worker will run it.
    bool start(std::function<void()> work) {
        const std::uint64_t token = keep(std::move(work));
        if (host_.offload().start(host_.raw(), token, HOWDAH_OFFLOAD_BLOCKING) >= 0) return true;
        drop(token);
        return false;
    }

    // The kernel's calls.
    void doWork(std::uint64_t token) {
        if (const auto work = take(token)) work();
    }
    void drop(std::uint64_t token) { (void)take(token); }

private:
    std::uint64_t keep(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        jobs_.emplace(++last_token_, std::move(work));
        return last_token_;
    }
    std::function<void()> take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto found = jobs_.extract(token);
        return found.empty() ? nullptr : std::move(found.mapped());
    }

    const Host& host_;
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, std::function<void()>> jobs_;
};

}  // namespace howdah::multi_tenant
