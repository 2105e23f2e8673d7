#include "kernel/base/listen_address.hpp"

#include <charconv>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace howdah::kernel {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;

bool isAddress(const std::string& host, bool bracketed) {
    in6_addr room{};
    if (bracketed) return ::inet_pton(AF_INET6, host.c_str(), &room) == 1;
    return host == "localhost" || ::inet_pton(AF_INET, host.c_str(), &room) == 1;
}

Result<ListenAddress> parseUnix(std::string_view path) {
    if (path.empty() || path.size() > kPathMax || path.find('\0') != std::string_view::npos) {
        return Error::invalidArgument("must be unix: and a path of 1 to ", kPathMax, " bytes, got one of ",
                                      path.size());
    }
    ListenAddress address;
    address.kind = ListenAddress::Kind::unix_socket;
    address.path = path;
    return address;
}

}  // namespace

bool isLoopbackHost(std::string_view host) {
    if (host == "localhost") return true;
    const std::string text(host);
    in_addr four{};
    if (::inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
    in6_addr six{};
    return ::inet_pton(AF_INET6, text.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string hostAndPort(std::string_view host, std::uint16_t port) {
    const bool six = host.find(':') != std::string_view::npos;
    return concat(six ? "[" : "", host, six ? "]" : "", ":", port);
}

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
    if (text == "systemd") {
        ListenAddress address;
        address.kind = Kind::systemd;
        return address;
    }
    if (text.starts_with(kUnix)) return parseUnix(text.substr(kUnix.size()));
    const std::size_t colon = text.rfind(':');
    std::string host(text.substr(0, colon));
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    const char* const end = text.data() + text.size();
    unsigned port = 65536;
    const bool has_port = colon != std::string_view::npos && colon + 1 < text.size() &&
                          std::from_chars(text.data() + colon + 1, end, port).ptr == end && port <= 65535;
    if (!has_port || !isAddress(host, bracketed)) {
        return Error::invalidArgument(
            "must be ADDRESS:PORT with an IP address or localhost and a port of 0 to 65535, like 127.0.0.1:8642 or "
            "[::1]:8642, or unix:/path/of.sock, or systemd, got \"",
            text, "\"");
    }
    ListenAddress address;
    address.host = std::move(host);
    address.port = static_cast<std::uint16_t>(port);
    return address;
}

std::string ListenAddress::text() const {
    switch (kind) {
        case Kind::tcp: return hostAndPort(host, port);
        case Kind::unix_socket: return concat(kUnix, path);
        case Kind::systemd: break;
    }
    return "systemd";
}

Result<void> checkReach(const ListenAddress& address, Guarded guarded) {
    if (!address.reachedFromElsewhere() || (guarded.by_auth && guarded.by_tls)) return {};
    const std::string_view auth = "a plugin as auth, not auth: none";
    const std::string_view tls = "tls: {certificate: FILE, key: FILE}, or behind_proxy: true where a proxy does TLS";
    const bool both = !guarded.by_auth && !guarded.by_tls;
    return Error::refused("other machines reach ", address.text(), ", so everyone on the network could ",
                          guarded.by_auth ? "read along" : "query the database", ": it needs ",
                          guarded.by_auth ? tls : auth, both ? ", and " : "", both ? tls : "",
                          "; or listen on 127.0.0.1, [::1] or a unix: socket");
}

bool ListenAddress::reachedFromElsewhere() const {
    return kind == Kind::tcp && !isLoopbackHost(host);
}

}  // namespace howdah::kernel
