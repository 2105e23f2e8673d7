// ControlFiber: one fiber that does the server's housekeeping, one job after the other: apply a configuration, retire
// instances, answer the control socket. Jobs may wait; they never overlap.
//
// Threads: post() and call() any; a job runs on shard 0.
// Errors:  a job posted after stop() is dropped, and so is one whose time had not come by then.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>

#include "kernel/runtime/event.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/runtime/task.hpp"

namespace howdah::kernel {

class ControlFiber {
public:
    explicit ControlFiber(Shard& shard) : shard_(shard) {}

    void start();
    bool post(Task job);  // false when stopped
    // Runs once the time has come.
    void postAt(Deadline due, Task job);
    // Runs the job and waits for it; from a thread that is not a shard. False when stopped: it has not run.
    bool call(Task job);
    // Ends after the jobs posted so far; waits for the end, from a thread that is not a shard.
    void stop();

private:
    void loop();

    Shard& shard_;
    std::mutex mutex_;
    std::deque<Task> jobs_;
    std::multimap<Deadline, Task> later_;
    bool stopping_ = false;
    std::shared_ptr<Event> wake_;  // a new one for each wait, so that a late set() meets nothing of the next
    std::promise<void> ended_;
};

}  // namespace howdah::kernel
