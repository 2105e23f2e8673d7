// HttpServer: Streamable HTTP on one address. Accepts on the first shard and gives each connection to the shard that
// has the fewest; there it stays.
//
// Threads: start() and stop() on the thread that owns the server (not a shard); port() and drain() any.
// Owns:    the listening socket and, through the shards, the connections. Must be stopped before the runtime is.
// Errors:  start(): invalid_argument (address), refused (not loopback without an authenticator), unavailable (in use).
// Source:  MCP 2025-11-25 and 2026-07-28, "Streamable HTTP".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/deadline.hpp"
#include "kernel/transport/http_settings.hpp"

namespace howdah::kernel {

class Runtime;

class HttpServer {
public:
    struct Config {
        std::string address = "127.0.0.1";  // an IP address, v6 without brackets
        std::uint16_t port = 8642;          // 0 = any free one
        std::vector<std::string> allowed_hosts;
        std::vector<std::string> allowed_origins;
        HttpSettings settings;  // handler and authenticator are set by start()
    };

    // `authenticator` null: every client is the local user. Handler and authenticator must outlive the server.
    static Result<std::unique_ptr<HttpServer>> start(Runtime& runtime, Config config, MessageHandler& handler,
                                                     Authenticator* authenticator);
    ~HttpServer();  // stop() with no time to spare, if it was not stopped
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;
    std::size_t connectionCount() const;

    // Stops accepting, closes idle connections and GET streams; requests in flight are answered with Connection: close.
    void drain();
    // Drains until the deadline, then cancels what is still in flight, gives it a moment to say so, and closes.
    // False if the deadline cut something off.
    bool stop(Deadline deadline);

private:
    struct State;
    explicit HttpServer(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
    bool stopped_ = false;
};

}  // namespace howdah::kernel
