#include "kernel/transport/stream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace howdah::kernel {

ssize_t Stream::send(const iovec* parts, std::size_t count) {
    if (tls_) return tls_->write(parts, count);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = count;
    return ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Stream::readDecrypted(char* to, std::size_t room, ReadHandler handler, bool from_loop) {
    std::size_t bytes = 0;
    boost::system::error_code error;
    const TlsSession::Step step = tls_->read(to, room, bytes);
    switch (step) {
        case TlsSession::Step::done: break;
        case TlsSession::Step::ended: error = boost::asio::error::eof; break;
        case TlsSession::Step::failed: error = boost::asio::error::connection_reset; break;
        case TlsSession::Step::wants_read:
        case TlsSession::Step::wants_write: {
            auto again = [this, to, room,
                          handler = std::move(handler)](const boost::system::error_code& failed) mutable {
                if (failed) return handler(failed, 0);
                readDecrypted(to, room, std::move(handler), true);
            };
            socket_.async_wait(
                step == TlsSession::Step::wants_read ? StreamSocket::wait_read : StreamSocket::wait_write,
                std::move(again));
            return;
        }
    }
    if (from_loop) return handler(error, bytes);
    boost::asio::post(socket_.get_executor(), [handler = std::move(handler), error, bytes] { handler(error, bytes); });
}

int Stream::unacknowledged() const {
    int bytes = 0;
    return ::ioctl(const_cast<StreamSocket&>(socket_).native_handle(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

bool Stream::closeSending() {
    if (tls_) tls_->close();
    boost::system::error_code error;
    socket_.shutdown(StreamSocket::shutdown_send, error);
    return !error;
}

void Stream::hangUp() {
    if (tls_) tls_->close();
    boost::system::error_code ignored;  // the peer may have closed it already
    socket_.shutdown(StreamSocket::shutdown_both, ignored);
}

void Stream::dropUnsent() {
    boost::system::error_code ignored;  // a socket that has no such thing keeps nothing either
    socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
}

void Stream::close() {
    if (tls_) tls_->close();
    boost::system::error_code ignored;  // closed in any case
    socket_.close(ignored);
}

}  // namespace howdah::kernel
