// Which transports serve when the configuration leaves that open (no transports, or transports: auto): decided by how
// the process was started, first match first.
//
//   sockets were passed (LISTEN_FDS)      HTTP on those
//   HTTP_PORT and WS_PORT, one or both    HTTP and WebSocket on those ports of 127.0.0.1
//   stdin is a pipe, a socket or a file   stdio: a client has started us
//   a terminal, /dev/null, nothing        HTTP on the default address: nobody speaks there
//
// Threads: any.
// Errors:  invalid_argument when a port is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/listen_address.hpp"
#include "kernel/config/config.hpp"

namespace howdah::kernel {

struct StartedBy {
    enum class Input : std::uint8_t { terminal, pipe, socket, file, device, closed };

    std::size_t passed_sockets = 0;
    std::optional<std::string> http_port, ws_port;  // an empty one counts as absent
    Input input = Input::closed;

    static Input inputOf(int descriptor);
    static StartedBy now(std::size_t passed_sockets, int input, const Environment& environment);
};

struct TransportChoice {
    bool stdio = false;
    std::vector<ListenAddress> listen;  // of HTTP and WebSocket; empty with stdio
    std::string reason;                 // "stdin is a pipe"

    // Into a configuration that leaves the choice open.
    void applyTo(Config& config) const;
    std::string describe() const;  // "stdio, because stdin is a pipe"
};

Result<TransportChoice> chooseTransports(const StartedBy& started);

}  // namespace howdah::kernel
