// Scopes: what a principal may ask for at all, judged before any hook and any argument.
//
// Threads: pure functions, any.
// Errors:  refused, rule insufficient_scope, naming all scopes that the request needs.
// Source:  MCP 2026-07-28 "Scope Challenge Handling"; RFC 6750, section 3.1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/pipeline/request.hpp"

namespace howdah::kernel {

inline constexpr std::string_view kReadScope = "howdah:read";
inline constexpr std::string_view kWriteScope = "howdah:write";  // and with it howdah:read
inline constexpr std::string_view kAdminScope = "howdah:admin";  // and with it both

// What prompts, resources and completions need.
const std::vector<std::string>& readScopes();
const std::vector<std::string>& writeScopes();

bool holds(const Principal& principal, std::string_view scope);

// Leaves in the request what it needs when the principal does not hold all of it.
Result<void> requireScopes(Request& request, const std::vector<std::string>& needed);

}  // namespace howdah::kernel
