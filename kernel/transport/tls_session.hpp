// TlsSession: TLS on one connection, the server's side. Nothing waits in it: what the socket does not take or has not
// brought yet is told to the caller.
//
// Threads: [shard].
// Owns:    the session; the socket stays the caller's and must outlive it.
// Errors:  Step::failed once anything is wrong: then nothing more can be read or written.
// Source:  OpenSSL 3.0, SSL_read_ex(3), SSL_get_error(3); RFC 8446.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <sys/types.h>
#include <sys/uio.h>

struct ssl_st;
struct ssl_ctx_st;

namespace howdah::kernel {

class TlsSession {
public:
    using Counter = std::shared_ptr<std::atomic<std::uint64_t>>;
    // `failed` counts it when this ends before both sides have agreed.
    TlsSession(ssl_ctx_st& context, int socket, Counter failed);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    enum class Step : std::uint8_t { done, wants_read, wants_write, ended, failed };
    // Shakes hands first. A client that speaks plain HTTP here is told so.
    Step read(char* to, std::size_t room, std::size_t& bytes);
    // Like sendmsg(): bytes taken, or -1 with errno. After EAGAIN the same bytes come again, maybe with more behind.
    ssize_t write(const iovec* parts, std::size_t count);
    void close();  // tells the peer that nothing follows, if it still listens

private:
    struct Free {
        void operator()(ssl_st* session) const;
    };
    void answerPlainHttp() const;

    std::unique_ptr<ssl_st, Free> session_;
    const int socket_;
    const Counter failed_handshakes_;
    bool failed_ = false;
    bool closed_ = false;  // by us; the peer may still say something
};

}  // namespace howdah::kernel
