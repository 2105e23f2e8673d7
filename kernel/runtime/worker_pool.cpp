#include "kernel/runtime/worker_pool.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "kernel/runtime/fault_report.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/runtime/worker_job.hpp"

namespace howdah::kernel {

namespace {

constexpr std::chrono::milliseconds kIdleExit{200};

struct ThreadStart {
    std::shared_ptr<void> pool;
    void* thread;
};

}  // namespace

WorkerPool::Job*& WorkerPool::Job::current() {
    thread_local Job* job = nullptr;
    return job;
}

WorkerPool::WorkerPool(Config config) : state_(std::make_shared<State>(std::move(config))) {}

WorkerPool::~WorkerPool() {
    stop(Deadline(Deadline::Clock::now()));
}

const WorkerPool::Config& WorkerPool::config() const {
    return state_->config;
}

Result<void> WorkerPool::run(Task task, Cancellation* cancellation, Deadline deadline) {
    assert(Shard::current() && Shard::current()->running());
    auto job = std::make_shared<Job>(std::move(task), Shard::current()->running()->label());
    if (auto submitted = state_->submit(job); !submitted) return submitted;
    const WaitStatus status = job->turn.wait(cancellation, deadline);
    if (status == WaitStatus::ready) {
        if (job->dropped) return Error::unavailable("the ", state_->config.name, " pool has stopped");
        return {};
    }
    if (state_->withdraw(*job)) return waitError(status, cancellation, "a free worker thread");
    return waitError(status, cancellation, "a worker thread, which goes on with its job");
}

Result<void> WorkerPool::runDetached(Task task, const char* label) {
    return state_->submit(std::make_shared<Job>(std::move(task), label));
}

WorkerPool::Stats WorkerPool::stats() const {
    std::lock_guard lock(state_->mutex);
    return {state_->threads.size(), state_->busy, state_->queue.size(), state_->refused};
}

Result<void> WorkerPool::State::submit(const std::shared_ptr<Job>& job) {
    std::lock_guard lock(mutex);
    if (stopping) return Error::unavailable("the ", config.name, " pool has stopped");
    if (busy + queue.size() >= config.threads_max + config.queue_max) {
        ++refused;
        return Error::unavailable("all ", config.threads_max, " threads of the ", config.name, " pool are busy and ",
                                  config.queue_max, " jobs wait already, try again later");
    }
    const bool too_few = threads.size() - busy < queue.size() + 1 && threads.size() < config.threads_max;
    // With at least one thread the job is done in time even if the system gives no further one.
    if (too_few && !startThread() && threads.empty()) {
        return Error::unavailable("the system gives no thread for the ", config.name, " pool");
    }
    queue.push_back(job);
    work_changed.notify_one();
    return {};
}

bool WorkerPool::State::withdraw(const Job& job) {
    std::shared_ptr<Job> found;  // destroyed after the lock: what the job captured may be anything
    std::lock_guard lock(mutex);
    auto at = std::find_if(queue.begin(), queue.end(), [&](const auto& queued) { return queued.get() == &job; });
    if (at == queue.end()) return false;
    found = std::move(*at);
    queue.erase(at);
    return true;
}

bool WorkerPool::State::startThread() {
    GuardedStack stack = GuardedStack::map(config.stack_bytes);
    if (!stack) return false;
    Thread& thread = threads.emplace_back();
    thread.stack = std::move(stack);
    auto start = std::make_unique<ThreadStart>(ThreadStart{shared_from_this(), &thread});
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstack(&attributes, thread.stack.bottom(), thread.stack.bytes());
    const int error = ::pthread_create(&thread.id, &attributes, &State::threadMain, start.get());
    ::pthread_attr_destroy(&attributes);
    if (error != 0) {
        threads.pop_back();
        return false;
    }
    (void)start.release();  // the thread's now
    return true;
}

void* WorkerPool::State::threadMain(void* argument) {
    std::unique_ptr<ThreadStart> start(static_cast<ThreadStart*>(argument));
    auto state = std::static_pointer_cast<State>(start->pool);
    ::pthread_setname_np(::pthread_self(), state->config.name.c_str());
    FaultStack fault_stack;
    state->work(*static_cast<Thread*>(start->thread));
    return nullptr;
}

void WorkerPool::State::work(Thread& self) {
    StackInUse in_use;
    in_use.guard_begin = self.stack.guardBegin();
    in_use.guard_end = self.stack.guardEnd();
    setStackInUse(&in_use);
    std::unique_lock lock(mutex);
    for (;;) {
        work_changed.wait(lock, [&] { return stopping || !queue.empty(); });
        if (queue.empty()) break;
        std::shared_ptr<Job> job = std::move(queue.front());
        queue.pop_front();
        ++busy;
        lock.unlock();

        in_use.label.store(job->label, std::memory_order_release);
        Job::current() = job.get();
        job->stack = &in_use;
        job->task();
        job->task.reset();
        Job::current() = nullptr;
        in_use.label.store("", std::memory_order_release);

        lock.lock();
        --busy;  // before the turn: a fiber that has seen its job end finds the slot free
        lock.unlock();
        job->turn.set();
        job.reset();
        lock.lock();
    }
    setStackInUse(nullptr);
    self.exited = true;
    thread_exited.notify_all();
}

bool WorkerPool::stop(Deadline deadline) {
    std::deque<std::shared_ptr<Job>> dropped;
    std::list<State::Thread> exited;
    bool all_exited = false;
    {
        std::unique_lock lock(state_->mutex);
        state_->stopping = true;
        dropped.swap(state_->queue);
        state_->work_changed.notify_all();
    }
    for (auto& job : dropped) {
        job->dropped = true;
        job->turn.set();
    }
    {
        std::unique_lock lock(state_->mutex);
        auto& threads = state_->threads;
        auto done = [&] { return std::all_of(threads.begin(), threads.end(), [](auto& t) { return t.exited; }); };
        // At least the idle ones get the time to leave, which they do at once.
        const auto until = std::max(deadline.at(), Deadline::Clock::now() + kIdleExit);
        if (deadline.isNever()) {
            state_->thread_exited.wait(lock, done);
        } else {
            state_->thread_exited.wait_until(lock, until, done);
        }
        all_exited = done();
        for (auto at = threads.begin(); at != threads.end();) {
            auto next = std::next(at);
            if (at->exited) {
                exited.splice(exited.end(), threads, at);
            } else {
                ::pthread_detach(at->id);
                at->stack.abandon();
            }
            at = next;
        }
    }
    for (auto& thread : exited)
        ::pthread_join(thread.id, nullptr);
    return all_exited;
}

}  // namespace howdah::kernel
