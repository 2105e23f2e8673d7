#include "plugins/optimizer/config.hpp"

namespace howdah::optimizer {

Result<Config> Config::parse(const nlohmann::json& section) {
    Config config;
    config.time_budget = std::chrono::milliseconds(section.value("time_budget_ms", config.time_budget.count()));
    config.indexes_max = section.value("indexes_max", config.indexes_max);
    config.candidates_max = section.value("candidates_max", config.candidates_max);
    config.width_max = section.value("width_max", config.width_max);
    config.include_max = section.value("include_max", config.include_max);
    config.gain_min_percent = section.value("gain_min_percent", config.gain_min_percent);
    config.workload_max = section.value("workload_max", config.workload_max);
    config.recent_max = section.value("recent_max", config.recent_max);
    config.principals_max = section.value("principals_max", config.principals_max);
    config.recent_bytes_max = section.value("recent_bytes_max", config.recent_bytes_max);
    config.recent_window = std::chrono::seconds(section.value("recent_window_s", config.recent_window.count()));
    config.n_plus_one_min = section.value("n_plus_one_min", config.n_plus_one_min);
    config.runs = section.value("runs", config.runs);
    config.speedup_min = section.value("speedup_min", config.speedup_min);
    config.offset_min = section.value("offset_min", config.offset_min);
    config.estimate_factor = section.value("estimate_factor", config.estimate_factor);
    config.stale_percent = section.value("stale_percent", config.stale_percent);
    config.unused_days = section.value("unused_days", config.unused_days);
    if (config.recent_max > 0 && config.n_plus_one_min > config.recent_max) {
        return Error::invalidArgument("optimizer.n_plus_one_min is ", config.n_plus_one_min,
                                      ", more than the optimizer.recent_max ", config.recent_max,
                                      " statements that are remembered");
    }
    return config;
}

}  // namespace howdah::optimizer
