// Work that recurses by the size of a text, on a thread with a large stack. Who waits for it may give up first, so what
// it works on must be owned by the function itself.
//
// Threads: any.
// Owns:    each piece of work until it has run or nobody waits for it any more.
#pragma once

#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <howdah/plugin.hpp>

namespace howdah::guard {

class LargeStack {
public:
    using Work = std::function<void()>;

    // The error where it has not come to its end, whether it was begun or not.
    Result<void> run(const Context& context, Work work) {
        std::uint64_t token = 0;
        {
            const std::lock_guard lock(mutex_);
            token = ++last_token_;
            waiting_.emplace(token, std::move(work));
        }
        const howdah_status status =
            context.host().offload().run(context.raw(), token, HOWDAH_OFFLOAD_LARGE_STACK, context.deadlineNs());
        take(token);  // if no worker has it yet, none shall
        if (status < 0) return context.lastError();
        return {};
    }

    // What a worker is to do for that token; empty if nobody waits for it any more.
    Work take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto node = waiting_.extract(token);
        return node.empty() ? Work{} : std::move(node.mapped());
    }

private:
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, Work> waiting_;
};

}  // namespace howdah::guard
