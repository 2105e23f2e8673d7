#include "kernel/transport/http_listener.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace howdah::kernel {
namespace {

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
constexpr int kPassedMax = 64;
// A peer that vanished without a word is given up: after 30 s of silence it is asked, and three times more; what was
// sent to it waits for its word for a minute.
constexpr int kKeepIdleSeconds = 30, kKeepEverySeconds = 10, kKeepCount = 3;
constexpr unsigned kUnheardMs = 60'000;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress addressOf(std::string_view ip, std::uint16_t port) {
    SocketAddress out;
    const std::string text(ip);
    auto* four = reinterpret_cast<sockaddr_in*>(&out.storage);
    if (::inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        out.size = sizeof *four;
        return out;
    }
    auto* six = reinterpret_cast<sockaddr_in6*>(&out.storage);
    ::inet_pton(AF_INET6, text.c_str(), &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    out.size = sizeof *six;
    return out;
}

// What the socket itself says it listens on.
Result<ListenAddress> boundTo(int socket) {
    SocketAddress bound;
    if (::getsockname(socket, bound.raw(), &bound.size) != 0)
        return Error::unavailable("cannot ask a socket for its address: ", std::string_view(std::strerror(errno)));
    ListenAddress out;
    char text[INET6_ADDRSTRLEN] = {};
    switch (bound.storage.ss_family) {
        case AF_INET: {
            const auto* four = reinterpret_cast<const sockaddr_in*>(&bound.storage);
            ::inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
            out.host = text;
            out.port = ntohs(four->sin_port);
            return out;
        }
        case AF_INET6: {
            const auto* six = reinterpret_cast<const sockaddr_in6*>(&bound.storage);
            ::inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
            out.host = text;
            out.port = ntohs(six->sin6_port);
            return out;
        }
        case AF_UNIX: {
            const auto* local = reinterpret_cast<const sockaddr_un*>(&bound.storage);
            out.kind = ListenAddress::Kind::unix_socket;
            const std::size_t length = bound.size - offsetof(sockaddr_un, sun_path);
            out.path.assign(local->sun_path, length);
            if (out.path.starts_with('\0')) out.path[0] = '@';  // a name without a file
            while (out.path.ends_with('\0'))
                out.path.pop_back();
            return out;
        }
        default: return Error::refused("a socket of family ", bound.storage.ss_family, " is neither TCP nor Unix");
    }
}

// Accepted sockets inherit all of these, so a connection costs no call of its own.
void setOptions(int socket) {
    const int on = 1;
    auto set = [&](int level, int name, const auto& value) {
        ::setsockopt(socket, level, name, &value, sizeof value);  // without it answers are slower or peers linger
    };
    set(IPPROTO_TCP, TCP_NODELAY, on);
    set(SOL_SOCKET, SO_KEEPALIVE, on);
    set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleSeconds);
    set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepEverySeconds);
    set(IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUnheardMs);
}

Result<HttpListener> openTcp(const ListenAddress& address) {
    auto failed = [&](std::string_view what) -> Error {
        return Error::unavailable("cannot ", what, " ", address.host, " port ", address.port, ": ",
                                  std::string_view(std::strerror(errno)))
            .withHint("another server may be running there; choose another transports.http.listen");
    };
    SocketAddress to = addressOf(address.ip(), address.port);
    HttpListener listener;
    listener.family = to.storage.ss_family;
    listener.socket = Descriptor(::socket(listener.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int socket = listener.socket.get();
    if (socket < 0) return failed("open a socket for");
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // [::] means IPv6 alone, so that 0.0.0.0 can stand beside it.
    if (listener.family == AF_INET6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    setOptions(socket);
    if (::bind(socket, to.raw(), to.size) != 0) return failed("bind");
    if (::listen(socket, SOMAXCONN) != 0) return failed("listen on");
    auto bound = boundTo(socket);
    if (!bound) return std::move(bound).error();
    listener.at = std::move(*bound);
    return listener;
}

Result<HttpListener> openUnix(const ListenAddress& address, bool others_connect) {
    auto file = UnixListener::open(address.path, others_connect ? 0666 : 0600, SOMAXCONN);
    if (!file) {
        Error error = std::move(file).error();
        error.message = concat("transports.http.listen: ", error.message);
        return error;
    }
    HttpListener listener;
    listener.family = AF_UNIX;
    listener.at = address;
    listener.socket = Descriptor(file->releaseSocket());
    listener.file.emplace(std::move(*file));
    return listener;
}

int optionOf(int socket, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

Result<HttpListener> adopt(Descriptor socket) {
    const int number = socket.get();
    if (optionOf(number, SO_TYPE) != SOCK_STREAM || optionOf(number, SO_ACCEPTCONN) != 1) {
        return Error::refused("transports.http.listen: descriptor ", number,
                              ", which this process was started with, is no listening stream socket")
            .withHint("a systemd socket unit for it has ListenStream= and not Accept=yes");
    }
    auto at = boundTo(number);
    if (!at) return std::move(at).error();
    HttpListener listener;
    listener.at = std::move(*at);
    listener.family = optionOf(number, SO_DOMAIN);
    listener.passed = true;
    listener.socket = std::move(socket);
    if (listener.isTcp()) setOptions(number);
    return listener;
}

}  // namespace

HttpPeer HttpListener::peerOf(int connection) const {
    if (!isTcp()) return {.uid = peerUid(connection), .address = {}};
    SocketAddress peer;
    if (::getpeername(connection, peer.raw(), &peer.size) != 0) return {};  // gone already
    // An address of loopback says nothing of who is there: all programs of this machine share it.
    constexpr std::uint8_t kLoopback = 127;
    auto fromV4 = [](const void* address) -> HttpPeer {
        const auto* bytes = static_cast<const char*>(address);
        if (static_cast<std::uint8_t>(bytes[0]) == kLoopback) return {};
        return {.address = std::string(bytes, 4)};
    };
    if (peer.storage.ss_family == AF_INET)
        return fromV4(&reinterpret_cast<const sockaddr_in*>(&peer.storage)->sin_addr);
    // Whoever has one IPv6 address usually has the 2^64 of its network.
    constexpr std::size_t kNetworkBytes = 8;
    const auto& six = reinterpret_cast<const sockaddr_in6*>(&peer.storage)->sin6_addr;
    const char* bytes = reinterpret_cast<const char*>(&six);
    if (IN6_IS_ADDR_V4MAPPED(&six)) return fromV4(bytes + 12);
    if (IN6_IS_ADDR_LOOPBACK(&six)) return {};
    return {.address = std::string(bytes, kNetworkBytes)};
}

std::size_t passedSocketCount(const EnvironmentOf& environment) {
    auto number = [&](const char* name) {
        const std::string text = environment(name).value_or("");
        int value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        return error == std::errc() && end == text.data() + text.size() ? value : 0;
    };
    if (number("LISTEN_PID") != ::getpid()) return 0;
    return static_cast<std::size_t>(std::clamp(number("LISTEN_FDS"), 0, kPassedMax));
}

std::vector<Descriptor> passedSockets(const EnvironmentOf& environment) {
    std::vector<Descriptor> sockets;
    const int count = static_cast<int>(passedSocketCount(environment));
    for (int descriptor = kFirstPassed; descriptor < kFirstPassed + count; ++descriptor) {
        ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        sockets.emplace_back(descriptor);
    }
    return sockets;
}

Result<std::vector<HttpListener>> openListeners(const std::vector<ListenAddress>& addresses,
                                                std::vector<Descriptor> passed, bool others_connect) {
    std::vector<HttpListener> listeners;
    for (const ListenAddress& address : addresses) {
        if (address.kind == ListenAddress::Kind::systemd) {
            if (passed.empty()) {
                return Error::refused(
                           "transports.http.listen: systemd, but this process was started with no sockets (LISTEN_PID "
                           "and LISTEN_FDS do not say so)")
                    .withHint("start it by its systemd socket unit, or write an address");
            }
            for (Descriptor& socket : passed) {
                auto adopted = adopt(std::move(socket));
                if (!adopted) return std::move(adopted).error();
                listeners.push_back(std::move(*adopted));
            }
            passed.clear();
            continue;
        }
        const bool tcp = address.kind == ListenAddress::Kind::tcp;
        auto opened = tcp ? openTcp(address) : openUnix(address, others_connect);
        if (!opened) return std::move(opened).error();
        listeners.push_back(std::move(*opened));
    }
    return listeners;
}

}  // namespace howdah::kernel
