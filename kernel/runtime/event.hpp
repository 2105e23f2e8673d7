// Event: what a fiber waits for. It is set once, by any thread; the wait ends exactly once, by the event, the deadline
// or the cancellation, whichever comes first.
//
// Threads: wait() and reset() in a fiber, one waiter at a time; set() and isSet() any.
// Owns:    nothing. set() does not touch the Event once the waiter may go on, so the waiter may destroy it after a
//          wait that was ready; after timeout or cancelled whoever will still call set() needs it alive (shared_ptr).
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/deadline.hpp"
#include "kernel/runtime/deadline_queue.hpp"

namespace howdah::kernel {

class Fiber;

enum class WaitStatus : std::uint8_t { ready, timeout, cancelled };

class Event {
public:
    Event() = default;
    ~Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    // Parks the running fiber. An event that is set by the time the fiber runs again is ready, even if the deadline
    // has passed or the cancellation came: what was handed over is never lost. `cancellation` may be nullptr.
    WaitStatus wait(Cancellation* cancellation, Deadline deadline);

    // [any] Idempotent.
    void set();
    bool isSet() const { return state_.load(std::memory_order_acquire) == kSet; }

    // Makes a set event ready for the next wait; only when nobody can be in set() or wait().
    void reset() { state_.store(kEmpty, std::memory_order_relaxed); }

private:
    friend class Cancellation;

    static constexpr std::uintptr_t kEmpty = 0;
    static constexpr std::uintptr_t kSet = 1;

    static void onDeadline(DeadlineQueue::Node& node);
    // Whoever takes the waiter out of state_ owns the one wake-up of this suspension.
    static void endFromLoop(Waiter& waiter, WaitStatus status);

    std::atomic<std::uintptr_t> state_{kEmpty};  // kEmpty, kSet, or the Waiter of the parked fiber
};

// One suspension, on the stack of the fiber that waits.
struct Waiter : DeadlineQueue::Node {
    Fiber* fiber = nullptr;
    Event* event = nullptr;
    WaitStatus status = WaitStatus::ready;
    Waiter* previous = nullptr;  // in the Cancellation's list
    Waiter* next = nullptr;
};

// Parks the running fiber until the deadline or the cancellation.
WaitStatus sleepUntil(Cancellation* cancellation, Deadline deadline);

// The error of a wait that did not end ready: "timeout: no free connection", "cancelled: ...".
Error waitError(WaitStatus status, const Cancellation* cancellation, std::string_view waited_for);

}  // namespace howdah::kernel
