// plugin.json is where the keys are documented: it says what the code does.
#include "plugins/cache/config.hpp"

#include <fstream>

#include <doctest/doctest.h>

using namespace howdah::cache;
using Json = nlohmann::json;

namespace {

Json defaultsOf(const Json& schema) {
    Json section = Json::object();
    for (const auto& [key, property] : schema["properties"].items()) {
        if (property.contains("properties")) {
            section[key] = defaultsOf(property);
        } else {
            REQUIRE(property.contains("default"));
            section[key] = property["default"];
        }
    }
    return section;
}

}  // namespace

TEST_CASE("config: the defaults of plugin.json are those of the code") {
    std::ifstream file(CACHE_MANIFEST);
    const auto config = Config::parse(defaultsOf(Json::parse(file)["config"]));
    REQUIRE(config);
    const Config defaults;
    CHECK(config->ttl_ns == defaults.ttl_ns);
    CHECK(config->negative_ttl_ns == defaults.negative_ttl_ns);
    CHECK(config->coalesce_ns == defaults.coalesce_ns);
    CHECK(config->unsettled_ns == defaults.unsettled_ns);
    CHECK(config->entry_bytes_max == defaults.entry_bytes_max);
    CHECK(config->relations_max == defaults.relations_max);
    for (const auto& [read, built_in] : {std::pair{config->l1, defaults.l1}, std::pair{config->l2, defaults.l2},
                                         std::pair{config->l3.budget, defaults.l3.budget}}) {
        CHECK(read.entries == built_in.entries);
        CHECK(read.bytes == built_in.bytes);
    }
    CHECK(config->l3.on == defaults.l3.on);
    CHECK(config->l3.read_ns == defaults.l3.read_ns);
    CHECK(config->l3.key_file == defaults.l3.key_file);
    const auto &answers = config->shared.answers, &built_in = defaults.shared.answers;
    CHECK(answers.on == built_in.on);
    CHECK(answers.key_file == built_in.key_file);
    CHECK(answers.entry_bytes == built_in.entry_bytes);
    CHECK(answers.bytes == built_in.bytes);
    CHECK(answers.read_ns == built_in.read_ns);
}

TEST_CASE("config: an entry larger than a segment of the shared level is refused by its key") {
    CHECK(Config::parse({{"entry_bytes_max", 65536}, {"l2", {{"bytes_max", 1048576}}}}));
    const auto refused = Config::parse({{"entry_bytes_max", 65537}, {"l2", {{"bytes_max", 1048576}}}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message ==
          "cache.entry_bytes_max is 65537, more than a sixteenth of cache.l2.bytes_max with 1048576");
}

TEST_CASE("config: the key's file is named by an absolute path") {
    CHECK(Config::parse({{"l3", {{"key_file", "/run/key"}}}}));
    CHECK_FALSE(Config::parse({{"l3", {{"key_file", "key"}}}}));
}

TEST_CASE("config: answers are shared only with a key, among instances that tell of every write") {
    const auto whyNot = [](const Json& shared) {
        const auto config = Config::parse({{"shared", shared}});
        return config ? "" : config.error().message;
    };
    const Json answers = {{"enabled", true}, {"key_file", "/run/key"}};
    CHECK(whyNot({{"enabled", true}, {"answers", answers}}) == "");
    CHECK(whyNot({{"answers", answers}}).starts_with("cache.shared.answers.enabled needs cache.shared.enabled: true"));
    CHECK(whyNot({{"enabled", true}, {"writes_alone", "allow"}, {"answers", answers}})
              .starts_with("cache.shared.answers.enabled needs cache.shared.writes_alone: refuse"));
    CHECK(whyNot({{"enabled", true}, {"answers", {{"enabled", true}}}})
              .starts_with("cache.shared.answers.enabled needs cache.shared.answers.key_file"));
    CHECK(whyNot({{"answers", {{"key_file", "key"}}}}) ==
          "cache.shared.answers.key_file must be an absolute path, got key");
}
