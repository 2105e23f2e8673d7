// What a client is told of how to get in: the WWW-Authenticate header and the Protected Resource Metadata.
//
// Threads: pure functions, any.
// Source:  RFC 6750, section 3; RFC 9728, sections 2 and 5.1; MCP 2026-07-28 "Scope Challenge Handling".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/abi/auth.h>

#include "jwt.hpp"

namespace howdah::auth {

// As the issuer names them: the other way round through the map of the configuration.
std::vector<std::string> issuerScopes(std::span<const std::string_view> scopes, const TokenRules& rules);

// `rules` null: there are static tokens only, and no authorization server to send anybody to.
std::string challengeHeader(const howdah_challenge& challenge, const TokenRules* rules);

std::string resourceMetadata(std::string_view resource, const TokenRules& rules);

}  // namespace howdah::auth
