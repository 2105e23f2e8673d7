// The plugin's section of the configuration. Ranges and descriptions stand in plugin.json; the kernel checks them.
//
// Threads: immutable after configure().
// Errors:  invalid_argument with the key for what no schema can say.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

#include "plugins/rate_limit/limits.hpp"

namespace howdah::rate_limit {

enum class WhenUnavailable : std::uint8_t { open, closed };

// Counting with other instances through howdah.kv/1.
struct Sharing {
    bool on = false;
    unsigned lease_percent = 5;                                  // of a limit, taken from the shared count at once
    WhenUnavailable when_unavailable = WhenUnavailable::closed;  // what a shared count that cannot be asked means
    std::chrono::milliseconds recheck{100};                      // between two looks at a count that is used up
};

struct Config {
    std::map<std::string, Tier, std::less<>> tiers;
    std::string default_tier = "default";
    std::size_t keys_max = 100'000;         // principals, tenants, tools and clients counted at once
    std::uint64_t query_rows_max = 10'000;  // of a query that sets no limit of its own, where rows or bytes count
    std::uint64_t query_bytes_max = 8'388'608;
    std::chrono::milliseconds save_interval{1000};
    Sharing sharing;
    bool counts_rows = false;  // any limit of any tier is one of rows or bytes
    bool counts_cost = false;

    static Result<Config> parse(const nlohmann::json& section);

    // Of a verified claim; one that names no tier here, or none, is the default one.
    const std::pair<const std::string, Tier>& tierOf(std::string_view claimed) const;
};

}  // namespace howdah::rate_limit
