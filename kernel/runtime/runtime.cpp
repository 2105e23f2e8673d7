#include "kernel/runtime/runtime.hpp"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>

#include "kernel/runtime/fault_report.hpp"

namespace howdah::kernel {

namespace {

// A loop that runs no fiber ends at once when told to; one that does not within this has a fiber that never waits.
constexpr std::chrono::milliseconds kLoopExit{200};

Result<void> checkPool(const WorkerPool::Config& pool) {
    if (pool.threads_max < 1 || pool.threads_max > 256) {
        return Error::invalidArgument(pool.name, " threads must be between 1 and 256, got ", pool.threads_max);
    }
    if (pool.stack_bytes < (256u << 10) || pool.stack_bytes % GuardedStack::kGuardBytes != 0) {
        return Error::invalidArgument(pool.name, " stack must be a multiple of 64 KiB from 256 KiB on, got ",
                                      pool.stack_bytes, " bytes");
    }
    return {};
}

Result<void> check(const Runtime::Config& config) {
    if (config.shards < 1 || config.shards > 64) {
        return Error::invalidArgument("shards must be between 1 and 64, got ", config.shards);
    }
    const Shard::Limits& limits = config.shard_limits;
    if (limits.fibers_max < 1 || limits.fibers_max > 32768) {
        return Error::invalidArgument("fibers per shard must be between 1 and 32768, got ", limits.fibers_max);
    }
    if (limits.stack_bytes < (128u << 10) || limits.stack_bytes % GuardedStack::kGuardBytes != 0) {
        return Error::invalidArgument("fiber stack must be a multiple of 64 KiB from 128 KiB on, got ",
                                      limits.stack_bytes, " bytes");
    }
    if (auto workers = checkPool(config.workers); !workers) return workers;
    return checkPool(config.deep_workers);
}

// Shared with the shards: one may report only after the deadline.
struct DrainCount {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t left = 0;
};

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::start(Config config) {
    if (auto checked = check(config); !checked) return checked.error();
    installFaultReport();
    const Watchdog::Config watchdog = config.watchdog;
    std::unique_ptr<Runtime> runtime(new Runtime(std::move(config)));
    std::vector<Shard*> watched;
    try {
        for (auto& shard : runtime->shards_) {
            shard->start();
            watched.push_back(shard.get());
        }
        if (watchdog.on_stall) runtime->watchdog_ = std::make_unique<Watchdog>(std::move(watched), watchdog);
    } catch (const std::system_error& error) {
        return Error::unavailable("cannot start the shards' threads: ", std::string_view(error.what()));
    }
    return runtime;
}

Runtime::Runtime(Config config) {
    for (unsigned i = 0; i < config.shards; ++i)
        shards_.push_back(std::make_unique<Shard>(i, config.shard_limits));
    workers_ = std::make_unique<WorkerPool>(std::move(config.workers));
    deep_workers_ = std::make_unique<WorkerPool>(std::move(config.deep_workers));
}

Runtime::~Runtime() {
    stop(Deadline(Deadline::Clock::now()));
}

Shard& Runtime::nextShard() {
    return *shards_[next_shard_.fetch_add(1, std::memory_order_relaxed) % shards_.size()];
}

Runtime::Drain Runtime::stop(Deadline deadline) {
    if (std::exchange(stopped_, true)) return drain_;

    auto count = std::make_shared<DrainCount>();
    count->left = shards_.size();
    for (auto& shard : shards_) {
        shard->drain([count] {
            std::lock_guard lock(count->mutex);
            --count->left;
            count->changed.notify_one();
        });
    }
    {
        std::unique_lock lock(count->mutex);
        auto drained = [&] { return count->left == 0; };
        const auto until = std::max(deadline.at(), Deadline::Clock::now() + kLoopExit);
        if (deadline.isNever()) {
            count->changed.wait(lock, drained);
        } else {
            count->changed.wait_until(lock, until, drained);
        }
    }
    watchdog_.reset();

    // Never destroyed: fibers that are still parked or running may be woken or run on until the process ends.
    static auto* kept = new std::vector<std::unique_ptr<Shard>>;
    for (auto& shard : shards_)
        shard->stop();
    const Deadline loops_end = Deadline::in(kLoopExit);
    const Deadline join_limit = deadline < loops_end ? loops_end : deadline;
    for (auto& shard : shards_) {
        const bool ended = shard->join(join_limit);
        const std::size_t left = shard->fiberCount();
        drain_.fibers_left += left;
        drain_.loops_left |= !ended;
        if (!ended || left > 0) kept->push_back(std::move(shard));
    }
    drain_.workers_left = !workers_->stop(deadline);
    drain_.workers_left |= !deep_workers_->stop(deadline);
    shards_.clear();
    return drain_;
}

}  // namespace howdah::kernel
