// The plugin's section of the configuration, with units, ranges and defaults (plugin.json repeats them as a schema).
//
// Errors: invalid_argument naming the key, the value met and the limit.
#pragma once

#include <chrono>
#include <cstdint>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

namespace howdah::pool {

using std::chrono::milliseconds;

// What stands between this process and the server. A transaction pooler may give each transaction another server
// connection, so nothing may be left on one: no prepared names, no session settings.
enum class Pooler { automatic, transaction, session, none };

struct Config {
    std::uint32_t connections_max = 20;         // 1..512 to one database
    std::uint32_t connections_min = 2;          // 0..connections_max, kept ready once the database has been used
    std::uint32_t queue_max = 0;                // 0..100000 waiting statements, 0 = 4 x connections_max
    milliseconds lease_timeout{2000};           // 1..600000, how long a statement waits for a connection
    milliseconds connect_timeout{2000};         // 100..60000 for each host of the connection string
    milliseconds idle_timeout{600'000};         // 1000..86400000, then an unused connection is closed
    milliseconds lifetime{1'800'000};           // 1000..604800000, up to 10 % less at random
    milliseconds statement_timeout{30'000};     // 1..86400000 in the server
    milliseconds lock_timeout{5'000};           // 0..86400000 for one lock, 0 = as long as the statement may run
    milliseconds leak_alarm{30'000};            // 100..86400000, then who holds a connection so long is named
    std::uint32_t statement_cache_max = 256;    // 0..10000 prepared statements on each connection
    std::uint64_t rows_max = 10'000;            // 1..1000000000 of one answer
    std::uint64_t bytes_max = 8ull << 20;       // 1024..16 GiB of one answer's values
    std::uint64_t cell_bytes_max = 1ull << 20;  // 1024..1073741823 of one value
    Pooler pooler = Pooler::automatic;
    std::uint32_t stable_max = 2;      // 0..16 stable cursors of one database
    milliseconds stable_idle{60'000};  // 1000..600000, then one that is not used is closed

    static Result<Config> parse(const nlohmann::json& section);

    std::uint32_t queueLimit() const { return queue_max ? queue_max : 4 * connections_max; }
};

// Monotonic time is nanoseconds everywhere in this plugin, as in the ABI.
constexpr std::uint64_t nanoseconds(milliseconds span) {
    return static_cast<std::uint64_t>(span.count()) * 1'000'000;
}
constexpr std::uint64_t kSecondNs = 1'000'000'000;

}  // namespace howdah::pool
