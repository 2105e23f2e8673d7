#include "plugins/rate_limit/config.hpp"

#include <algorithm>

namespace howdah::rate_limit {
namespace {

using nlohmann::json;

// A bucket that takes longer than this to fill again is a quota, and belongs under hour or day.
constexpr double kFillMax_s = 3600;

// What holds where nothing is configured.
json defaultTiers() {
    return {{"default", {{"principal", {{"calls", {{"second", 50}, {"burst", 100}}}, {"concurrency", 32}}}}}};
}

Result<void> readRates(const std::string& where, Measure measure, const json& section, Limits& limits) {
    for (std::size_t i = 0; i < kPeriods; ++i) {
        const auto found = section.find(kPeriodNames[i]);
        if (found == section.end()) continue;
        Rate rate{measure, static_cast<Period>(i), found->get<double>(), found->get<double>()};
        if (rate.period == Period::second) {
            rate.burst = section.value("burst", rate.amount);
            if (rate.burst < rate.amount || rate.burst > rate.amount * kFillMax_s)
                return Error::invalidArgument(where, ".burst must be between ", rate.amount, " and ",
                                              rate.amount * kFillMax_s, ", got ", rate.burst);
        }
        limits.rates.push_back(rate);
    }
    if (section.contains("burst") && !section.contains("second"))
        return Error::invalidArgument(where, ".burst is of no use without ", where, ".second");
    return {};
}

Result<Limits> readLimits(const std::string& where, const json& section) {
    Limits limits;
    for (std::size_t i = 0; i < kMeasures; ++i) {
        const auto found = section.find(kMeasureNames[i]);
        if (found == section.end()) continue;
        if (auto read = readRates(concat(where, ".", kMeasureNames[i]), static_cast<Measure>(i), *found, limits); !read)
            return read.error();
    }
    limits.concurrency = section.value("concurrency", 0U);
    return limits;
}

Result<LimitsByName> readByName(const std::string& where, const json& section) {
    LimitsByName by_name;
    for (const auto& [name, limits] : section.items()) {
        auto read = readLimits(concat(where, ".", name), limits);
        if (!read) return read.error();
        by_name.emplace(name, std::move(*read));
    }
    return by_name;
}

bool counts(const Config& config, Measure measure) {
    const auto any = [&](const LimitsByName& by_name) {
        return std::any_of(by_name.begin(), by_name.end(),
                           [&](const auto& named) { return named.second.counts(measure); });
    };
    return std::any_of(config.tiers.begin(), config.tiers.end(), [&](const auto& named) {
        const Tier& tier = named.second;
        return tier.principal.counts(measure) || tier.tenant.counts(measure) || any(tier.tools) || any(tier.clients);
    });
}

Result<Tier> readTier(const std::string& where, const json& section) {
    const json none = json::object();
    Tier tier;
    auto principal = readLimits(concat(where, ".principal"), section.value("principal", none));
    if (!principal) return principal.error();
    auto tenant = readLimits(concat(where, ".tenant"), section.value("tenant", none));
    if (!tenant) return tenant.error();
    auto tools = readByName(concat(where, ".tools"), section.value("tools", none));
    if (!tools) return tools.error();
    auto clients = readByName(concat(where, ".clients"), section.value("clients", none));
    if (!clients) return clients.error();
    tier.principal = std::move(*principal);
    tier.tenant = std::move(*tenant);
    tier.tools = std::move(*tools);
    tier.clients = std::move(*clients);
    return tier;
}

}  // namespace

Result<Config> Config::parse(const json& section) {
    Config config;
    config.default_tier = section.value("default_tier", config.default_tier);
    const json tiers = section.value("tiers", defaultTiers());
    for (const auto& [name, tier] : tiers.items()) {
        auto read = readTier(concat("rate_limit.tiers.", name), tier);
        if (!read) return read.error();
        config.tiers.emplace(name, std::move(*read));
    }
    if (!config.tiers.contains(config.default_tier))
        return Error::invalidArgument("rate_limit.default_tier: there is no tier ", config.default_tier);
    config.counts_rows = counts(config, Measure::rows) || counts(config, Measure::bytes);
    config.counts_cost = counts(config, Measure::cost);
    config.keys_max = section.value("keys_max", config.keys_max);
    config.query_rows_max = section.value("query_rows_max", config.query_rows_max);
    config.query_bytes_max = section.value("query_bytes_max", config.query_bytes_max);
    config.save_interval = std::chrono::milliseconds(section.value("save_interval_ms", config.save_interval.count()));
    const auto shared = section.find("shared");
    if (shared == section.end()) return config;
    config.sharing.on = true;
    config.sharing.lease_percent = shared->value("lease_percent", config.sharing.lease_percent);
    config.sharing.recheck = std::chrono::milliseconds(shared->value("recheck_ms", config.sharing.recheck.count()));
    if (shared->value("when_unavailable", "closed") == "open") config.sharing.when_unavailable = WhenUnavailable::open;
    return config;
}

const std::pair<const std::string, Tier>& Config::tierOf(std::string_view claimed) const {
    const auto found = claimed.empty() ? tiers.end() : tiers.find(claimed);
    return found == tiers.end() ? *tiers.find(default_tier) : *found;
}

}  // namespace howdah::rate_limit
