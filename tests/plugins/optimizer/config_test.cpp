// What plugin.json says of each key is what the code takes for it.
#include "plugins/optimizer/config.hpp"

#include <fstream>

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::optimizer;
using Json = nlohmann::json;

TEST_CASE("optimizer: the defaults of plugin.json are those of the code, and each lies in its range") {
    std::ifstream file(OPTIMIZER_MANIFEST);
    const Json keys = Json::parse(file).at("config").at("properties");
    Json defaults = Json::object();
    for (const auto& [key, schema] : keys.items()) {
        CHECK_MESSAGE(schema.at("default") >= schema.at("minimum"), key);
        CHECK_MESSAGE(schema.at("default") <= schema.at("maximum"), key);
        CHECK_MESSAGE(schema.contains("description"), key);
        defaults[key] = schema.at("default");
    }
    const auto written = Config::parse(defaults), none = Config::parse(Json::object());
    REQUIRE(written);
    REQUIRE(none);
    CHECK(written->time_budget == none->time_budget);
    CHECK(written->indexes_max == none->indexes_max);
    CHECK(written->candidates_max == none->candidates_max);
    CHECK(written->width_max == none->width_max);
    CHECK(written->include_max == none->include_max);
    CHECK(written->gain_min_percent == none->gain_min_percent);
    CHECK(written->workload_max == none->workload_max);
    CHECK(written->recent_max == none->recent_max);
    CHECK(written->principals_max == none->principals_max);
    CHECK(written->recent_window == none->recent_window);
    CHECK(written->n_plus_one_min == none->n_plus_one_min);
    CHECK(written->runs == none->runs);
    CHECK(written->speedup_min == none->speedup_min);
    CHECK(written->offset_min == none->offset_min);
    CHECK(written->estimate_factor == none->estimate_factor);
    CHECK(written->stale_percent == none->stale_percent);
    CHECK(written->unused_days == none->unused_days);
    CHECK(written->recent_bytes_max == none->recent_bytes_max);
    CHECK(keys.size() == 18);
}

TEST_CASE("optimizer: the plugin is entered after queries only, where it remembers them") {
    std::ifstream file(OPTIMIZER_MANIFEST);
    const Json hooks = Json::parse(file).at("hooks");
    CHECK(hooks.at("stage") == "observe");
    CHECK(hooks.at("events") == Json::array({"afterQuery"}));
}

TEST_CASE("optimizer: more repetitions than are remembered can never be met, which is a mistake in the configuration") {
    CHECK_FALSE(Config::parse({{"recent_max", 4}, {"n_plus_one_min", 5}}));
    CHECK(Config::parse({{"recent_max", 5}, {"n_plus_one_min", 5}}));
    CHECK(Config::parse({{"recent_max", 0}, {"n_plus_one_min", 5}}));
}
