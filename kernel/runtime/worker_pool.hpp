// WorkerPool: a bounded number of plain threads with large stacks, for code that blocks, computes for long or recurses
// deeply. A job that hangs costs one of these threads, never a shard.
//
// Threads: run() in a fiber; runDetached() and stats() any; stop() from outside the pool.
// Owns:    its threads, started when first needed; a job and all it captured until it has returned.
// Errors:  unavailable when the queue is full or the pool has stopped; timeout or cancelled when the wait ends first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <howdah/result.hpp>

#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/deadline.hpp"
#include "kernel/runtime/task.hpp"

namespace howdah::kernel {

class WorkerPool {
public:
    struct Config {
        std::string name = "worker";         // at most 12 characters: it becomes the threads' name
        std::size_t threads_max = 8;         // 1..256
        std::size_t queue_max = 64;          // jobs that may wait for a thread; 0 = none
        std::size_t stack_bytes = 8u << 20;  // virtual
    };
    struct Stats {
        std::size_t threads = 0;
        std::size_t busy = 0;
        std::size_t queued = 0;
        std::uint64_t refused = 0;  // since start: queue full
    };

    explicit WorkerPool(Config config);
    ~WorkerPool();  // stop() with no time to spare
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // Parks the running fiber until the job has returned. When the wait ends first, a job still queued is dropped
    // without being run, and one that has started goes on alone: it must own what it touches (shared_ptr captures).
    Result<void> run(Task task, Cancellation* cancellation, Deadline deadline);

    // [any] The same without waiting.
    Result<void> runDetached(Task task, const char* label = "");

    Stats stats() const;
    const Config& config() const;

    // Refuses new jobs, drops queued detached ones and waits for the threads; false if some had not come back by
    // the deadline. Those go on with their jobs' state until they return or the process ends.
    bool stop(Deadline deadline);

private:
    friend class WorkerBridge;
    struct State;
    struct Job;

    std::shared_ptr<State> state_;
};

}  // namespace howdah::kernel
