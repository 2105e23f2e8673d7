#include "kernel/transport/tls_session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "kernel/transport/http_response.hpp"

namespace howdah::kernel {
namespace {

// One record: what is gathered here leaves in one call.
constexpr std::size_t kRecordBytes = 16 * 1024;

// OpenSSL's own socket BIO raises SIGPIPE and trusts the socket to be non-blocking.
int socketOf(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int readSocket(BIO* bio, char* to, int room) {
    BIO_clear_retry_flags(bio);
    for (;;) {
        const ssize_t got = ::recv(socketOf(bio), to, static_cast<std::size_t>(room), MSG_DONTWAIT);
        if (got >= 0) return static_cast<int>(got);
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_read(bio);
        return -1;
    }
}

int writeSocket(BIO* bio, const char* bytes, int count) {
    BIO_clear_retry_flags(bio);
    for (;;) {
        const ssize_t sent = ::send(socketOf(bio), bytes, static_cast<std::size_t>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) return static_cast<int>(sent);
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_write(bio);
        return -1;
    }
}

long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socketMethod() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "howdah socket");
        BIO_meth_set_read(made, readSocket);
        BIO_meth_set_write(made, writeSocket);
        BIO_meth_set_ctrl(made, control);
        return made;
    }();
    return method;
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* session) const {
    SSL_free(session);
}

TlsSession::TlsSession(ssl_ctx_st& context, int socket, Counter failed)
    : session_(SSL_new(&context)), socket_(socket), failed_handshakes_(std::move(failed)) {
    BIO* bio = session_ ? BIO_new(socketMethod()) : nullptr;
    if (!bio) {
        failed_ = true;  // no memory: the connection ends at its first read
        return;
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
    BIO_set_init(bio, 1);
    SSL_set_bio(session_.get(), bio, bio);
    SSL_set_accept_state(session_.get());
}

TlsSession::~TlsSession() {
    if (!session_ || !SSL_is_init_finished(session_.get())) failed_handshakes_->fetch_add(1, std::memory_order_relaxed);
}

TlsSession::Step TlsSession::read(char* to, std::size_t room, std::size_t& bytes) {
    bytes = 0;
    if (failed_) return Step::failed;
    ERR_clear_error();
    const int result = SSL_read_ex(session_.get(), to, room, &bytes);
    if (result == 1) return Step::done;
    switch (SSL_get_error(session_.get(), result)) {
        case SSL_ERROR_WANT_READ: return Step::wants_read;
        case SSL_ERROR_WANT_WRITE: return Step::wants_write;
        case SSL_ERROR_ZERO_RETURN: return Step::ended;
        default: break;
    }
    const unsigned long error = ERR_peek_error();
    ERR_clear_error();
    failed_ = true;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST) answerPlainHttp();
    return Step::failed;
}

// The one mistake every client makes once: it deserves words rather than a broken connection.
void TlsSession::answerPlainHttp() const {
    const std::string body = jsonRpcError(-32600, "this address speaks TLS: begin the URL with https://");
    HttpResponseHead head;
    head.status = 400;
    head.content_type = "application/json";
    head.length = body.size();
    head.keep_alive = false;
    std::string answer;
    head.appendTo(answer);
    answer += body;
    static_cast<void>(::send(socket_, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

ssize_t TlsSession::write(const iovec* parts, std::size_t count) {
    // Before the handshake there is nobody to write to, and waiting for room would not bring it on.
    if (failed_ || closed_ || !SSL_is_init_finished(session_.get())) {
        errno = EPIPE;
        return -1;
    }
    thread_local char record[kRecordBytes];
    const char* from = record;
    std::size_t size = 0;
    if (count == 1) {
        from = static_cast<const char*>(parts->iov_base);
        size = std::min(parts->iov_len, kRecordBytes);
    }
    for (std::size_t i = 0; count > 1 && i < count && size < kRecordBytes; ++i) {
        const std::size_t taken = std::min(parts[i].iov_len, kRecordBytes - size);
        if (taken > 0) std::memcpy(record + size, parts[i].iov_base, taken);
        size += taken;
    }
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(session_.get(), from, size, &written);
    if (result == 1) return static_cast<ssize_t>(written);
    if (SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
    } else {
        ERR_clear_error();
        failed_ = true;
        errno = EPIPE;
    }
    return -1;
}

void TlsSession::close() {
    if (failed_ || closed_) return;
    closed_ = true;
    ERR_clear_error();
    if (SSL_is_init_finished(session_.get())) SSL_shutdown(session_.get());  // best effort: the socket closes anyway
    ERR_clear_error();
}

}  // namespace howdah::kernel
