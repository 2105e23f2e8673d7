#include "config.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace howdah::grpc_transport {
namespace {

struct HostPort {
    std::string_view host;  // without brackets
    std::string_view port;  // "" = none
    bool bracketed = false;
};

// "host", "host:port", "[v6]", "[v6]:port".
HostPort split(std::string_view text) {
    HostPort out;
    std::size_t host_end = 0;
    if (text.starts_with('[')) {
        host_end = text.find(']');
        if (host_end == std::string_view::npos) return {};
        out.host = text.substr(1, host_end - 1);
        out.bracketed = true;
        ++host_end;
    } else {
        host_end = std::min(text.find(':'), text.size());
        out.host = text.substr(0, host_end);
    }
    const std::string_view rest = text.substr(host_end);
    if (rest.empty()) return out;
    if (rest.front() != ':' || rest.size() == 1) return {};
    out.port = rest.substr(1);
    return out;
}

bool isPort(std::string_view text) {
    unsigned port = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    return failed == std::errc{} && end == text.data() + text.size() && port <= 65535;
}

std::string lowerCase(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return out;
}

bool isLoopback(const HostPort& at) {
    const std::string host = lowerCase(at.host);
    if (at.bracketed) {
        in6_addr v6{};
        return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    }
    in_addr v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    return host == "localhost";
}

}  // namespace

bool isLoopbackName(std::string_view authority) {
    const HostPort at = split(authority);
    return !at.host.empty() && (at.port.empty() || isPort(at.port)) && isLoopback(at);
}

// The kernel has checked types and ranges by plugin.json.
Result<Config> Config::parse(const Json& section) {
    Config config;
    config.listen = lowerCase(section.value("listen", config.listen));
    config.connections_max = section.value("connections_max", config.connections_max);
    config.streams_max = section.value("streams_max", config.streams_max);
    config.message_bytes_max = section.value("message_bytes_max", config.message_bytes_max);
    config.metadata_bytes_max = section.value("metadata_bytes_max", config.metadata_bytes_max);
    config.memory_bytes_max = section.value("memory_bytes_max", config.memory_bytes_max);
    config.stall_limit = std::chrono::milliseconds(section.value("stall_timeout_ms", 30'000));
    const HostPort at = split(config.listen);
    if (at.host.empty() || !isPort(at.port)) {
        return Error::invalidArgument("grpc.listen must be HOST:PORT, such as 127.0.0.1:8643, got ", config.listen);
    }
    if (!isLoopback(at)) {
        return Error::refused(
            "grpc.listen must be an address of this machine only (127.0.0.0/8, [::1], localhost), got ", config.listen,
            ": this gRPC library has known weaknesses that were never repaired and is not shown to "
            "other machines; serve them with transports.http");
    }
    // What localhost means is fixed here, not by a resolver.
    if (at.host == "localhost") config.listen = concat("127.0.0.1:", std::string_view(at.port));
    return config;
}

}  // namespace howdah::grpc_transport
