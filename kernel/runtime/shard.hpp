// Shard: one thread, one event loop, and the fibers that live on it.
//
// Threads: post() and the counters any; all else [shard], which running fibers and loop handlers both are.
// Owns:    its thread, its io_context and its fibers. A fiber resumes from the loop only, once per suspension.
// Errors:  spawn() is false when the cap is reached, no stack can be mapped or the shard drains.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "kernel/runtime/deadline_queue.hpp"
#include "kernel/runtime/fiber.hpp"
#include "kernel/runtime/task.hpp"

namespace howdah::kernel {

class Shard {
public:
    struct Limits {
        std::size_t fibers_max = 4096;       // 1..32768; each suspended one holds at least 4 KiB
        std::size_t stack_bytes = 1u << 20;  // virtual; resident is what was touched
    };

    Shard(unsigned index, Limits limits);
    ~Shard();  // stopped and without suspended fibers, see Runtime
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    // The shard whose thread this is; nullptr elsewhere.
    static Shard* current();

    unsigned index() const { return index_; }
    boost::asio::io_context& io() { return io_; }
    DeadlineQueue& deadlines() { return deadlines_; }

    // [any] Runs the function on the loop, soon. Dropped, unrun, when the shard has stopped.
    void post(Task function);

    // The body of every completion handler of ours: fibers it wakes go on at its end, without another round of the
    // loop.
    void handle(FunctionRef body);

    // Starts a fiber. From the loop it runs at once, on top of the caller, until it first waits; from a fiber it
    // starts once that one waits.
    bool spawn(Task job, const char* label = "");

    Fiber* running() const { return running_.load(std::memory_order_acquire); }

    // Suspends the running fiber until wake(). Prefer Event, which knows deadlines, cancellation and other threads.
    void park();
    // Lets a parked fiber go on; exactly one wake() per park().
    void wake(Fiber& fiber);
    // [any] The same from another thread; the fiber must stay parked until then.
    void wakeFromAnywhere(Fiber& fiber);

    // [any]
    std::size_t fiberCount() const { return active_.load(std::memory_order_relaxed); }
    std::size_t fibersMax() const { return limits_.fibers_max; }
    // Odd while a fiber runs; the same odd number twice is the same stretch of running.
    std::uint64_t stretch() const { return stretch_.load(std::memory_order_acquire); }

    // For Runtime. drain() refuses new fibers and calls drained from the loop once the last one has finished.
    void start();
    void drain(Task drained);
    void stop();                   // the loop ends after the current handler; suspended fibers stay as they are
    bool join(Deadline deadline);  // false if a fiber still runs; the thread is then left to itself

private:
    void loop();
    void resume(Fiber& fiber);
    void resumeReady();
    void finish(Fiber& fiber);

    // Stacks beyond this many in the pool are trimmed when they come back: a burst does not stay resident.
    static constexpr std::size_t kWarmStacks = 64;
    // A pooled fiber is trimmed every so many jobs anyway, so that one deep request does not stay resident for good.
    static constexpr std::uint32_t kTrimEvery = 256;

    const unsigned index_;
    const Limits limits_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_;
    DeadlineQueue deadlines_;

    std::vector<std::unique_ptr<Fiber>> fibers_;
    std::vector<Fiber*> pool_;
    Fiber* ready_first_ = nullptr;
    Fiber* ready_last_ = nullptr;
    bool ready_posted_ = false;
    bool handling_ = false;
    bool draining_ = false;
    Task drained_;

    std::atomic<Fiber*> running_{nullptr};
    std::atomic<std::uint64_t> stretch_{0};
    std::atomic<std::size_t> active_{0};
    std::promise<void> ended_;
    std::thread thread_;
};

}  // namespace howdah::kernel
