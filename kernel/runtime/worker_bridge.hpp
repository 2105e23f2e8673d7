// WorkerBridge: runs one plugin function on a worker thread on behalf of a fiber, and brings every host call the
// function makes back to that fiber. So the same function runs unchanged on a fiber or on a worker.
//
//   fiber:   WorkerBridge::run(pool, [&] { plugin->function(...); }, cancellation, deadline);
//   host call, anywhere: WorkerBridge::atHome([&] { result = query(...); });
//
// Threads: run() in a fiber; atHome() in a fiber or in a function started by run(), on the thread that runs it.
// Owns:    nothing. The function may borrow from the caller's stack: once it has started, run() returns only after it.
//          So cancellation reaches a started function only through its host calls; the deadline limits the queueing.
// Errors:  run(): unavailable, timeout or cancelled while queued; the function has then not been called.
//
// A host call may itself run another plugin on a worker: the thread that waits for that host call runs it, on the same
// stack. So a request holds one thread however deep it nests, and requests never wait for each other's nested calls.
#pragma once

#include <howdah/result.hpp>

#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/deadline.hpp"
#include "kernel/runtime/task.hpp"
#include "kernel/runtime/worker_pool.hpp"

namespace howdah::kernel {

class Fiber;

class WorkerBridge {
public:
    static Result<void> run(WorkerPool& pool, FunctionRef function, Cancellation* cancellation, Deadline queue_limit);

    // Runs the host call on the fiber the current function belongs to: directly when this is that fiber, else there
    // while this worker thread blocks. The host call may park.
    static void atHome(FunctionRef host_call);

    // True on a worker thread inside a function started by run().
    static bool onWorker();

private:
    static void makeHostCalls(Fiber& fiber, WorkerPool::Job& job);
};

}  // namespace howdah::kernel
