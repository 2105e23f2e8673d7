// The guard's section of the configuration, with units, ranges and defaults (plugin.json repeats them as a schema).
//
// Errors: invalid_argument naming the key, the value met and the range.
#pragma once

#include <howdah/result.hpp>
#include <howdah/tool_call.hpp>

#include "plugins/guard/audit.hpp"
#include "plugins/guard/facts_cache.hpp"
#include "plugins/guard/policy.hpp"

namespace howdah::guard {

struct Config {
    Policy policy;
    CacheLimits cache;
    std::vector<std::string> privileged_roles_allowed;  // databases, or "*"
    bool unresolved_allowed = false;                    // names are judged as written where the catalog cannot be read
    AuditScope audit = AuditScope::refused;

    static Result<Config> parse(const Json& section);
};

}  // namespace howdah::guard
