// The plugin's section of the configuration. Ranges and descriptions stand in plugin.json; the kernel checks them.
//
// Threads: immutable after configure().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <nlohmann/json_fwd.hpp>

namespace howdah::analytics {

struct Config {
    std::uint32_t retention_hours = 168;       // hours kept, the present one included
    std::size_t cells_per_hour_max = 2000;     // patterns times names kept apart in one hour
    std::size_t clients_max = 64;              // names of clients kept apart in one hour
    std::size_t memory_bytes_max = 32u << 20;  // of all hours together
    std::size_t pattern_bytes_max = 1024;      // of one pattern's text
    std::size_t texts_max = 4096;              // texts whose pattern is remembered, on each shard
    std::size_t waiting_bytes_max = 1u << 20;  // of texts whose pattern is not yet known, on each shard
    std::chrono::seconds save_interval{60};    // 0 = nothing is kept over a restart
    bool principals = false;                   // whether it is kept who asked

    static Config parse(const nlohmann::json& section);
};

}  // namespace howdah::analytics
