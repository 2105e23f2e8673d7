#include "jwt.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "encoding.hpp"

namespace howdah::auth {
namespace {

using SystemClock = std::chrono::system_clock;

constexpr double kTimeMax = 253402300799;    // the last second of the year 9999
constexpr double kTimeCounted = 7258118400;  // 2200: the clock counts nanoseconds up to 2262, and a skew may be added
constexpr std::size_t kAudiencesMax = 64;

// Members of a header that would let the token say where its key is (RFC 7515, 4.1), or what must be understood.
constexpr std::array kForbiddenHeaders{"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"};
// What only id tokens have (OpenID Connect Core 1.0, sections 2 and 3.3.2.11).
constexpr std::array kIdTokenClaims{"nonce", "at_hash", "c_hash", "s_hash"};

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

Result<void> checkType(const Json& header, bool required) {
    auto type = header.find("typ");
    if (type == header.end()) {
        if (!required) return {};
        return Error::refused("the token's typ must be at+jwt, it has none");
    }
    std::string name = type->is_string() ? lower(type->get<std::string>()) : std::string();
    if (name.starts_with("application/")) name.erase(0, std::string_view("application/").size());
    if (name == "at+jwt" || (name == "jwt" && !required)) return {};
    return Error::refused("the token's typ is not that of an access token");
}

// A NumericDate (RFC 7519, section 2); nothing when the claim is absent.
Result<std::optional<SystemClock::time_point>> timeOf(const Json& claims, const char* name) {
    auto found = claims.find(name);
    if (found == claims.end()) return std::optional<SystemClock::time_point>{};
    const double seconds = found->is_number() ? found->get<double>() : -1;
    if (!std::isfinite(seconds) || seconds < 0 || seconds > kTimeMax)
        return Error::refused("the token's ", name, " is no time");
    return std::optional(SystemClock::time_point(std::chrono::duration_cast<SystemClock::duration>(
        std::chrono::milliseconds(static_cast<std::int64_t>(std::min(seconds, kTimeCounted) * 1000)))));
}

bool isMeantForUs(const Json& claims, const std::vector<std::string>& audiences) {
    auto found = claims.find("aud");
    if (found == claims.end()) return false;
    auto ours = [&](const Json& one) {
        return one.is_string() && std::ranges::find(audiences, one.get_ref<const std::string&>()) != audiences.end();
    };
    if (!found->is_array()) return ours(*found);
    if (found->size() > kAudiencesMax || !std::ranges::all_of(*found, [](const Json& one) { return one.is_string(); }))
        return false;
    return std::ranges::any_of(*found, ours);
}

bool isIdToken(const Json& claims) {
    for (const char* name : kIdTokenClaims) {
        if (claims.contains(name)) return true;
    }
    return claims.value("token_use", Json()) == "id" || claims.value("typ", Json()) == "ID";
}

Result<void> addScopes(std::string_view list, const TokenRules& rules, std::vector<std::string>& scopes) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(' '), list.size());
        const std::string scope(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
        if (scope.empty()) continue;
        if (!isScope(scope)) return Error::refused("a scope of the token has characters no scope may have");
        auto mapped = rules.scopes.find(scope);
        if (mapped == rules.scopes.end()) {
            scopes.push_back(scope);
        } else {
            scopes.insert(scopes.end(), mapped->second.begin(), mapped->second.end());
        }
        if (scopes.size() > kScopesMax) return Error::refused("the token has more than ", kScopesMax, " scopes");
    }
    return {};
}

// `scope` is the standard's (RFC 9068); `scp`, as text or list, is what some servers write instead.
Result<std::vector<std::string>> scopesOf(const Json& claims, const TokenRules& rules) {
    std::vector<std::string> scopes;
    auto claim = claims.find("scope");
    if (claim == claims.end()) claim = claims.find("scp");
    if (claim == claims.end()) return rules.default_scopes;
    const Json list = claim->is_array() ? *claim : Json::array({*claim});
    for (const Json& part : list) {
        if (!part.is_string()) return Error::refused("the token's scope is no text");
        if (auto added = addScopes(part.get_ref<const std::string&>(), rules, scopes); !added) return added.error();
    }
    return scopes;
}

Result<std::string> textClaim(const Json& claims, const std::string& name) {
    if (name.empty()) return std::string();
    const Json* found = nullptr;
    if (name.starts_with('/')) {
        const Json::json_pointer pointer(name);  // its syntax was checked with the configuration
        if (claims.contains(pointer)) found = &claims.at(pointer);
    } else if (auto member = claims.find(name); member != claims.end()) {
        found = &*member;
    }
    if (!found) return std::string();
    if (!found->is_string() || !isPlainText(found->get_ref<const std::string&>()))
        return Error::refused("the token's claim ", name, " must be a text of at most ", kTextMax, " bytes");
    return found->get<std::string>();
}

}  // namespace

Result<Token> parseToken(std::string_view text, const TokenRules& rules) {
    if (text.size() > kTokenMax) return Error::refused("the token is longer than ", kTokenMax, " bytes");
    const std::size_t first = text.find('.');
    const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
    if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos)
        return Error::refused("the token is no signed JWT");
    const auto header_text = fromBase64Url(text.substr(0, first));
    const auto payload = fromBase64Url(text.substr(first + 1, second - first - 1));
    auto signature = fromBase64Url(text.substr(second + 1));
    if (!header_text || !payload || !signature) return Error::refused("the token is not base64url");
    const auto header = parseStrictObject(*header_text);
    auto claims = parseStrictObject(*payload);
    if (!header || !claims) return Error::refused("header and claims of the token must be JSON with each name once");

    for (const char* name : kForbiddenHeaders) {
        if (header->contains(name)) return Error::refused("the token's header has ", name, ", which is not taken here");
    }
    Token token;
    auto algorithm = header->find("alg");
    auto named = algorithm != header->end() && algorithm->is_string()
                     ? algorithmNamed(algorithm->get_ref<const std::string&>())
                     : std::nullopt;
    if (!named || std::ranges::find(rules.algorithms, *named) == rules.algorithms.end())
        return Error::refused("the token's algorithm is not one that is taken here");
    token.algorithm = *named;
    if (auto typed = checkType(*header, rules.require_at_jwt); !typed) return typed.error();
    if (auto id = header->find("kid"); id != header->end()) {
        if (!id->is_string() || id->get_ref<const std::string&>().size() > kTextMax)
            return Error::refused("the token's kid must be a text of at most ", kTextMax, " bytes");
        token.key_id = id->get<std::string>();
    }
    token.claims = std::move(*claims);
    token.signed_text = text.substr(0, second);
    token.signature = std::move(*signature);
    return token;
}

Result<void> checkClaims(const Token& token, const TokenRules& rules, SystemClock::time_point now) {
    const Json& claims = token.claims;
    if (claims.value("iss", Json()) != rules.issuer) return Error::refused("the token is of another issuer");
    if (!isMeantForUs(claims, rules.audiences))
        return Error::refused("the token's audience is not this server: ask for one with resource=",
                              rules.audiences.empty() ? "" : rules.audiences.front());
    if (isIdToken(claims)) return Error::refused("an id token is no access token");
    auto expires = timeOf(claims, "exp");
    auto not_before = timeOf(claims, "nbf");
    auto issued = timeOf(claims, "iat");
    for (const auto* time : {&expires, &not_before, &issued}) {
        if (!*time) return time->error();
    }
    if (!*expires) return Error::refused("the token has no exp: it would never expire");
    if (now >= **expires + rules.clock_skew) return Error::refused("the token has expired");
    if (*not_before && now + rules.clock_skew < **not_before) return Error::refused("the token is not in force yet");
    if (*issued && now + rules.clock_skew < **issued) return Error::refused("the token was issued in the future");
    return {};
}

Signer findSigner(const Token& token, const KeySet& keys) {
    const auto candidates = keys.candidates(token.key_id, token.algorithm);
    if (candidates.empty()) {
        // A key that is there and is of another kind will not be another one tomorrow.
        return token.key_id && keys.knows(*token.key_id) ? Signer::wrong : Signer::unknown_key;
    }
    if (candidates.size() > kUnnamedKeysMax) return Signer::wrong;
    const bool signed_by_one = std::ranges::any_of(
        candidates, [&](const Key* key) { return key->verifies(token.algorithm, token.signed_text, token.signature); });
    return signed_by_one ? Signer::found : Signer::wrong;
}

Result<Identity> identityOf(const Token& token, const TokenRules& rules) {
    const Json& claims = token.claims;
    auto subject = claims.find("sub");
    if (subject == claims.end() || !subject->is_string() || subject->get_ref<const std::string&>().empty() ||
        !isPlainText(subject->get_ref<const std::string&>()))
        return Error::refused("the token's sub must be a text of 1 to ", kTextMax, " bytes");
    Identity identity;
    identity.subject = "oauth:" + subject->get<std::string>();
    auto tenant = textClaim(claims, rules.tenant_claim);
    if (!tenant) return tenant.error();
    auto tier = textClaim(claims, rules.tier_claim);
    if (!tier) return tier.error();
    auto scopes = scopesOf(claims, rules);
    if (!scopes) return scopes.error();
    identity.tenant = std::move(*tenant);
    identity.tier = std::move(*tier);
    identity.scopes = std::move(*scopes);
    auto expires = timeOf(claims, "exp");
    if (!expires) return expires.error();
    if (*expires) identity.expires = **expires + rules.clock_skew;
    return identity;
}

}  // namespace howdah::auth
