// Which limits apply to whom. Only what is verified decides: subject, tenant and tier of the principal, and the name of
// a tool as it was bound. What a client says it is can only choose among the limits of its own principal.
//
// Threads: any. The keys' texts are the principal's and the configuration's.
#pragma once

#include <string_view>

#include <howdah/host.hpp>

#include "plugins/rate_limit/ledger.hpp"

namespace howdah::rate_limit {

// The entry of that name, else the one for all others; null when there is neither.
inline const LimitsByName::value_type* entryFor(const LimitsByName& by_name, std::string_view name) {
    if (by_name.empty()) return nullptr;
    auto found = by_name.find(name);
    if (found == by_name.end()) found = by_name.find("*");
    return found == by_name.end() ? nullptr : &*found;
}

// `tool` is empty for what is no tool.
inline AppliedLimits limitsFor(const Tier& tier, const howdah_principal& principal, std::string_view tool,
                               std::string_view client) {
    const std::string_view tenant = fromAbi(principal.tenant);
    const std::string_view subject = fromAbi(principal.subject);
    AppliedLimits applied;
    applied.add({Scope::principal, tenant, subject, {}}, tier.principal);
    if (!tenant.empty()) applied.add({Scope::tenant, tenant, {}, {}}, tier.tenant);
    if (const auto* entry = tool.empty() ? nullptr : entryFor(tier.tools, tool))
        applied.add({Scope::tool, tenant, subject, entry->first}, entry->second);
    if (const auto* entry = entryFor(tier.clients, client))
        applied.add({Scope::client, tenant, subject, entry->first}, entry->second);
    return applied;
}

}  // namespace howdah::rate_limit
