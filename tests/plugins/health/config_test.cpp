// plugin.json is where thresholds are documented: it says what the code does.
#include <fstream>

#include <doctest/doctest.h>

#include "plugins/health/check.hpp"

using namespace howdah::health;
using Json = nlohmann::json;

namespace {
Json manifest() {
    std::ifstream file(HEALTH_MANIFEST);
    return Json::parse(file);
}
}  // namespace

TEST_CASE("config: every threshold stands in plugin.json with its default, and no other") {
    const Json properties = manifest()["config"]["properties"]["thresholds"]["properties"];
    const Thresholds defaults;
    CHECK(properties.size() == Thresholds::keys().size());
    for (const auto& [key, member] : Thresholds::keys()) {
        CAPTURE(key);
        REQUIRE(properties.contains(key));
        CHECK(properties[key]["default"].get<double>() == defaults.*member);
        CHECK(properties[key]["minimum"].get<double>() <= defaults.*member);
        CHECK(properties[key]["maximum"].get<double>() >= defaults.*member);
    }
}

TEST_CASE("config: the defaults of plugin.json are those of the code") {
    const Json properties = manifest()["config"]["properties"];
    Json section;
    for (const auto& [key, property] : properties.items()) {
        if (property.contains("default")) section[key] = property["default"];
    }
    auto config = Config::parse(section);
    REQUIRE(config);
    const Config defaults;
    CHECK(config->interval == defaults.interval);
    CHECK(config->probe_interval == defaults.probe_interval);
    CHECK(config->check_timeout == defaults.check_timeout);
    CHECK(config->jitter_percent == defaults.jitter_percent);
    CHECK(config->parallel == defaults.parallel);
    CHECK(config->history_max == defaults.history_max);
    CHECK(config->findings_max == defaults.findings_max);
    CHECK(config->query_text_max == defaults.query_text_max);
    CHECK(config->unready_after == defaults.unready_after);
}

TEST_CASE("config: the tool and checks_off know every check by its name") {
    const Json document = manifest();
    Json all = Json::array();
    for (const Check* check : allChecks())
        all.push_back(check->name);
    CHECK(document["tools"][0]["inputSchema"]["properties"]["checks"]["items"]["enum"] == all);
    all.erase(0);  // reachability is always asked
    CHECK(document["config"]["properties"]["checks_off"]["items"]["enum"] == all);
}

TEST_CASE("config: a warning that would come after the critical is refused by its key") {
    const auto refused = Config::parse({{"thresholds", {{"lock_warning_s", 200}}}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "health.thresholds.lock_warning_s is 200, more than lock_critical_s with 120");
    CHECK(Config::parse({{"thresholds", {{"lock_warning_s", 120}}}}));
    CHECK_FALSE(Config::parse({{"thresholds", {{"certificate_warning_days", 3}}}}));
    CHECK_FALSE(Config::parse({{"checks_off", {"reachability"}}}));
}
