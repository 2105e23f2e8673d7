// Work that recurses by the size of a text, on a thread with a large stack. Who waits for it may give up first, so what
// it works on must be owned by the function itself.
//
// The request may be another plugin's, who asked the guard: offload.run() would hand the work to that one.
//
// Threads: any.
// Owns:    each piece of work until it has run or nobody waits for it any more.
// Errors:  unavailable where no thread takes it; what the wait ended with.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <howdah/plugin.hpp>
#include <howdah/waiting.hpp>

namespace howdah::guard {

class LargeStack {
public:
    using Work = std::function<void()>;

    // The error where it has not come to its end, whether it was begun or not.
    Result<void> run(const Host& host, const Context& context, Work work) {
        const auto job = std::make_shared<Job>(host, std::move(work));
        const std::uint64_t token = add(job);
        if (host.offload().start(host.raw(), token, HOWDAH_OFFLOAD_LARGE_STACK) < 0) {
            take(token);
            return Error::unavailable("no thread takes a long statement at this moment").withHint("try again");
        }
        const howdah_status status = job->over.wait(context, context.deadlineNs());
        take(token);  // if no worker has it yet, none shall
        if (status < 0) return context.lastError();
        if (!job->done) return Error::unavailable("the long statement was not looked at").withHint("try again");
        return {};
    }

    // On the worker; a token that nobody waits for any more is no work.
    void work(std::uint64_t token) {
        const auto job = take(token);
        if (!job) return;
        job->work();
        job->done = true;
        job->over.set();
    }
    void drop(std::uint64_t token) {
        if (const auto job = take(token)) job->over.set();
    }

private:
    struct Job {
        Job(const Host& host, Work its_work) : work(std::move(its_work)), over(host) {}
        Work work;
        std::atomic<bool> done = false;
        Event over;
    };

    std::uint64_t add(std::shared_ptr<Job> job) {
        const std::lock_guard lock(mutex_);
        waiting_.emplace(++last_token_, std::move(job));
        return last_token_;
    }
    std::shared_ptr<Job> take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto node = waiting_.extract(token);
        return node.empty() ? nullptr : std::move(node.mapped());
    }

    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Job>> waiting_;
};

}  // namespace howdah::guard
