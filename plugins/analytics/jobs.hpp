// Pieces of work handed to the kernel: on a fiber of their own or on a worker thread. A token is looked up once, so
// each is run or dropped exactly once.
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

namespace howdah::analytics {

class Jobs {
public:
    explicit Jobs(const Host& host) : host_(host) {}

    // Runs it on a fiber; false if it will not run.
    bool spawn(std::function<void(Context&)> task) {
        const std::uint64_t token = keep({std::move(task), {}});
        if (host_.reactor().spawn(host_.raw(), token) >= 0) return true;
        (void)take(token);
        return false;
    }
    // Runs it on a worker and waits. After TIMEOUT or CANCELLED it still runs: what it names must be shared with it.
    howdah_status run(const Context& context, std::function<void()> work, std::uint64_t deadline_ns) {
        return host_.offload().run(context.raw(), keep({{}, std::move(work)}), HOWDAH_OFFLOAD_BLOCKING, deadline_ns);
    }

    // The kernel's calls.
    void doTask(Context& context, std::uint64_t token) {
        if (const Job job = take(token); job.task) job.task(context);
    }
    void doWork(std::uint64_t token) {
        if (const Job job = take(token); job.work) job.work();
    }
    void drop(std::uint64_t token) { (void)take(token); }

private:
    struct Job {
        std::function<void(Context&)> task;
        std::function<void()> work;
    };
    std::uint64_t keep(Job job) {
        const std::lock_guard lock(mutex_);
        jobs_.emplace(++last_token_, std::move(job));
        return last_token_;
    }
    Job take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto found = jobs_.extract(token);
        return found.empty() ? Job{} : std::move(found.mapped());
    }

    const Host& host_;
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, Job> jobs_;
};

}  // namespace howdah::analytics
