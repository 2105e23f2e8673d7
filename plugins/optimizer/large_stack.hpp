// Work that recurses by the size of a text, on a thread with a large stack, so that no shard is held up by it either.
// Who waits for it may give up first: what it works on must be shared with it.
//
// Threads: any.
// Owns:    each piece of work until it has run or nobody waits for it any more.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include <howdah/host.hpp>

namespace howdah::optimizer {

class LargeStack {
public:
    using Work = std::function<void()>;

    // What `make` returns; it must own all it looks at.
    template <typename Make>
    auto run(const Context& context, Make make) -> Result<decltype(make())> {
        using Made = decltype(make());
        const auto made = std::make_shared<std::optional<Made>>();
        if (auto done = runWork(context, [made, make = std::move(make)] { *made = make(); }); !done)
            return done.error();
        if (!*made) return Error::internal("the worker returned without a result");
        return std::move(**made);
    }

    // What a worker is to do for that token; empty if nobody waits for it any more.
    Work take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto node = waiting_.extract(token);
        return node.empty() ? Work{} : std::move(node.mapped());
    }

private:
    Result<void> runWork(const Context& context, Work work) {
        std::uint64_t token = 0;
        {
            const std::lock_guard lock(mutex_);
            token = ++last_token_;
            waiting_.emplace(token, std::move(work));
        }
        const howdah_status status =
            context.host().offload().run(context.raw(), token, HOWDAH_OFFLOAD_LARGE_STACK, context.deadlineNs());
        (void)take(token);  // if no worker has it yet, none shall
        if (status < 0) return context.lastError();
        return {};
    }

    std::mutex mutex_;
    // Far from the numbers of others: what the guard has done for a call of ours comes to this plugin's work() too.
    std::uint64_t last_token_ = std::uint64_t{1} << 48;
    std::unordered_map<std::uint64_t, Work> waiting_;
};

}  // namespace howdah::optimizer
