// The plugin's section of the configuration. Ranges and descriptions stand in plugin.json; the kernel checks them.
//
// Threads: immutable after configure().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

#include "plugins/cache/clock.hpp"
#include "plugins/cache/tier.hpp"

namespace howdah::cache {

struct Config {
    std::uint64_t ttl_ns = 60'000 * kMs;          // an answer's age at most: the bound for writes past Howdah
    std::uint64_t negative_ttl_ns = 5'000 * kMs;  // the same of an error that would come again; 0 = none are kept
    std::uint64_t coalesce_ns = 2'000 * kMs;      // a call waits so long for another's equal read; 0 = not at all
    std::uint64_t unsettled_ns = 60'000 * kMs;    // a write whose end is not known may come true within
    std::size_t entry_bytes_max = 262'144;
    std::size_t relations_max = 64;
    Budget l1{1'000, 4u << 20};    // of each shard
    Budget l2{50'000, 64u << 20};  // of the process
    struct Disk {
        bool on = false;
        Budget budget{200'000, 512u << 20};
        std::string key_file;              // empty: one is made in the state folder
        std::uint64_t read_ns = 20 * kMs;  // a call waits so long for the disk
    } l3;
    struct Notify {
        std::vector<std::string> databases;  // empty: nobody listens
        std::string channel = "howdah_cache";
        std::uint64_t bound_ns = 2'000 * kMs;  // of covered tables, in place of ttl_ns: the bound for writes by others
        std::uint64_t ttl_ns = 3'600'000 * kMs;  // an answer's age at most that stands on covered tables alone
    } notify;
    struct Shared {
        bool on = false;
        std::string name = "default";
        std::uint64_t lease_ns = 2'000 * kMs;  // an instance gives out answers so long without hearing of the others
        bool refuses_writes = true;            // while the others cannot be told of one
        struct Answers {
            bool on = false;
            std::string key_file;              // the same for all instances
            std::size_t entry_bytes = 65'536;  // sealed; what howdah.kv/1 takes
            std::size_t bytes = 64u << 20;     // of what this instance has put there
            std::uint64_t read_ns = 20 * kMs;  // a call waits so long for them
        } answers;
    } shared;
    std::vector<std::string> databases_off;

    static Result<Config> parse(const nlohmann::json& section);
};

}  // namespace howdah::cache
