// The control socket: how `howdah reload`, `plugin list` or `doctor` reach a running server. A Unix socket that only
// its own user may use; one JSON line in, one JSON line out.
//
//   > {"command":"reload"}
//   < {"ok":true,"result":{...}}   or   {"ok":false,"error":{"code":"refused","message":"...","hint":"..."}}
//
// Threads: ControlServer::start() and stop() on the thread that owns it; the handler on any of the server's two
// threads,
//          both at once. controlRequest() any, it blocks.
// Owns:    socket, its file and the lock beside it, by which a second server of the same name notices the first.
// Errors:  start(): unavailable when another server answers there, refused when the folder is open to others,
//          invalid_argument for a bad name or a path too long for a socket.
// Source:  unix(7), SO_PEERCRED; XDG Base Directory Specification.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/runtime/deadline.hpp"

namespace howdah::kernel {

// $XDG_RUNTIME_DIR/howdah/<name>.sock, without that variable $XDG_STATE_HOME or ~/.local/state. The name: 1..64 of
// lower-case letters, digits, "-" and "_".
Result<std::string> controlSocketPath(std::string_view name);

class ControlServer {
public:
    // The command and the whole request; gives the result as JSON text.
    using Handler = std::function<Result<std::string>(std::string_view command, std::string_view request)>;

    struct Limits {
        std::size_t request_bytes_max = 1024 * 1024;
        std::chrono::milliseconds request_limit{2'000};   // for the request to arrive
        std::chrono::milliseconds response_limit{5'000};  // for each part of the response to be taken
    };

    static Result<std::unique_ptr<ControlServer>> start(std::string path, Limits limits, Handler handler);
    ~ControlServer();  // stop()
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    const std::string& path() const;

    // Waits for a command in progress, then removes the socket. Not from within the handler.
    void stop();

private:
    struct State;
    explicit ControlServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// The client's side: sends one request (JSON without line breaks), gives the result's JSON or the server's error.
// unavailable when no server listens there, timeout when it does not answer in time. The server's error may have the
// same code; `answered`, if given, tells whether the error is its own.
Result<std::string> controlRequest(const std::string& path, std::string_view request, std::chrono::milliseconds limit,
                                   bool* answered = nullptr);

}  // namespace howdah::kernel
