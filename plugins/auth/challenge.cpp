#include "challenge.hpp"

#include <algorithm>

#include <howdah/host.hpp>

namespace howdah::auth {
namespace {

constexpr std::string_view kScopesSupported[] = {"howdah:read", "howdah:write"};

// Between quotes only these are sure to be read alike (RFC 6750, section 3).
void append(std::string& header, std::string_view name, std::string_view value) {
    header += header.back() == ' ' ? "" : ", ";
    header += name;
    header += "=\"";
    for (char c : value)
        header += c == '"' || c == '\\' || c < 0x20 || c > 0x7e ? '\'' : c;
    header += '"';
}

std::string_view errorOf(std::uint32_t reason) {
    switch (reason) {
        case HOWDAH_CHALLENGE_REJECTED: return "invalid_token";
        case HOWDAH_CHALLENGE_MALFORMED: return "invalid_request";
        case HOWDAH_CHALLENGE_SCOPE: return "insufficient_scope";
        default: return {};  // nothing was sent, so nothing was wrong with it
    }
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : " ") + word;
    return text;
}

}  // namespace

std::vector<std::string> issuerScopes(std::span<const std::string_view> scopes, const TokenRules& rules) {
    std::vector<std::string> names;
    for (std::string_view scope : scopes) {
        auto theirs = std::ranges::find_if(rules.scopes, [&](const auto& entry) {
            return std::ranges::find(entry.second, scope) != entry.second.end();
        });
        std::string name = theirs == rules.scopes.end() ? std::string(scope) : theirs->first;
        if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
    return names;
}

std::string challengeHeader(const howdah_challenge& challenge, const TokenRules* rules) {
    std::string header = "Bearer ";
    if (!rules) append(header, "realm", "howdah");
    if (auto error = errorOf(challenge.reason); !error.empty()) append(header, "error", error);
    std::vector<std::string_view> scopes;
    scopes.reserve(challenge.scope_count);
    for (std::uint64_t i = 0; i < challenge.scope_count; ++i)
        scopes.push_back(fromAbi(challenge.scopes[i]));
    static const TokenRules kAsTheyAre;
    if (!scopes.empty()) append(header, "scope", joined(issuerScopes(scopes, rules ? *rules : kAsTheyAre)));
    if (rules) append(header, "resource_metadata", fromAbi(challenge.metadata_url));
    if (challenge.description.size > 0) append(header, "error_description", fromAbi(challenge.description));
    return header;
}

std::string resourceMetadata(std::string_view resource, const TokenRules& rules) {
    return Json{{"resource", std::string(resource)},
                {"authorization_servers", Json::array({rules.issuer})},
                {"scopes_supported", issuerScopes(kScopesSupported, rules)},
                {"bearer_methods_supported", Json::array({"header"})},
                {"resource_name", "Howdah"}}
        .dump();
}

}  // namespace howdah::auth
