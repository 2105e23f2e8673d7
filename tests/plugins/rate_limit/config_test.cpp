// The section: what the schema cannot say, defaults that are the same here and in plugin.json, who gets which limits.
#include "plugins/rate_limit/config.hpp"

#include <cstring>
#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "plugins/rate_limit/applied.hpp"

using namespace howdah;
using namespace howdah::rate_limit;
using nlohmann::json;

namespace {

Config parsed(const char* text) {
    auto config = Config::parse(json::parse(text));
    REQUIRE_MESSAGE(config, config.error().message);
    return std::move(*config);
}
std::string refused(const char* text) {
    const auto config = Config::parse(json::parse(text));
    return config ? "" : config.error().message;
}

howdah_principal principalOf(const char* subject, const char* tenant) {
    return {sizeof(howdah_principal), 0, {subject, strlen(subject)}, {tenant, strlen(tenant)}, {}, nullptr, 0};
}

}  // namespace

TEST_CASE("configuration: the defaults are those of plugin.json") {
    const json manifest = json::parse(std::ifstream(RATE_LIMIT_MANIFEST));
    const json& keys = manifest["config"]["properties"];
    const Config config = parsed("{}");
    CHECK(config.default_tier == keys["default_tier"]["default"]);
    CHECK(config.keys_max == keys["keys_max"]["default"]);
    CHECK(config.query_rows_max == keys["query_rows_max"]["default"]);
    CHECK(config.query_bytes_max == keys["query_bytes_max"]["default"]);
    CHECK(config.save_interval.count() == keys["save_interval_ms"]["default"]);
    const json& calls = keys["tiers"]["default"]["default"]["principal"]["calls"];
    REQUIRE(config.tiers.size() == 1);
    const Limits& limits = config.tiers.at("default").principal;
    REQUIRE(limits.rates.size() == 1);
    CHECK(limits.rates[0].amount == calls["second"]);
    CHECK(limits.rates[0].burst == calls["burst"]);
    CHECK(limits.concurrency == keys["tiers"]["default"]["default"]["principal"]["concurrency"]);
    const json& shared = keys["shared"]["properties"];
    const Sharing sharing = parsed(R"({"shared":{}})").sharing;
    CHECK(sharing.on);
    CHECK(sharing.lease_percent == shared["lease_percent"]["default"]);
    CHECK(sharing.recheck.count() == shared["recheck_ms"]["default"]);
    CHECK(sharing.when_unavailable == WhenUnavailable::closed);
    CHECK_FALSE(config.sharing.on);
}

TEST_CASE("configuration: what cannot hold is refused by its key") {
    CHECK(refused(R"({"tiers":{"a":{"principal":{"calls":{"second":5,"burst":4}}}},"default_tier":"a"})") ==
          "rate_limit.tiers.a.principal.calls.burst must be between 5 and 18000, got 4");
    CHECK(refused(R"({"tiers":{"a":{"tools":{"query":{"rows":{"second":1,"burst":3601}}}}},"default_tier":"a"})") ==
          "rate_limit.tiers.a.tools.query.rows.burst must be between 1 and 3600, got 3601");
    CHECK(refused(R"({"tiers":{"a":{"tenant":{"cost":{"burst":9}}}},"default_tier":"a"})") ==
          "rate_limit.tiers.a.tenant.cost.burst is of no use without rate_limit.tiers.a.tenant.cost.second");
    CHECK(refused(R"({"tiers":{"gold":{}}})") == "rate_limit.default_tier: there is no tier default");
}

TEST_CASE("configuration: rows and cost are looked at only where a limit counts them") {
    CHECK_FALSE(parsed("{}").counts_rows);
    CHECK_FALSE(parsed("{}").counts_cost);
    const Config config = parsed(
        R"({"tiers":{"default":{"clients":{"*":{"bytes":{"day":5000}}}},"b":{"tools":{"query":{"cost":{"hour":5}}}}}})");
    CHECK(config.counts_rows);
    CHECK(config.counts_cost);
}

TEST_CASE("limits: a tier that is not listed is the default one") {
    const Config config = parsed(R"({"tiers":{"default":{},"gold":{"tenant":{"concurrency":3}}}})");
    CHECK(config.tierOf("gold").first == "gold");
    CHECK(config.tierOf("").first == "default");
    CHECK(config.tierOf("platinum").first == "default");
}

TEST_CASE("limits: each scope has a key of its own, and an unlisted tool or client shares that of all others") {
    const Config config = parsed(R"({"tiers":{"default":{
        "principal":{"concurrency":9}, "tenant":{"concurrency":8},
        "tools":{"query":{"concurrency":7},"*":{"concurrency":6}}, "clients":{"*":{"concurrency":5}}}}})");
    const Tier& tier = config.tierOf("").second;
    const howdah_principal ada = principalOf("ada", "acme");
    const AppliedLimits query = limitsFor(tier, ada, "query", "claude");
    REQUIRE(query.count == 4);
    CHECK(query.items[0].key == Key{Scope::principal, "acme", "ada", {}});
    CHECK(query.items[1].key == Key{Scope::tenant, "acme", {}, {}});
    CHECK(query.items[2].key == Key{Scope::tool, "acme", "ada", "query"});
    CHECK(query.items[2].limits->concurrency == 7);
    CHECK(query.items[3].key == Key{Scope::client, "acme", "ada", "*"});
    // Another name, another id: the key is the same.
    CHECK(limitsFor(tier, ada, "query", "pretends").items[3].key == query.items[3].key);
    CHECK(limitsFor(tier, ada, "list_tables", "claude").items[2].key.part == "*");
    CHECK(limitsFor(tier, ada, "", "claude").count == 3);  // no tool
    const howdah_principal local = principalOf("local", "");
    CHECK(limitsFor(tier, local, "query", "").count == 3);  // no tenant
}

TEST_CASE("limits: the same subject of two tenants is two principals") {
    const Config config = parsed("{}");
    const howdah_principal here = principalOf("ada", "acme"), there = principalOf("ada", "other");
    const Tier& tier = config.tierOf("").second;
    CHECK_FALSE(limitsFor(tier, here, "", "").items[0].key == limitsFor(tier, there, "", "").items[0].key);
}
