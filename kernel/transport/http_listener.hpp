// HttpListener: a socket that HTTP clients connect to, opened for an address of the configuration or passed by whoever
// started the process.
//
// Threads: any, one at a time.
// Owns:    the socket, and the file of a Unix socket it has made.
// Errors:  openListeners(): as a whole: invalid_argument (path), unavailable (in use, no rights), refused (a socket
//          that was passed cannot be served, or none was).
// Source:  socket(7), tcp(7), sd_listen_fds(3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/listen_address.hpp"
#include "kernel/transport/connection_count.hpp"
#include "kernel/transport/descriptor.hpp"
#include "kernel/transport/unix_listener.hpp"

namespace howdah::kernel {

struct HttpListener {
    Descriptor socket;
    int family = 0;
    ListenAddress at;  // tcp (with the port that was taken) or unix_socket, as the socket itself says
    bool passed = false;
    std::optional<UnixListener> file;

    bool isTcp() const { return at.kind == ListenAddress::Kind::tcp; }

    // What can be told of a connection that came in here.
    HttpPeer peerOf(int connection) const;
};

using EnvironmentOf = std::function<std::optional<std::string>(const std::string& name)>;

// Socket activation: how many sockets this process was started with; none unless LISTEN_PID is its own id.
std::size_t passedSocketCount(const EnvironmentOf& environment);
// Those sockets: descriptors from 3 on, which become the caller's and close-on-exec.
std::vector<Descriptor> passedSockets(const EnvironmentOf& environment);

// `others_connect`: users beside the server's own may open the file of a Unix socket.
Result<std::vector<HttpListener>> openListeners(const std::vector<ListenAddress>& addresses,
                                                std::vector<Descriptor> passed, bool others_connect);

}  // namespace howdah::kernel
