// HttpServer: Streamable HTTP on one or more addresses. Accepts on the first shard and gives each connection to the
// shard that has the fewest; there it stays.
//
// Threads: start() and stop() on the thread that owns the server (not a shard); all else any.
// Owns:    the listening sockets and, through the shards, the connections. Must be stopped before the runtime is.
// Errors:  start(): invalid_argument (path), refused (an address other machines reach without auth and TLS),
//          unavailable (in use).
// Source:  MCP 2025-11-25 and 2026-07-28, "Streamable HTTP".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/listen_address.hpp"
#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/deadline.hpp"
#include "kernel/transport/descriptor.hpp"
#include "kernel/transport/http_settings.hpp"
#include "kernel/transport/tls_certificate.hpp"

namespace howdah::kernel {

class Runtime;

class HttpServer {
public:
    struct Config {
        std::vector<ListenAddress> listen{ListenAddress{}};
        std::vector<Descriptor> passed;        // listening sockets, for ListenAddress::Kind::systemd
        std::vector<std::uint32_t> unix_uids;  // users beside our own and root that may use a Unix socket
        std::shared_ptr<TlsCertificate> tls;   // on every TCP address; null = none
        bool behind_proxy = false;             // one does TLS: addresses of peers say nothing of who they are
        std::vector<std::string> allowed_hosts;
        std::vector<std::string> allowed_origins;
        CredentialWatch::Config credentials;  // how often those of what stays open are looked at again
        HttpSettings settings;                // handler, authenticator and credentials are set by start()
    };

    // `authenticator` null: every client is the local user. Handler and authenticator must outlive the server.
    static Result<std::unique_ptr<HttpServer>> start(Runtime& runtime, Config config, MessageHandler& handler,
                                                     Authenticator* authenticator);
    ~HttpServer();  // stop() with no time to spare, if it was not stopped
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;                    // of the first TCP address; 0 = there is none
    std::vector<ListenAddress> addresses() const;  // as they are in fact: with the ports that were taken
    const std::string& resource() const;           // canonical URI, the audience of tokens
    std::size_t connectionCount() const;
    std::shared_ptr<CredentialWatch> credentials() const;  // null without an authenticator

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
