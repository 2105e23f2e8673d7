#include "plugins/health/config.hpp"

#include "plugins/health/check.hpp"

namespace howdah::health {

const std::vector<std::pair<const char*, double Thresholds::*>>& Thresholds::keys() {
    using T = Thresholds;
    static const std::vector<std::pair<const char*, double Thresholds::*>> kKeys{
        {"latency_factor", &T::latency_factor},
        {"latency_floor_ms", &T::latency_floor_ms},
        {"latency_critical_ms", &T::latency_critical_ms},
        {"connections_warning_percent", &T::connections_warning_percent},
        {"connections_critical_percent", &T::connections_critical_percent},
        {"transaction_warning_s", &T::transaction_warning_s},
        {"transaction_critical_s", &T::transaction_critical_s},
        {"idle_transaction_warning_s", &T::idle_transaction_warning_s},
        {"prepared_warning_s", &T::prepared_warning_s},
        {"lock_warning_s", &T::lock_warning_s},
        {"lock_critical_s", &T::lock_critical_s},
        {"replication_warning_s", &T::replication_warning_s},
        {"replication_critical_s", &T::replication_critical_s},
        {"slot_warning_bytes", &T::slot_warning_bytes},
        {"slot_critical_bytes", &T::slot_critical_bytes},
        {"slot_inactive_warning_s", &T::slot_inactive_warning_s},
        {"wraparound_warning_percent", &T::wraparound_warning_percent},
        {"wraparound_critical_percent", &T::wraparound_critical_percent},
        {"dead_rows_factor", &T::dead_rows_factor},
        {"dead_rows_min", &T::dead_rows_min},
        {"bloat_warning_percent", &T::bloat_warning_percent},
        {"bloat_min_bytes", &T::bloat_min_bytes},
        {"unused_index_min_bytes", &T::unused_index_min_bytes},
        {"unused_index_days", &T::unused_index_days},
        {"unused_index_scans_min", &T::unused_index_scans_min},
        {"sequence_warning_percent", &T::sequence_warning_percent},
        {"sequence_critical_percent", &T::sequence_critical_percent},
        {"cache_warning_percent", &T::cache_warning_percent},
        {"cache_blocks_min", &T::cache_blocks_min},
        {"checkpoint_requested_percent", &T::checkpoint_requested_percent},
        {"checkpoints_min", &T::checkpoints_min},
        {"temp_warning_bytes_per_hour", &T::temp_warning_bytes_per_hour},
        {"memory_bytes", &T::memory_bytes},
        {"memory_warning_percent", &T::memory_warning_percent},
        {"disk_bytes", &T::disk_bytes},
        {"disk_warning_percent", &T::disk_warning_percent},
        {"disk_critical_percent", &T::disk_critical_percent},
        {"dns_warning_ms", &T::dns_warning_ms},
        {"certificate_warning_days", &T::certificate_warning_days},
        {"certificate_critical_days", &T::certificate_critical_days},
        {"predict_warning_hours", &T::predict_warning_hours},
        {"predict_critical_hours", &T::predict_critical_hours},
    };
    return kKeys;
}

Result<Config> Config::parse(const nlohmann::json& section) {
    Config config;
    config.interval = std::chrono::seconds(section.value("interval_s", config.interval.count()));
    config.jitter_percent = section.value("jitter_percent", config.jitter_percent);
    config.probe_interval =
        std::chrono::milliseconds(section.value("probe_interval_ms", config.probe_interval.count()));
    config.check_timeout = std::chrono::milliseconds(section.value("check_timeout_ms", config.check_timeout.count()));
    config.parallel = section.value("parallel", config.parallel);
    config.history_max = section.value("history_max", config.history_max);
    config.findings_max = section.value("findings_max", config.findings_max);
    config.query_text_max = section.value("query_text_max", config.query_text_max);
    config.unready_after = section.value("unready_after", config.unready_after);
    config.ready_databases = section.value("ready_databases", config.ready_databases);
    config.checks_off = section.value("checks_off", config.checks_off);
    for (const std::string& name : config.checks_off) {
        if (name == kReachability.name || !findCheck(name))
            return Error::invalidArgument("health.checks_off: ", name, " is no check that can be left out");
    }
    const nlohmann::json thresholds = section.value("thresholds", nlohmann::json::object());
    Thresholds& to = config.thresholds;
    for (const auto& [key, member] : Thresholds::keys())
        to.*member = thresholds.value(key, to.*member);
    // A warning comes before it is critical; else one of them would never be said.
    struct Pair {
        const char* warning;
        const char* critical;
        double first, second;
    };
    for (const Pair& pair :
         {Pair{"connections_warning_percent", "connections_critical_percent", to.connections_warning_percent,
               to.connections_critical_percent},
          Pair{"transaction_warning_s", "transaction_critical_s", to.transaction_warning_s, to.transaction_critical_s},
          Pair{"lock_warning_s", "lock_critical_s", to.lock_warning_s, to.lock_critical_s},
          Pair{"replication_warning_s", "replication_critical_s", to.replication_warning_s, to.replication_critical_s},
          Pair{"slot_warning_bytes", "slot_critical_bytes", to.slot_warning_bytes, to.slot_critical_bytes},
          Pair{"wraparound_warning_percent", "wraparound_critical_percent", to.wraparound_warning_percent,
               to.wraparound_critical_percent},
          Pair{"sequence_warning_percent", "sequence_critical_percent", to.sequence_warning_percent,
               to.sequence_critical_percent},
          Pair{"disk_warning_percent", "disk_critical_percent", to.disk_warning_percent, to.disk_critical_percent},
          Pair{"certificate_critical_days", "certificate_warning_days", to.certificate_critical_days,
               to.certificate_warning_days},
          Pair{"predict_critical_hours", "predict_warning_hours", to.predict_critical_hours,
               to.predict_warning_hours}}) {
        if (pair.first > pair.second) {
            return Error::invalidArgument("health.thresholds.", pair.warning, " is ", pair.first, ", more than ",
                                          pair.critical, " with ", pair.second);
        }
    }
    return config;
}

}  // namespace howdah::health
