// The plugin's section of the configuration. Ranges and descriptions stand in plugin.json; the kernel checks them.
//
// Threads: immutable after configure().
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

namespace howdah::health {

// Where a figure becomes worth a word. Everything is a double: some are judged as shares, none is large.
struct Thresholds {
    double latency_factor = 4;  // times the learned median
    double latency_floor_ms = 20;
    double latency_critical_ms = 1000;
    double connections_warning_percent = 80;
    double connections_critical_percent = 95;
    double transaction_warning_s = 300;
    double transaction_critical_s = 3600;
    double idle_transaction_warning_s = 120;
    double prepared_warning_s = 300;
    double lock_warning_s = 10;
    double lock_critical_s = 120;
    double replication_warning_s = 30;
    double replication_critical_s = 300;
    double slot_warning_bytes = 1073741824;
    double slot_critical_bytes = 10737418240;
    double slot_inactive_warning_s = 3600;
    double wraparound_warning_percent = 40;
    double wraparound_critical_percent = 75;
    double dead_rows_factor = 2;  // times what makes autovacuum start
    double dead_rows_min = 10000;
    double bloat_warning_percent = 50;
    double bloat_min_bytes = 67108864;
    double unused_index_min_bytes = 1048576;
    double unused_index_days = 7;
    double unused_index_scans_min = 100;
    double sequence_warning_percent = 75;
    double sequence_critical_percent = 90;
    double cache_warning_percent = 90;
    double cache_blocks_min = 10000;
    double checkpoint_requested_percent = 50;
    double checkpoints_min = 10;
    double temp_warning_bytes_per_hour = 1073741824;
    double memory_bytes = 0;  // of the server; 0 = not known
    double memory_warning_percent = 90;
    double disk_bytes = 0;  // this database may take; 0 = not known
    double disk_warning_percent = 80;
    double disk_critical_percent = 90;
    double dns_warning_ms = 500;
    double certificate_warning_days = 30;
    double certificate_critical_days = 7;
    double predict_warning_hours = 168;
    double predict_critical_hours = 24;

    // Every member by its key, for parsing and for the test that plugin.json says the same.
    static const std::vector<std::pair<const char*, double Thresholds::*>>& keys();
};

struct Config {
    std::chrono::seconds interval{60};  // of rounds
    unsigned jitter_percent = 10;
    std::chrono::milliseconds probe_interval{5000};  // of the question whether a database answers
    std::chrono::milliseconds check_timeout{2000};
    unsigned parallel = 3;
    unsigned history_max = 64;
    unsigned findings_max = 10;
    unsigned query_text_max = 120;
    unsigned unready_after = 2;                // probes in a row that failed
    std::vector<std::string> ready_databases;  // empty: the default database
    std::vector<std::string> checks_off;
    Thresholds thresholds;

    static Result<Config> parse(const nlohmann::json& section);
};

}  // namespace howdah::health
