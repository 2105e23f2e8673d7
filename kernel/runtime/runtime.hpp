// Runtime: the shards, the worker pools and the watchdog, started and stopped together.
//
// Threads: start(), stop() and destruction on the thread that created it (not a shard); all else any.
// Owns:    everything below it. Fibers that have not finished by the drain deadline are left as they are, never
//          unwound, and their shards are deliberately never freed: the process is expected to end soon.
// Errors:  start() refuses numbers out of range and reports threads the system will not give.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/runtime/deadline.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/runtime/watchdog.hpp"
#include "kernel/runtime/worker_pool.hpp"

namespace howdah::kernel {

class Runtime {
public:
    struct Config {
        unsigned shards = 1;  // 1..64
        Shard::Limits shard_limits;
        WorkerPool::Config workers{.name = "worker"};
        // Runs the SQL parser, which recurses with the depth of the text it reads.
        WorkerPool::Config deep_workers{.name = "deep", .threads_max = 2, .stack_bytes = 64u << 20};
        Watchdog::Config watchdog;
    };
    struct Drain {
        std::size_t fibers_left = 0;
        bool loops_left = false;  // a fiber or handler has not given its shard back
        bool workers_left = false;
        bool clean() const { return fibers_left == 0 && !loops_left && !workers_left; }
    };

    static Result<std::unique_ptr<Runtime>> start(Config config);
    ~Runtime();  // stop() with no time to spare, if it was not stopped
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    unsigned shardCount() const { return static_cast<unsigned>(shards_.size()); }
    Shard& shard(unsigned index) { return *shards_[index]; }
    Shard& nextShard();  // round robin

    WorkerPool& workers() { return *workers_; }
    WorkerPool& deepWorkers() { return *deep_workers_; }

    // Refuses new fibers, lets the running ones finish until the deadline, then stops shards and workers.
    // Whoever else posts to the shards (transports, other threads) must have stopped before.
    Drain stop(Deadline deadline);

private:
    explicit Runtime(Config config);

    std::vector<std::unique_ptr<Shard>> shards_;
    std::unique_ptr<WorkerPool> workers_;
    std::unique_ptr<WorkerPool> deep_workers_;
    std::unique_ptr<Watchdog> watchdog_;
    std::atomic<unsigned> next_shard_{0};
    bool stopped_ = false;
    Drain drain_;
};

}  // namespace howdah::kernel
