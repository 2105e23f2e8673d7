// Pieces of work this plugin hands to the kernel: on a worker thread (connecting, cancelling) or on a fiber of their
// own (settling a connection, keeping a database's connections). Tokens are numbers that are looked up once; so work
// that is dropped, or whose waiter has gone, is freed exactly once whatever order the kernel's calls come in.
//
// Threads: any.
// Owns:    each job from hand-over until it has run or was dropped.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <howdah/host.hpp>

namespace howdah::pool {

class Job {
public:
    Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;
    virtual void work() {}          // a worker thread
    virtual void task(Context&) {}  // a fiber
    virtual void drop() {}          // will not run
    // Work that was handed over is done even if the plugin stops meanwhile.
    virtual bool outlivesStop() const { return false; }
};

class Jobs {
public:
    explicit Jobs(const Host& host) : host_(host) {}

    // Runs work() on a worker and waits. After TIMEOUT or CANCELLED it still runs; after any other error it will not.
    howdah_status run(const Context& context, const std::shared_ptr<Job>& job, std::uint64_t deadline_ns);
    // The same without waiting; false if it will not run (drop() has been called).
    bool start(const std::shared_ptr<Job>& job);
    // Runs task() on a fiber; false if it will not run (drop() has been called).
    bool spawn(const std::shared_ptr<Job>& job);

    // The kernel's calls.
    void doWork(std::uint64_t token);
    void doTask(Context& context, std::uint64_t token);
    void doDrop(std::uint64_t token);

    // In stop(): work that has not begun never will, unless it outlives the stop; waits for the rest, at most two
    // seconds. Workers poll isStopping(), so it is short unless one sits in a DNS lookup, which nothing can end. Such a
    // one goes on alone: the kernel keeps the plugin until it has returned. False if there is one.
    bool stop();
    bool isStopping() const { return stopping_.load(std::memory_order_relaxed); }

private:
    std::uint64_t keep(const std::shared_ptr<Job>& job);
    std::shared_ptr<Job> take(std::uint64_t token);  // then finished()
    void finished();
    bool allOver() const { return running_ == 0 && waiting_.empty(); }

    const Host& host_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable over_;
    std::uint64_t last_token_ = 0;
    std::size_t running_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Job>> waiting_;
};

}  // namespace howdah::pool
