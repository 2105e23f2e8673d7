// What WorkerPool and WorkerBridge share; included by those two only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>

#include <pthread.h>

#include "kernel/runtime/event.hpp"
#include "kernel/runtime/fault_report.hpp"
#include "kernel/runtime/stack.hpp"
#include "kernel/runtime/worker_pool.hpp"

namespace howdah::kernel {

struct WorkerPool::Job {
    Job(Task job, const char* job_label) : task(std::move(job)), label(job_label) {}

    Task task;
    const char* label;
    bool bridged = false;   // started by WorkerBridge: host calls go back to the fiber
    State* pool = nullptr;  // of a bridged job: whose thread it is on

    // Handed over by `turn`, from the worker to the fiber: the job is over, or wants a host call made.
    Event turn;
    bool dropped = false;  // the pool stopped first; valid once the turn is the fiber's and host_call is empty
    const FunctionRef* host_call = nullptr;
    // And back, to the worker that waits in atHome().
    enum class Reply : std::uint32_t { none, answered, errand };
    std::atomic<Reply> reply{Reply::none};
    // Valid with Reply::errand: run it, in the name of that label, then give the turn back.
    FunctionRef* errand = nullptr;
    const char* errand_label = "";
    StackInUse* stack = nullptr;  // of the thread it runs on

    // The job of the calling worker thread; nullptr on other threads.
    static Job*& current();
};

struct WorkerPool::State : std::enable_shared_from_this<State> {
    struct Thread {
        pthread_t id{};
        GuardedStack stack;
        bool exited = false;
    };

    explicit State(Config pool_config) : config(std::move(pool_config)) {}

    Result<void> submit(const std::shared_ptr<Job>& job);
    bool withdraw(const Job& job);  // true if it was still queued and will not run
    bool startThread();             // locked by the caller
    void work(Thread& self);
    static void* threadMain(void* argument);

    const Config config;
    std::mutex mutex;
    std::condition_variable work_changed;
    std::condition_variable thread_exited;
    std::deque<std::shared_ptr<Job>> queue;
    std::list<Thread> threads;  // addresses stay valid
    std::size_t busy = 0;
    std::uint64_t refused = 0;
    bool stopping = false;
};

}  // namespace howdah::kernel
