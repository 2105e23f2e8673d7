// SocketWriter: the sending half of one connection. A fiber sends and parks while the peer does not read; the loop
// enqueues small things that must not wait.
//
// Threads: [shard].
// Owns:    what was enqueued and not yet sent; the stream belongs to the connection, which `owner` keeps alive while a
//          wait is armed.
// Errors:  cancelled once the peer is gone or has taken too little for the stall limit; all later sends fail the same
// way.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include <howdah/result.hpp>

#include "kernel/runtime/event.hpp"
#include "kernel/transport/stream.hpp"

namespace howdah::kernel {

class SocketWriter {
public:
    // `on_settled` is called when what was queued has left, or never will because the peer is gone.
    SocketWriter(Stream& stream, std::chrono::milliseconds stall_limit, std::function<void()> on_settled)
        : stream_(stream), stall_limit_(stall_limit), on_settled_(std::move(on_settled)) {}

    // [fiber] Sends all parts, in order; the array is used up. `owner` is the connection.
    Result<void> send(iovec* parts, std::size_t count, const std::shared_ptr<void>& owner);

    // Sends now what the stream takes and keeps the rest. Not while a fiber is in send().
    void enqueue(std::string_view bytes, const std::shared_ptr<void>& owner);

    std::size_t unsentBytes() const { return queue_.size(); }
    // What the peer has still to take: while nothing is added, it is less when the peer has read.
    std::size_t pendingBytes() const { return queue_.size() + static_cast<std::size_t>(stream_.unacknowledged()); }
    bool sending() const { return sending_; }
    bool broken() const { return broken_; }
    void breakOff();  // the peer is gone: ends a send() that waits

private:
    bool trySend(iovec*& parts, std::size_t& count);  // false: the stream takes no more for now, or broke
    int leastTaken() const;
    void flush();
    void arm(const std::shared_ptr<void>& owner);

    Stream& stream_;
    const std::chrono::milliseconds stall_limit_;
    const std::function<void()> on_settled_;
    std::string queue_;
    Event writable_;
    bool armed_ = false;
    bool sending_ = false;
    bool broken_ = false;
};

}  // namespace howdah::kernel
