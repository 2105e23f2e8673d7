// SocketWriter: the sending half of one TCP connection. A fiber sends and parks while the peer does not read; the loop
// enqueues small things that must not wait.
//
// Threads: [shard].
// Owns:    what was enqueued and not yet sent; the socket belongs to the connection, which `owner` keeps alive while a
//          wait is armed.
// Errors:  cancelled once the peer is gone or has taken nothing for the stall limit; all later sends fail the same way.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <sys/uio.h>

#include <howdah/result.hpp>

#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

// The concrete executor saves a type-erased dispatch per operation.
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class SocketWriter {
public:
    // `on_settled` is called when what was queued has left, or never will because the peer is gone.
    SocketWriter(TcpSocket& socket, std::chrono::milliseconds stall_limit, std::function<void()> on_settled)
        : socket_(socket), stall_limit_(stall_limit), on_settled_(std::move(on_settled)) {}

    // [fiber] Sends all parts, in order; the array is used up. `owner` is the connection.
    Result<void> send(iovec* parts, std::size_t count, const std::shared_ptr<void>& owner);

    // Sends now what the socket takes and keeps the rest. Not while a fiber is in send().
    void enqueue(std::string_view bytes, const std::shared_ptr<void>& owner);

    std::size_t unsentBytes() const { return queue_.size(); }
    // What the peer has still to take: while nothing is added, it is less when the peer has read.
    std::size_t pendingBytes() const { return queue_.size() + static_cast<std::size_t>(unacknowledged()); }
    bool sending() const { return sending_; }
    bool broken() const { return broken_; }
    void breakOff();  // the peer is gone: ends a send() that waits

private:
    bool trySend(iovec*& parts, std::size_t& count);  // false: the socket takes no more for now, or broke
    int unacknowledged() const;                       // bytes sent that the peer's kernel has not taken
    void flush();
    void arm(const std::shared_ptr<void>& owner);

    TcpSocket& socket_;
    const std::chrono::milliseconds stall_limit_;
    const std::function<void()> on_settled_;
    std::string queue_;
    Event writable_;
    bool armed_ = false;
    bool sending_ = false;
    bool broken_ = false;
};

}  // namespace howdah::kernel
