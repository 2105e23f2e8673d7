// From an issuer to its keys: the metadata document, in the places the standards name, and the key set it points to.
//
// Threads: fetchKeys() blocks, a worker thread; the rest any.
// Errors:  unavailable, with what every place answered; invalid_argument for a document of another issuer.
// Source:  RFC 8414, section 3.1; OpenID Connect Discovery 1.0, section 4; MCP 2026-07-28 "Authorization Server
// Discovery".
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "fetch.hpp"
#include "keys.hpp"

namespace howdah::auth {

// Where an issuer's metadata may be, in the order to try.
std::vector<std::string> metadataUrls(const std::string& issuer);

// jwks_uri of a metadata document, if it is that issuer's.
Result<std::string> keySetUrl(std::string_view document, const std::string& issuer);

struct FetchedKeys {
    std::string text;  // of the set, to see whether it changed
    KeySet keys;
};

// `jwks_url` "" = found through the issuer. The limit is for all fetches together.
Result<FetchedKeys> fetchKeys(const std::string& issuer, const std::string& jwks_url, const FetchRules& rules,
                              std::chrono::milliseconds limit, const std::function<bool()>& is_stopping);

}  // namespace howdah::auth
