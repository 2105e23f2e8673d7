#include "plugins/redis/channel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <howdah/abi/runtime.h>

namespace howdah::redis {
namespace {

using Clock = Channel::Clock;

struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

std::string tlsReason() {
    char text[256];
    const unsigned long code = ERR_get_error();
    if (code == 0) return "the connection ended";
    ERR_error_string_n(code, text, sizeof text);
    return text;
}

// 0, or why it failed.
int connectTo(int descriptor, const sockaddr* address, socklen_t size, Clock::time_point deadline) {
    if (connect(descriptor, address, size) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (!pollUntil(descriptor, HOWDAH_WRITABLE, deadline)) return ETIMEDOUT;
    int reason = 0;
    socklen_t length = sizeof reason;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length) != 0) return errno;
    return reason;
}

Result<int> openUnix(const Config& config, Clock::time_point deadline) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (config.socket.size() >= sizeof address.sun_path)
        return Error::invalidArgument("redis.socket is longer than ", sizeof address.sun_path - 1, " bytes");
    std::memcpy(address.sun_path, config.socket.data(), config.socket.size());
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return Error::unavailable("no socket: ", std::strerror(errno));
    const int reason = connectTo(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline);
    if (reason == 0) return descriptor;
    close(descriptor);
    return Error::unavailable("redis at ", config.address(), " cannot be reached: ", std::strerror(reason));
}

Result<int> openTcp(const Config& config, Clock::time_point deadline) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int failed = getaddrinfo(config.host.c_str(), std::to_string(config.port).c_str(), &hints, &found))
        return Error::unavailable("the host ", config.host, " of redis is not found: ", gai_strerror(failed));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
    int reason = EADDRNOTAVAIL;
    for (const addrinfo* one = found; one; one = one->ai_next) {
        const int descriptor = socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, one->ai_protocol);
        if (descriptor < 0) {
            reason = errno;
            continue;
        }
        reason = connectTo(descriptor, one->ai_addr, one->ai_addrlen, deadline);
        if (reason == 0) {
            const int on = 1;  // each command is a round trip; a failure only makes it slower
            setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            return descriptor;
        }
        close(descriptor);
    }
    return Error::unavailable("redis at ", config.address(), " cannot be reached: ", std::strerror(reason));
}

}  // namespace

bool pollUntil(int descriptor, std::uint32_t mask, Clock::time_point deadline) {
    const auto events = static_cast<short>(mask == HOWDAH_READABLE ? POLLIN : POLLOUT);
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return false;
        pollfd watched{descriptor, events, 0};
        const int ready = poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000)));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

Channel::Channel(Channel&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), tls_(std::move(other.tls_)) {}

Channel::~Channel() {
    tls_.reset();
    if (descriptor_ >= 0) close(descriptor_);
}

Result<Channel> Channel::connectBlocking(const Config& config, Clock::time_point deadline) {
    auto opened = config.socket.empty() ? openTcp(config, deadline) : openUnix(config, deadline);
    if (!opened) return std::move(opened).error();
    Channel channel(*opened);
    if (config.tls)
        if (auto secured = channel.startTls(config, deadline); !secured) return std::move(secured).error();
    return channel;
}

Result<void> Channel::startTls(const Config& config, Clock::time_point deadline) {
    const std::unique_ptr<SSL_CTX, ContextFree> context(SSL_CTX_new(TLS_client_method()));
    if (!context) return Error::internal("no TLS context: ", tlsReason());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const int trusted = config.ca_file.empty()
                            ? SSL_CTX_set_default_verify_paths(context.get())
                            : SSL_CTX_load_verify_locations(context.get(), config.ca_file.c_str(), nullptr);
    if (trusted != 1) return Error::invalidArgument("redis.ca_file: cannot read ", config.ca_file, ": ", tlsReason());
    tls_.reset(SSL_new(context.get()));
    SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // An address is looked for among the certificate's addresses, a name among its names, and only that is sent.
    const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_.get()), config.host.c_str()) == 1;
    if (!is_address && (SSL_set1_host(tls_.get(), config.host.c_str()) != 1 ||
                        SSL_set_tlsext_host_name(tls_.get(), config.host.c_str()) != 1))
        return Error::invalidArgument("redis.host is no name that TLS can check: ", tlsReason());
    if (SSL_set_fd(tls_.get(), descriptor_) != 1) return Error::internal("no TLS session: ", tlsReason());
    for (;;) {
        ERR_clear_error();
        const int result = SSL_connect(tls_.get());
        if (result == 1) return {};
        const Step step = tlsStep(result);
        if (step.ended)
            return Error::unavailable("redis at ", config.address(),
                                      " and this server do not agree on TLS: ", tlsReason());
        if (!pollUntil(descriptor_, step.wait_for, deadline))
            return Error::unavailable("redis at ", config.address(), " does not answer the TLS handshake in time");
    }
}

Channel::Step Channel::tlsStep(int result) {
    switch (SSL_get_error(tls_.get(), result)) {
        case SSL_ERROR_WANT_READ: return {0, HOWDAH_READABLE, false};
        case SSL_ERROR_WANT_WRITE: return {0, HOWDAH_WRITABLE, false};
        default: return {0, 0, true};
    }
}

Channel::Step Channel::read(char* into, std::size_t size) {
    if (tls_) {
        ERR_clear_error();
        std::size_t bytes = 0;
        const int result = SSL_read_ex(tls_.get(), into, size, &bytes);
        return result == 1 ? Step{bytes, 0, false} : tlsStep(result);
    }
    for (;;) {
        // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): the socket never blocks
        const ssize_t bytes = recv(descriptor_, into, size, 0);
        if (bytes > 0) return {static_cast<std::size_t>(bytes), 0, false};
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {0, HOWDAH_READABLE, false};
        return {0, 0, true};
    }
}

Channel::Step Channel::write(std::string_view bytes) {
    if (tls_) {
        ERR_clear_error();
        std::size_t written = 0;
        const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &written);
        return result == 1 ? Step{written, 0, false} : tlsStep(result);
    }
    for (;;) {
        const ssize_t written = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (written > 0) return {static_cast<std::size_t>(written), 0, false};
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {0, HOWDAH_WRITABLE, false};
        return {0, 0, true};
    }
}

bool Channel::isQuiet() {
    char byte = 0;
    const Step step = read(&byte, 1);
    return step.bytes == 0 && !step.ended;
}

}  // namespace howdah::redis
