// Cancellation: a one-shot flag with a reason that ends the waits of one request.
//
// Threads: cancel() and the readers any; waits that name it only on the shard it was created for.
// Owns:    nothing; the list of waits is touched on that shard only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <howdah/result.hpp>

#include "kernel/runtime/deadline.hpp"

namespace howdah::kernel {

class Event;
class Shard;
struct Waiter;

enum class CancelReason : std::uint8_t {
    none,
    client_gone,  // stream closed, end of stdin
    requested,    // notifications/cancelled
    shutdown,     // the server drains
    reload,       // its generation was replaced and its time to end is over
    credential,   // what its client was let in with is no longer good
};

class Cancellation : public std::enable_shared_from_this<Cancellation> {
    struct Passkey {};

public:
    static std::shared_ptr<Cancellation> create(Shard& shard) {
        return std::make_shared<Cancellation>(Passkey{}, shard);
    }
    Cancellation(Passkey, Shard& shard) : shard_(shard) {}
    ~Cancellation();
    Cancellation(const Cancellation&) = delete;
    Cancellation& operator=(const Cancellation&) = delete;

    // [any] Wakes the waits that name this. The first reason stays; false when there was one already.
    bool cancel(CancelReason reason);

    bool requested() const { return reason() != CancelReason::none; }
    CancelReason reason() const { return reason_.load(std::memory_order_acquire); }
    Error error() const;  // what the caller of a cancelled call is told

private:
    friend class Event;

    void attach(Waiter& waiter);
    void detach(Waiter& waiter);
    void endWaits();

    Shard& shard_;
    std::atomic<CancelReason> reason_{CancelReason::none};
    Waiter* first_ = nullptr;
};

}  // namespace howdah::kernel
