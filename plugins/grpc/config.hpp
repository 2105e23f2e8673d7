// The section of the plugin grpc, and the two rules about names: what it listens on and what a call may call it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/plugin.hpp>

namespace howdah::grpc_transport {

struct Config {
    std::string listen = "127.0.0.1:8643";          // host as written, lower case
    std::uint32_t connections_max = 100;            // 1..1000
    std::uint32_t streams_max = 100;                // 1..1000, all connections together
    std::uint32_t message_bytes_max = 4194304;      // 1024..64 MiB, of a client's message
    std::uint32_t metadata_bytes_max = 8192;        // 1024..65536
    std::uint32_t memory_bytes_max = 67108864;      // 8 MiB..1 GiB, gRPC's own
    std::chrono::milliseconds stall_limit{30'000};  // 100..600000

    static Result<Config> parse(const Json& section);
};

// Whether the name in a `:authority` (or a listen address), with or without a port, is one of this machine's loopback
// names. Nothing is resolved: a name somebody else's DNS may point here is not.
bool isLoopbackName(std::string_view authority);

}  // namespace howdah::grpc_transport
