#include "kernel/runtime/cancellation.hpp"

#include <cassert>

#include "kernel/runtime/event.hpp"
#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {

Cancellation::~Cancellation() {
    assert(!first_ && "a wait still names this cancellation");
}

bool Cancellation::cancel(CancelReason reason) {
    assert(reason != CancelReason::none);
    CancelReason expected = CancelReason::none;
    if (!reason_.compare_exchange_strong(expected, reason, std::memory_order_acq_rel)) return false;
    // Even on the owning thread not at once: the caller may be a fiber in the middle of something. A wait that starts
    // after this sees the flag itself.
    shard_.post([self = shared_from_this()] { self->endWaits(); });
    return true;
}

Error Cancellation::error() const {
    switch (reason()) {
        case CancelReason::none: break;
        case CancelReason::client_gone: return Error::cancelled("the client has gone");
        case CancelReason::requested: return Error::cancelled("the client cancelled the request");
        case CancelReason::reload:
            return Error::cancelled("the plugins were reloaded and the request did not end in time; send it again");
        case CancelReason::credential:
            return Error::cancelled("the credential of this request is no longer good; ask again with a valid one");
        case CancelReason::shutdown: return Error::cancelled("the server is shutting down");
    }
    return Error::cancelled("the request was cancelled");
}

void Cancellation::attach(Waiter& waiter) {
    assert(Shard::current() == &shard_);
    waiter.next = first_;
    if (first_) first_->previous = &waiter;
    first_ = &waiter;
}

void Cancellation::detach(Waiter& waiter) {
    if (waiter.next) waiter.next->previous = waiter.previous;
    (waiter.previous ? waiter.previous->next : first_) = waiter.next;
}

void Cancellation::endWaits() {
    // Waking only queues the fiber, which detaches its waiter when it runs: the list does not change meanwhile.
    for (Waiter* waiter = first_; waiter; waiter = waiter->next)
        Event::endFromLoop(*waiter, WaitStatus::cancelled);
}

}  // namespace howdah::kernel
