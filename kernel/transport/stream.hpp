// Stream: the bytes to and from one client, whatever carries them: TCP, a Unix socket, TLS.
//
// Threads: [shard].
// Owns:    the socket and the TLS session over it.
// Errors:  of reading: eof when the peer has said that nothing follows, anything else when it is gone.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <sys/uio.h>

#include "kernel/transport/tls_session.hpp"

namespace howdah::kernel {

// The concrete executor saves a type-erased dispatch per operation; the generic protocol costs nothing once connected.
using StreamSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, boost::asio::io_context::executor_type>;

class Stream {
public:
    // `tls` null: as it comes.
    explicit Stream(StreamSocket socket, std::unique_ptr<TlsSession> tls = nullptr)
        : socket_(std::move(socket)), tls_(std::move(tls)) {}

    // Reads what is there, at least one byte. One at a time; handler(error, bytes) is called from the loop, never
    // before this returns, and keeps the stream alive.
    template <typename Handler>
    void readSome(char* to, std::size_t room, Handler&& handler) {
        if (tls_) return readDecrypted(to, room, std::forward<Handler>(handler), false);
        socket_.async_read_some(boost::asio::buffer(to, room), std::forward<Handler>(handler));
    }

    // Like sendmsg(): the bytes taken, or -1 with errno; EAGAIN when the peer has to read first.
    ssize_t send(const iovec* parts, std::size_t count);

    // handler(error) once send() may be tried again.
    template <typename Handler>
    void waitWritable(Handler&& handler) {
        socket_.async_wait(StreamSocket::wait_write, std::forward<Handler>(handler));
    }

    int unacknowledged() const;  // bytes sent that the peer's kernel has not taken; 0 when closed
    bool closeSending();         // after the last byte; false when the peer is gone
    void hangUp();               // in both directions; who reads here hears of it
    // From here on close() ends it at once: nothing that the peer has not taken is kept for it by the system.
    void dropUnsent();
    void close();

private:
    using ReadHandler = std::function<void(const boost::system::error_code&, std::size_t)>;
    void readDecrypted(char* to, std::size_t room, ReadHandler handler, bool from_loop);

    StreamSocket socket_;
    std::unique_ptr<TlsSession> tls_;
};

}  // namespace howdah::kernel
