#include "kernel/runtime/shard.hpp"

#include <cassert>
#include <utility>

#include <pthread.h>

#include <howdah/result.hpp>

namespace howdah::kernel {

namespace {
thread_local Shard* current_shard = nullptr;
}

Shard::Shard(unsigned index, Limits limits)
    : index_(index), limits_(limits), keep_running_(io_.get_executor()), deadlines_(io_) {}

Shard::~Shard() {
    assert(!thread_.joinable());
    assert(fiberCount() == 0 && "a shard with suspended fibers must be kept, see Runtime::stop");
}

Shard* Shard::current() {
    return current_shard;
}

void Shard::post(Task function) {
    boost::asio::post(io_, [this, function = std::move(function)]() mutable { handle(function); });
}

void Shard::handle(FunctionRef body) {
    assert(!running() && !handling_);
    handling_ = true;
    body();
    handling_ = false;
    resumeReady();
}

bool Shard::spawn(Task job, const char* label) {
    assert(current_shard == this);
    if (draining_) return false;
    Fiber* fiber = nullptr;
    if (!pool_.empty()) {
        fiber = pool_.back();
        pool_.pop_back();
    } else {
        if (fibers_.size() >= limits_.fibers_max) return false;
        auto created = Fiber::create(*this, limits_.stack_bytes);
        if (!created) return false;
        fiber = created.get();
        fibers_.push_back(std::move(created));
        pool_.reserve(fibers_.size());  // finish() never allocates
    }
    fiber->job_ = std::move(job);
    fiber->setLabel(label);
    fiber->state_ = Fiber::State::suspended;
    active_.store(fiberCount() + 1, std::memory_order_relaxed);
    if (running()) {
        wake(*fiber);
    } else {
        resume(*fiber);
    }
    return true;
}

void Shard::park() {
    Fiber* fiber = running();
    assert(current_shard == this && fiber && "only a fiber can park");
    fiber->state_ = Fiber::State::suspended;
    fiber->suspend();
}

void Shard::wake(Fiber& fiber) {
    assert(current_shard == this && &fiber.shard() == this);
    assert(fiber.state_ == Fiber::State::suspended && "one wake-up per suspension");
    fiber.state_ = Fiber::State::ready;
    fiber.next_ = nullptr;
    if (ready_last_) {
        ready_last_->next_ = &fiber;
    } else {
        ready_first_ = &fiber;
    }
    ready_last_ = &fiber;
    if (handling_ || std::exchange(ready_posted_, true)) return;
    boost::asio::post(io_, [this] {
        ready_posted_ = false;
        resumeReady();
    });
}

void Shard::wakeFromAnywhere(Fiber& fiber) {
    boost::asio::post(io_, [this, &fiber] {
        assert(fiber.state_ == Fiber::State::suspended && "one wake-up per suspension");
        resume(fiber);
    });
}

// Fibers that become ready meanwhile wait for the next round: sockets and timers get their turn in between.
void Shard::resumeReady() {
    Fiber* fiber = std::exchange(ready_first_, nullptr);
    ready_last_ = nullptr;
    while (fiber) {
        Fiber* next = fiber->next_;
        resume(*fiber);
        fiber = next;
    }
}

void Shard::resume(Fiber& fiber) {
    assert(!running() && "a fiber is resumed from the loop only");
    fiber.state_ = Fiber::State::running;
    running_.store(&fiber, std::memory_order_release);
    stretch_.store(stretch_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    fiber.resume();
    stretch_.store(stretch_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    running_.store(nullptr, std::memory_order_relaxed);
    if (fiber.job_done_) finish(fiber);
}

void Shard::finish(Fiber& fiber) {
    fiber.job_done_ = false;
    fiber.state_ = Fiber::State::pooled;
    if (pool_.size() >= kWarmStacks || ++fiber.jobs_finished_ % kTrimEvery == 0) fiber.trimStack();
    pool_.push_back(&fiber);
    active_.store(fiberCount() - 1, std::memory_order_relaxed);
    if (draining_ && fiberCount() == 0 && drained_) std::exchange(drained_, Task())();
}

void Shard::start() {
    thread_ = std::thread([this] { loop(); });
}

void Shard::loop() {
    current_shard = this;
    ::pthread_setname_np(::pthread_self(), concat("shard-", index_).c_str());
    FaultStack fault_stack;
    io_.run();
    current_shard = nullptr;
    ended_.set_value_at_thread_exit();
}

void Shard::drain(Task drained) {
    post([this, drained = std::move(drained)]() mutable {
        draining_ = true;
        if (fiberCount() == 0) return drained();
        drained_ = std::move(drained);
    });
}

void Shard::stop() {
    io_.stop();
}

bool Shard::join(Deadline deadline) {
    if (!thread_.joinable()) return true;
    auto ended = ended_.get_future();
    if (deadline.isNever()) ended.wait();
    if (ended.wait_until(deadline.at()) == std::future_status::ready) {
        thread_.join();
        return true;
    }
    thread_.detach();
    return false;
}

}  // namespace howdah::kernel
