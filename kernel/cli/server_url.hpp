// ServerUrl: where a command reaches a server: http://, https://, or a Unix socket as it is written in the
// configuration, "unix:/path/of.sock", with ":/mcp" behind it as the server itself says it.
//
// Threads: a value, any.
// Errors:  parse(): invalid_argument, with what can be written.
#pragma once

#include <cstdint>
#include <string>

#include <howdah/result.hpp>

namespace howdah::kernel::cli {

struct ServerUrl {
    enum class Kind : std::uint8_t { http, https, unix_socket };
    Kind kind = Kind::http;
    std::string host;    // without the brackets of IPv6; "" on a Unix socket
    std::string port;    // digits; "" on a Unix socket
    std::string socket;  // its path
    std::string path = "/mcp";

    static Result<ServerUrl> parse(const std::string& text);
    std::string authority() const;  // what Host says
};

}  // namespace howdah::kernel::cli
