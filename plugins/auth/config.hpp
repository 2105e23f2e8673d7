// The plugin's section of the configuration.
//
// Threads: a value, any.
// Errors:  invalid_argument naming the key, what was met and what is wanted.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "fetch.hpp"
#include "identity.hpp"
#include "jwt.hpp"
#include "key_source.hpp"

namespace howdah::auth {

struct OauthConfig {
    TokenRules rules;      // audiences empty = the address of the server
    std::string jwks_url;  // "" = found through the issuer
    FetchRules fetch;
    std::chrono::milliseconds fetch_timeout{4000};  // 100..4500, for all documents of one fetch
    KeySource::Limits keys;
    std::size_t cache_max = 4096;  // 0..100000 verified tokens
};

struct PeerConfig {
    std::vector<std::int64_t> uids;  // who may come without a token over a Unix socket
    std::vector<std::string> scopes{"howdah:write"};
    std::string tenant;
    std::string tier;
};

struct Config {
    std::string token_file;  // "" = none
    bool make_token = true;  // nothing was configured: one token in the state folder
    std::optional<OauthConfig> oauth;
    std::optional<PeerConfig> peer;

    static Result<Config> parse(const Json& section);
};

}  // namespace howdah::auth
