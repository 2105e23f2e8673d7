// ListenAddress: where a server takes connections, as it is written in a configuration: HOST:PORT, unix:/path.sock, or
// systemd for the sockets the process was started with.
//
// Threads: any; a value.
// Errors:  invalid_argument, with what was met and what is understood.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::kernel {

struct ListenAddress {
    enum class Kind : std::uint8_t { tcp, unix_socket, systemd };

    Kind kind = Kind::tcp;
    std::string host = "127.0.0.1";  // tcp: an IP address without brackets, or localhost
    std::uint16_t port = 8642;       // tcp: 0 = any free one
    std::string path;                // unix_socket

    static Result<ListenAddress> parse(std::string_view text);
    std::string text() const;  // what parse() takes

    std::string_view ip() const { return host == "localhost" ? std::string_view("127.0.0.1") : host; }
    // Whether another machine may reach it; of systemd's sockets only the sockets themselves tell.
    bool reachedFromElsewhere() const;
};

// What makes it safe that others reach an address.
struct Guarded {
    bool by_auth = false;  // credentials are asked for
    bool by_tls = false;   // here, or by a proxy on the way in
};

// An address other machines reach needs both; refused, with what to write, otherwise.
Result<void> checkReach(const ListenAddress& address, Guarded guarded);

// 127.0.0.0/8, ::1 or localhost.
bool isLoopbackHost(std::string_view host);

// "::1" -> "[::1]:80"
std::string hostAndPort(std::string_view host, std::uint16_t port);

}  // namespace howdah::kernel
