// Bytes to and from a server, over TCP, TLS or a Unix socket. Connecting blocks and belongs on a worker; reading and
// writing never block: they say what to wait for.
//
// Threads: one at a time.
// Owns:    the descriptor and the TLS session.
// Errors:  unavailable with the address and the reason; never the password.
// Source:  OpenSSL manual, SSL_read(3) and SSL_set1_host(3).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <openssl/ssl.h>
#include <unistd.h>

#include <howdah/result.hpp>

#include "plugins/redis/config.hpp"

namespace howdah::redis {

class Channel {
public:
    using Clock = std::chrono::steady_clock;

    static Result<Channel> connectBlocking(const Config& config, Clock::time_point deadline);

    Channel(Channel&& other) noexcept;
    Channel& operator=(Channel&&) = delete;
    ~Channel();

    int descriptor() const { return descriptor_; }

    // How far it has got: bytes, or what must come first.
    struct Step {
        std::size_t bytes = 0;
        std::uint32_t wait_for = 0;  // HOWDAH_READABLE or HOWDAH_WRITABLE when nothing could be done
        bool ended = false;          // by the other side, or broken
    };
    Step read(char* into, std::size_t size);
    Step write(std::string_view bytes);
    // False when the server has closed it, or has said something nobody asked for.
    bool isQuiet();

private:
    explicit Channel(int descriptor) : descriptor_(descriptor) {}
    Result<void> startTls(const Config& config, Clock::time_point deadline);
    Step tlsStep(int result);

    struct SslFree {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    int descriptor_;
    std::unique_ptr<SSL, SslFree> tls_;
};

// Waits with poll() until the descriptor is ready; false at the deadline.
bool pollUntil(int descriptor, std::uint32_t mask, Channel::Clock::time_point deadline);

}  // namespace howdah::redis
