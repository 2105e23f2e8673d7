// One request on its way through the kernel: who asks, until when, on which generation, and where its memory lives.
//
// Threads: made, used and destroyed on the fiber that serves it. Only `cancellation` is touched by others.
// Owns:    its arena and its pin on the generation, so everything a plugin borrowed stays valid until it ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/arena.hpp"
#include "kernel/host/generation.hpp"
#include "kernel/runtime/cancellation.hpp"

namespace howdah::kernel {

// Verified identity; final before any hook runs.
struct Principal {
    std::string subject = "local";
    std::string tenant;
    std::string tier;
    std::vector<std::string> scopes;
};

// What the client says of itself. Never used for a decision about access.
struct Client {
    std::string name;
    std::string version;
    std::string protocol;  // MCP revision in force for this request, e.g. "2026-07-28"
    bool structured = true;  // this revision knows structuredContent (2025-06-18 and later)
};

struct Request {
    std::uint64_t id = 0;  // unique in this process; the JSON-RPC id stays with the protocol
    GenerationPin generation;
    const Principal* principal = nullptr;
    const Client* client = nullptr;
    std::string_view transport;  // "stdio", "http", "control"
    Deadline deadline;
    Cancellation* cancellation = nullptr;
    Arena arena;
};

}  // namespace howdah::kernel
