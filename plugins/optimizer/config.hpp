// The plugin's section of the configuration. Ranges and descriptions stand in plugin.json; the kernel checks them.
//
// Threads: immutable after configure().
#pragma once

#include <chrono>
#include <cstdint>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

namespace howdah::optimizer {

struct Config {
    std::chrono::milliseconds time_budget{20000};  // of one search for indexes
    unsigned indexes_max = 10;                     // of one advice
    unsigned candidates_max = 500;                 // judged in one search
    unsigned width_max = 3;                        // columns in the key of a candidate
    unsigned include_max = 6;                      // columns besides, for index-only scans
    double gain_min_percent = 1;                   // of the total cost; an index that saves less is not worth a word
    unsigned workload_max = 50;                    // statements taken from pg_stat_statements
    unsigned recent_max = 64;                      // statements remembered of each principal; 0 = none
    unsigned principals_max = 256;                 // remembered at once
    std::size_t recent_bytes_max = 4194304;        // of all that is remembered
    std::chrono::seconds recent_window{600};       // what is older is forgotten
    unsigned n_plus_one_min = 5;                   // statements of one shape that are worth a word
    unsigned runs = 5;                             // of each text, where a rewrite is measured
    double speedup_min = 1.2;                      // a rewrite that gains less is not offered
    unsigned offset_min = 1000;                    // rows skipped that are worth a word
    double estimate_factor = 10;                   // rows expected against rows met
    double stale_percent = 20;                     // rows changed since the last ANALYZE
    double unused_days = 7;                        // an index without a scan in that time may go

    static Result<Config> parse(const nlohmann::json& section);
};

}  // namespace howdah::optimizer
