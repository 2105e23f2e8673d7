// Access tokens in the form of a JWT: is this one meant for this server, in force, and signed by the issuer?
//
// Steps, so that the caller can fetch keys in between: parseToken() reads the form, checkClaims() what it says,
// findSigner() who signed it, identityOf() whom it stands for. No step trusts the token about how to check it: the
// algorithm must be in the configured list and fit the key, and a key comes from the issuer's set alone.
//
// Threads: pure functions, any.
// Errors:  refused, with a text that may be told to whoever sent the token (it never repeats the token).
// Source:  RFC 7515 (JWS), RFC 7519 (JWT), RFC 9068 (access tokens), RFC 8725 (best practices), RFC 8707 (audience).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "identity.hpp"
#include "keys.hpp"
#include "strict_json.hpp"

namespace howdah::auth {

inline constexpr std::size_t kTokenMax = 16 * 1024;  // bytes
inline constexpr std::size_t kUnnamedKeysMax = 8;    // tried for a token that names no key

// What a token must fit.
struct TokenRules {
    std::string issuer;
    std::vector<std::string> audiences;  // the token's must be one of them
    std::vector<Algorithm> algorithms = allAlgorithms();
    std::chrono::seconds clock_skew{30};
    bool require_at_jwt = false;                             // typ must be at+jwt (RFC 9068)
    std::map<std::string, std::vector<std::string>> scopes;  // the issuer's scope -> ours; others stay as they are
    std::vector<std::string> default_scopes;                 // of a token that says nothing of scopes
    std::string tenant_claim;                                // name, or JSON pointer; "" = none
    std::string tier_claim;
};

struct Token {
    Algorithm algorithm = Algorithm::rs256;
    std::optional<std::string> key_id;
    Json claims;
    std::string signed_text;  // header and payload as they came
    std::string signature;
};

Result<Token> parseToken(std::string_view text, const TokenRules& rules);
Result<void> checkClaims(const Token& token, const TokenRules& rules, std::chrono::system_clock::time_point now);

enum class Signer : std::uint8_t { found, unknown_key, wrong };
Signer findSigner(const Token& token, const KeySet& keys);

Result<Identity> identityOf(const Token& token, const TokenRules& rules);

}  // namespace howdah::auth
