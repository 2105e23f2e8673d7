// SocketWatch: lets a fiber wait until a socket that somebody else owns (libpq) is readable or writable.
//
// Threads: [shard], the one it was adopted on; wait() in a fiber, one at a time.
// Owns:    the registration with the loop, never the descriptor: release() or destroy this before its owner closes it.
// Errors:  adopt() fails with internal if the loop cannot watch it. A broken socket counts as ready: the next read or
//          write of the owner meets the error.
#pragma once

#include <memory>

#include <howdah/result.hpp>

#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

class Shard;

class SocketWatch {
public:
    enum Mask : unsigned { readable = 1, writable = 2 };

    static Result<std::unique_ptr<SocketWatch>> adopt(Shard& shard, int descriptor);
    ~SocketWatch();
    SocketWatch(const SocketWatch&) = delete;
    SocketWatch& operator=(const SocketWatch&) = delete;

    // Parks the running fiber until one of the mask's conditions holds. Can be repeated after any outcome.
    WaitStatus wait(unsigned mask, Cancellation* cancellation, Deadline deadline);
    // Which of them held when the last wait ended.
    unsigned ready() const;

    // Gives the descriptor back; no wait may be in progress. Then only destruction is left.
    void release();

private:
    struct State;  // shared with the loop's handlers, which can outlive a wait that timed out
    explicit SocketWatch(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace howdah::kernel
