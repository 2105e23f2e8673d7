// plugin.json is where keys are documented: it says what the code does.
#include "plugins/analytics/config.hpp"

#include <algorithm>
#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "plugins/analytics/names.hpp"

namespace howdah::analytics {
namespace {

using Json = nlohmann::json;

Json manifest() {
    std::ifstream file(ANALYTICS_MANIFEST);
    return Json::parse(file);
}

}  // namespace

TEST_CASE("analytics: the defaults of plugin.json are those of the code, and every key is read") {
    const Json properties = manifest()["config"]["properties"];
    Json section, other;
    for (const auto& [key, property] : properties.items()) {
        section[key] = property.at("default");
        other[key] = property["type"] == "boolean" ? Json(true) : property.at("maximum");
    }
    const auto valuesOf = [](const Config& config) {
        return std::vector<std::uint64_t>{
            config.retention_hours,     config.cells_per_hour_max,
            config.clients_max,         config.memory_bytes_max,
            config.pattern_bytes_max,   config.texts_max,
            config.waiting_bytes_max,   static_cast<std::uint64_t>(config.save_interval.count()),
            config.principals ? 1U : 0U};
    };
    const auto defaults = valuesOf(Config{}), read = valuesOf(Config::parse(section));
    CHECK(defaults.size() == properties.size());
    CHECK(read == defaults);
    const auto changed = valuesOf(Config::parse(other));
    for (std::size_t i = 0; i < changed.size(); ++i)
        CHECK(changed[i] > defaults[i]);
    CHECK(valuesOf(Config::parse(Json::object())) == defaults);
}

TEST_CASE("analytics: the tool has a section for each kind of name") {
    const Json sections = manifest()["tools"][0]["inputSchema"]["properties"]["sections"]["items"]["enum"];
    const Json answers = manifest()["tools"][0]["outputSchema"]["properties"];
    for (const char* key : kNameKeys)
        CHECK(std::find(sections.begin(), sections.end(), std::string(key) + "s") != sections.end());
    for (const std::string section : sections)
        CHECK(answers.contains(section));
}

}  // namespace howdah::analytics
