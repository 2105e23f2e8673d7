#include "plugins/analytics/config.hpp"

#include <nlohmann/json.hpp>

namespace howdah::analytics {

Config Config::parse(const nlohmann::json& section) {
    Config config;
    config.retention_hours = section.value("retention_hours", config.retention_hours);
    config.cells_per_hour_max = section.value("cells_per_hour_max", config.cells_per_hour_max);
    config.clients_max = section.value("clients_max", config.clients_max);
    config.memory_bytes_max = section.value("memory_bytes_max", config.memory_bytes_max);
    config.pattern_bytes_max = section.value("pattern_bytes_max", config.pattern_bytes_max);
    config.texts_max = section.value("texts_max", config.texts_max);
    config.waiting_bytes_max = section.value("waiting_bytes_max", config.waiting_bytes_max);
    config.save_interval = std::chrono::seconds(section.value("save_interval_s", config.save_interval.count()));
    config.principals = section.value("principals", config.principals);
    return config;
}

}  // namespace howdah::analytics
