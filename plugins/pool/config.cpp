#include "config.hpp"

#include <string_view>

namespace howdah::pool {
namespace {

using Json = nlohmann::json;

// Reads one whole number if the key stands there; remembers the first fault.
class Numbers {
public:
    explicit Numbers(const Json& section) : section_(section) {}

    std::uint64_t read(const char* key, std::uint64_t fallback, std::uint64_t least, std::uint64_t most) {
        auto found = section_.find(key);
        if (found == section_.end()) return fallback;
        if (!found->is_number_integer() || found->get<std::int64_t>() < 0) {
            return fail(key, least, most, found->dump());
        }
        auto value = found->get<std::uint64_t>();
        if (value < least || value > most) return fail(key, least, most, found->dump());
        return value;
    }
    milliseconds readSpan(const char* key, milliseconds fallback, std::uint64_t least, std::uint64_t most) {
        return milliseconds{read(key, static_cast<std::uint64_t>(fallback.count()), least, most)};
    }
    const Result<void>& outcome() const { return outcome_; }

private:
    std::uint64_t fail(const char* key, std::uint64_t least, std::uint64_t most, const std::string& met) {
        if (outcome_) {
            outcome_ = Error::invalidArgument("pool.", key, " must be a whole number between ", least, " and ", most,
                                              ", got ", met.substr(0, 40));
        }
        return least;
    }
    const Json& section_;
    Result<void> outcome_;
};

Result<Pooler> readPooler(const Json& section) {
    auto found = section.find("pooler");
    if (found == section.end()) return Pooler::automatic;
    std::string name = found->is_string() ? found->get<std::string>() : found->dump().substr(0, 40);
    if (name == "auto") return Pooler::automatic;
    if (name == "transaction") return Pooler::transaction;
    if (name == "session") return Pooler::session;
    if (name == "none") return Pooler::none;
    return Error::invalidArgument("pool.pooler must be auto, transaction, session or none, got ", name);
}

}  // namespace

Result<Config> Config::parse(const Json& section) {
    Config config;
    Numbers numbers(section);
    auto small = [&](const char* key, std::uint32_t& value, std::uint64_t least, std::uint64_t most) {
        value = static_cast<std::uint32_t>(numbers.read(key, value, least, most));
    };
    bool min_given = section.contains("connections_min");
    small("connections_max", config.connections_max, 1, 512);
    small("connections_min", config.connections_min, 0, 512);
    small("queue_max", config.queue_max, 0, 100'000);
    small("statement_cache_max", config.statement_cache_max, 0, 10'000);
    config.lease_timeout = numbers.readSpan("lease_timeout_ms", config.lease_timeout, 1, 600'000);
    config.connect_timeout = numbers.readSpan("connect_timeout_ms", config.connect_timeout, 100, 60'000);
    config.idle_timeout = numbers.readSpan("idle_timeout_ms", config.idle_timeout, 1000, 86'400'000);
    config.lifetime = numbers.readSpan("lifetime_ms", config.lifetime, 1000, 604'800'000);
    config.statement_timeout = numbers.readSpan("statement_timeout_ms", config.statement_timeout, 1, 86'400'000);
    config.lock_timeout = numbers.readSpan("lock_timeout_ms", config.lock_timeout, 0, 86'400'000);
    config.leak_alarm = numbers.readSpan("leak_alarm_ms", config.leak_alarm, 100, 86'400'000);
    config.rows_max = numbers.read("rows_max", config.rows_max, 1, 1'000'000'000);
    config.bytes_max = numbers.read("bytes_max", config.bytes_max, 1024, 16ull << 30);
    config.cell_bytes_max = numbers.read("cell_bytes_max", config.cell_bytes_max, 1024, 1'073'741'823);
    small("stable_max", config.stable_max, 0, 16);
    config.stable_idle = numbers.readSpan("stable_idle_ms", config.stable_idle, 1000, 600'000);
    if (!numbers.outcome()) return numbers.outcome().error();

    if (config.connections_min > config.connections_max) {
        if (min_given) {
            return Error::invalidArgument("pool.connections_min must not be above connections_max (",
                                          config.connections_max, "), got ", config.connections_min);
        }
        config.connections_min = config.connections_max;  // only the default is too big for a small pool
    }
    auto pooler = readPooler(section);
    if (!pooler) return pooler.error();
    config.pooler = *pooler;
    return config;
}

}  // namespace howdah::pool
