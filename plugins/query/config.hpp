// The plugin's section of the configuration. Ranges and defaults stand in plugin.json; the kernel has checked them.
//
// Errors: invalid_argument where two keys contradict each other.
#pragma once

#include <cstdint>
#include <optional>

#include <howdah/call.hpp>

namespace howdah::query {

struct Config {
    std::uint64_t rows_max = 1000;        // 1..1000000, rows of a call that does not ask for a number
    std::uint64_t rows_limit = 100'000;   // 1..1000000, the most a call may ask for
    std::uint64_t timeout_ms = 30'000;    // 1..3600000, for a call that does not ask
    std::uint64_t next_ttl_ms = 900'000;  // 1000..86400000, how long a handle is good
    // Rows a write may change; none: any number.
    std::optional<std::uint64_t> rows_affected_max;
    // Writes that change more rows than this are confirmed by a person, and those that count no rows; none: no write
    // is. always: every one.
    std::optional<std::uint64_t> confirm_above;
    bool confirm_always = false;

    static Result<Config> parse(const Json& section) {
        Config config;
        config.rows_max = section.value("rows_max", config.rows_max);
        config.rows_limit = section.value("rows_limit", config.rows_limit);
        config.timeout_ms = section.value("timeout_ms", config.timeout_ms);
        config.next_ttl_ms = section.value("next_ttl_ms", config.next_ttl_ms);
        if (auto found = section.find("rows_affected_max"); found != section.end())
            config.rows_affected_max = found->get<std::uint64_t>();
        if (auto found = section.find("confirm"); found != section.end()) {
            config.confirm_always = *found == "always";
            if (found->is_number()) config.confirm_above = found->get<std::uint64_t>();
        }
        if (config.rows_max > config.rows_limit) {
            return Error::invalidArgument("rows_max must be at most rows_limit (", config.rows_limit, "), got ",
                                          config.rows_max);
        }
        return config;
    }
};

}  // namespace howdah::query
