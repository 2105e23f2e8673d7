#include "kernel/runtime/worker_bridge.hpp"

#include <cassert>
#include <memory>
#include <utility>

#include "kernel/runtime/shard.hpp"
#include "kernel/runtime/worker_job.hpp"

namespace howdah::kernel {

Result<void> WorkerBridge::run(WorkerPool& pool, FunctionRef function, Cancellation* cancellation,
                               Deadline queue_limit) {
    assert(Shard::current() && Shard::current()->running());
    auto job =
        std::make_shared<WorkerPool::Job>(Task([function] { function(); }), Shard::current()->running()->label());
    job->bridged = true;
    if (auto submitted = pool.state_->submit(job); !submitted) return submitted;
    for (;;) {
        const WaitStatus status = job->turn.wait(cancellation, queue_limit);
        if (status != WaitStatus::ready) {
            if (pool.state_->withdraw(*job)) return waitError(status, cancellation, "a free worker thread");
            // It has started and may hold pointers into our stack. Its host calls will tell it to come back.
            cancellation = nullptr;
            queue_limit = Deadline::never();
            continue;
        }
        const FunctionRef* host_call = std::exchange(job->host_call, nullptr);
        if (!host_call) break;
        cancellation = nullptr;
        queue_limit = Deadline::never();
        job->turn.reset();
        (*host_call)();
        job->answered.store(1, std::memory_order_release);
        job->answered.notify_one();
    }
    if (job->dropped) return Error::unavailable("the ", pool.config().name, " pool has stopped");
    return {};
}

void WorkerBridge::atHome(FunctionRef host_call) {
    if (!onWorker()) {
        assert(Shard::current() && Shard::current()->running() && "a host call outside of its request");
        return host_call();
    }
    WorkerPool::Job& job = *WorkerPool::Job::current();
    job.answered.store(0, std::memory_order_relaxed);
    job.host_call = &host_call;
    job.turn.set();
    job.answered.wait(0, std::memory_order_acquire);
}

bool WorkerBridge::onWorker() {
    const WorkerPool::Job* job = WorkerPool::Job::current();
    return job && job->bridged;
}

}  // namespace howdah::kernel
