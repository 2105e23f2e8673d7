#include "plugins/guard/config.hpp"

#include <string>
#include <utility>
#include <vector>

namespace howdah::guard {

Result<Config> Config::parse(const Json& section) {
    const auto names = [&](const char* key) { return section.value(key, std::vector<std::string>{}); };
    Limits limits;
    limits.text_bytes_max = section.value("text_bytes_max", limits.text_bytes_max);
    limits.tokens_max = section.value("tokens_max", limits.tokens_max);
    limits.nesting_max = section.value("nesting_max", limits.nesting_max);
    limits.parameters_max = section.value("parameters_max", limits.parameters_max);
    Opened opened{names("functions_allowed"), names("operators_allowed"), names("extensions_allowed"),
                  names("relations_allowed")};
    auto policy = Policy::make(std::move(opened), limits, 0);
    if (!policy) return policy.error();

    Config config;
    config.policy = std::move(*policy);
    config.privileged_roles_allowed = names("privileged_roles_allowed");
    config.unresolved_allowed = section.value("unresolved_allowed", config.unresolved_allowed);
    config.audit = auditScope(section.value("audit", "refused"));
    const Json cache = section.value("cache", Json::object());
    config.cache.entries_max = cache.value("entries_max", config.cache.entries_max);
    config.cache.bytes_max = cache.value("bytes_max", config.cache.bytes_max);
    return config;
}

}  // namespace howdah::guard
