// Fiber: one pooled, guarded stack on which a request runs; it parks when it waits and never leaves its shard.
//
// A fiber is never unwound by force (that would terminate at noexcept and C frames of a plugin): it ends when its job
// returns, and is then used again. What C++ keeps per thread about exceptions in flight is swapped at each switch.
//
// Threads: [shard] only, except label(), which the watchdog reads.
// Owns:    its stack.
// Source:  Boost.Context, `jump_fcontext`; Itanium C++ ABI, "Exception Handling", 2.2.2 (__cxa_eh_globals).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernel/runtime/fault_report.hpp"
#include "kernel/runtime/stack.hpp"
#include "kernel/runtime/task.hpp"

namespace howdah::kernel {

class Shard;

class Fiber {
public:
    // nullptr when no stack can be mapped.
    static std::unique_ptr<Fiber> create(Shard& shard, std::size_t stack_bytes);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    Shard& shard() const { return shard_; }

    // Static text naming whose code runs here, for the watchdog and the fault report.
    const char* label() const { return in_use_.label.load(std::memory_order_acquire); }
    void setLabel(const char* label) { in_use_.label.store(label, std::memory_order_release); }

    // The worker thread that waits for what this fiber does now, as WorkerBridge knows it; nullptr = none.
    void* lentWorker() const { return lent_worker_; }
    void setLentWorker(void* job) { lent_worker_ = job; }

private:
    friend class Shard;

    enum class State : std::uint8_t { pooled, ready, running, suspended };

    // Layout fixed by the C++ ABI.
    struct ExceptionState {
        void* caught = nullptr;
        unsigned int uncaught = 0;
    };

    struct Switch;  // the few functions that jump; they must stay uninstrumented, see fiber.cpp

    Fiber(Shard& shard, GuardedStack stack);
    void resume();   // from the loop: returns when the fiber suspends or its job is done
    void suspend();  // from the fiber
    void runJobs();
    void trimStack() { stack_.trim(kKeptStackBytes); }

    static constexpr std::size_t kKeptStackBytes = 32u << 10;

    Shard& shard_;
    GuardedStack stack_;
    void* context_ = nullptr;  // where the fiber goes on
    void* loop_ = nullptr;     // where the loop goes on
    ExceptionState exceptions_;
    Task job_;
    void* lent_worker_ = nullptr;
    Fiber* next_ = nullptr;  // in the shard's ready list
    State state_ = State::pooled;
    bool job_done_ = false;
    std::uint32_t jobs_finished_ = 0;
    StackInUse in_use_;

    // Sanitizers: what they know about this stack and the loop's.
    void* fake_stack_ = nullptr;
    const void* loop_bottom_ = nullptr;
    std::size_t loop_bytes_ = 0;
    void* thread_fiber_ = nullptr;
    void* own_fiber_ = nullptr;
};

}  // namespace howdah::kernel
