// HttpSettings: what all connections of one HTTP server share.
//
// Threads: immutable after the server has started.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <howdah/result.hpp>

#include "kernel/protocol/exchange.hpp"
#include "kernel/transport/authenticator.hpp"
#include "kernel/transport/credential_watch.hpp"
#include "kernel/transport/http_checks.hpp"
#include "kernel/transport/http_head.hpp"

namespace howdah::kernel {

struct HttpSettings {
    std::string path = "/mcp";
    std::string resource;  // how clients reach it, the audience of tokens; "" = made from the first address
    HttpLimits limits;
    bool websocket = true;  // a GET of the path may become a WebSocket
    std::size_t connections_max = 1024;
    std::size_t connections_per_address_max = 64;      // TCP only
    std::size_t requests_per_connection_max = 128;     // of a WebSocket; more wait
    std::size_t standing_per_connection_max = 1000;    // of a WebSocket: requests that only wait for what happens
    std::size_t fragments_max = 1024;                  // of a WebSocket message
    unsigned pings_per_second_max = 10;                // of a WebSocket client, pongs included
    std::size_t answer_bytes_collected = 64 * 1024;    // a longer answer is streamed
    std::size_t stream_queue_bytes_max = 1024 * 1024;  // of a GET stream or WebSocket; beyond, the client is cut
    std::chrono::milliseconds head_limit{5'000};       // from connecting or the first byte
    std::chrono::milliseconds body_limit{30'000};      // from the end of the head
    std::size_t body_bytes_per_s_min = 1024;           // of a body, on average of each of the next
    std::chrono::milliseconds body_rate_every{5'000};
    std::chrono::milliseconds idle_limit{60'000};        // between requests; a WebSocket client that says nothing
    std::chrono::milliseconds stall_limit{10'000};       // a client that reads nothing of its answer
    std::chrono::milliseconds linger_limit{2'000};       // after a refusal
    std::chrono::milliseconds keep_alive_every{15'000};  // comments on quiet event streams, pings to quiet WebSockets
    std::chrono::milliseconds prime_after{500};          // then an answer that can be resumed becomes an event stream
    std::chrono::milliseconds stream_hold{0};            // then its client shall come back for the rest; 0 = never

    std::function<std::uint32_t()> health;  // of the server, HOWDAH_HEALTH_*, from any shard; empty = ok

    MessageHandler* handler = nullptr;
    Authenticator* authenticator = nullptr;
    std::shared_ptr<CredentialWatch> credentials;  // of what stays open; null without an authenticator
    std::unique_ptr<const HttpChecks> checks;      // made when the port is known
};

}  // namespace howdah::kernel
