#include "kernel/runtime/event.hpp"

#include <cassert>

#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {

Event::~Event() {
    assert(state_.load(std::memory_order_relaxed) <= kSet && "a fiber waits for this event");
}

WaitStatus Event::wait(Cancellation* cancellation, Deadline deadline) {
    if (isSet()) return WaitStatus::ready;
    if (cancellation && cancellation->requested()) return WaitStatus::cancelled;
    if (deadline.passed()) return WaitStatus::timeout;

    Shard* shard = Shard::current();
    assert(shard && shard->running() && "only a fiber can wait");
    Waiter waiter;
    waiter.fiber = shard->running();
    waiter.event = this;
    std::uintptr_t expected = kEmpty;
    if (!state_.compare_exchange_strong(expected, reinterpret_cast<std::uintptr_t>(&waiter),
                                        std::memory_order_acq_rel)) {
        assert(expected == kSet && "an event has one waiter at a time");
        return WaitStatus::ready;
    }
    if (!deadline.isNever()) {
        waiter.deadline = deadline;
        waiter.expired = &onDeadline;
        shard->deadlines().add(waiter);
    }
    if (cancellation) cancellation->attach(waiter);

    shard->park();

    // The event itself may be gone when set() ended the wait: its owner can be the code that was waiting for this.
    if (cancellation) cancellation->detach(waiter);
    shard->deadlines().remove(waiter);
    if (waiter.status != WaitStatus::ready && isSet()) return WaitStatus::ready;
    return waiter.status;
}

void Event::set() {
    const std::uintptr_t before = state_.exchange(kSet, std::memory_order_acq_rel);
    if (before == kEmpty || before == kSet) return;
    // From here on the event may be destroyed. The waiter's fiber stays parked until woken, and only we wake it.
    Fiber& fiber = *reinterpret_cast<Waiter*>(before)->fiber;
    Shard& shard = fiber.shard();
    if (Shard::current() == &shard) {
        shard.wake(fiber);
    } else {
        shard.wakeFromAnywhere(fiber);
    }
}

void Event::onDeadline(DeadlineQueue::Node& node) {
    endFromLoop(static_cast<Waiter&>(node), WaitStatus::timeout);
}

void Event::endFromLoop(Waiter& waiter, WaitStatus status) {
    auto expected = reinterpret_cast<std::uintptr_t>(&waiter);
    // The event is alive if this succeeds and also if it fails: set() is then still to wake the fiber, whose wait()
    // has not returned.
    if (!waiter.event->state_.compare_exchange_strong(expected, kEmpty, std::memory_order_acq_rel)) return;
    waiter.status = status;
    waiter.fiber->shard().wake(*waiter.fiber);
}

WaitStatus sleepUntil(Cancellation* cancellation, Deadline deadline) {
    Event never_set;
    return never_set.wait(cancellation, deadline);
}

Error waitError(WaitStatus status, const Cancellation* cancellation, std::string_view waited_for) {
    assert(status != WaitStatus::ready);
    if (status == WaitStatus::timeout) return Error::timeout("the time limit passed while waiting for ", waited_for);
    return cancellation ? cancellation->error() : Error::cancelled("cancelled while waiting for ", waited_for);
}

}  // namespace howdah::kernel
