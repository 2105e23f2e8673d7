#include "kernel/runtime/worker_bridge.hpp"

#include <cassert>
#include <memory>
#include <utility>

#include "kernel/runtime/shard.hpp"
#include "kernel/runtime/worker_job.hpp"

namespace howdah::kernel {

namespace {

// The job whose host call the fiber is making, if any: its thread waits in atHome() and has time for an errand.
class Lent {
public:
    Lent(Fiber& fiber, void* job) : fiber_(fiber), before_(fiber.lentWorker()) { fiber_.setLentWorker(job); }
    ~Lent() { fiber_.setLentWorker(before_); }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;

private:
    Fiber& fiber_;
    void* before_;
};

}  // namespace

Result<void> WorkerBridge::run(WorkerPool& pool, FunctionRef function, Cancellation* cancellation,
                               Deadline queue_limit) {
    assert(Shard::current() && Shard::current()->running());
    Fiber& fiber = *Shard::current()->running();
    auto* lender = static_cast<WorkerPool::Job*>(fiber.lentWorker());
    if (lender && lender->pool == pool.state_.get()) {
        lender->errand = &function;
        lender->errand_label = fiber.label();
        lender->reply.store(WorkerPool::Job::Reply::errand, std::memory_order_release);
        lender->reply.notify_one();
        makeHostCalls(fiber, *lender);
        return {};
    }
    auto job = std::make_shared<WorkerPool::Job>(Task([function] { function(); }), fiber.label());
    job->pool = pool.state_.get();
    job->bridged = true;
    if (auto submitted = pool.state_->submit(job); !submitted) return submitted;
    const WaitStatus status = job->turn.wait(cancellation, queue_limit);
    if (status != WaitStatus::ready && pool.state_->withdraw(*job)) {
        return waitError(status, cancellation, "a free worker thread");
    }
    // It has started and may hold pointers into our stack: from here on its host calls tell it to come back.
    makeHostCalls(fiber, *job);
    if (job->dropped) return Error::unavailable("the ", pool.config().name, " pool has stopped");
    return {};
}

// Until the function that runs on the job's thread has returned.
void WorkerBridge::makeHostCalls(Fiber& fiber, WorkerPool::Job& job) {
    for (;;) {
        (void)job.turn.wait(nullptr, Deadline::never());
        job.turn.reset();
        const FunctionRef* host_call = std::exchange(job.host_call, nullptr);
        if (!host_call) return;
        {
            const Lent lent(fiber, &job);
            (*host_call)();
        }
        job.reply.store(WorkerPool::Job::Reply::answered, std::memory_order_release);
        job.reply.notify_one();
    }
}

void WorkerBridge::atHome(FunctionRef host_call) {
    if (!onWorker()) {
        assert(Shard::current() && Shard::current()->running() && "a host call outside of its request");
        return host_call();
    }
    using Reply = WorkerPool::Job::Reply;
    WorkerPool::Job& job = *WorkerPool::Job::current();
    job.host_call = &host_call;
    for (;;) {
        job.reply.store(Reply::none, std::memory_order_relaxed);
        job.turn.set();
        job.reply.wait(Reply::none, std::memory_order_acquire);
        if (job.reply.load(std::memory_order_acquire) == Reply::answered) return;
        const char* own = job.stack->label.exchange(job.errand_label, std::memory_order_acq_rel);
        (*job.errand)();
        job.stack->label.store(own, std::memory_order_release);
    }
}

bool WorkerBridge::onWorker() {
    const WorkerPool::Job* job = WorkerPool::Job::current();
    return job && job->bridged;
}

}  // namespace howdah::kernel
