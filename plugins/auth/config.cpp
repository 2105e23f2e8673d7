#include "config.hpp"

#include <unistd.h>

namespace howdah::auth {
namespace {

Result<std::vector<std::string>> scopeList(const Json& list, std::string_view key) {
    std::vector<std::string> scopes;
    for (const Json& scope : list) {
        scopes.push_back(scope.get<std::string>());
        if (!isScope(scopes.back()))
            return Error::invalidArgument("auth.", key, ": ", scope.dump().substr(0, 80),
                                          " is no scope: no spaces, quotes or backslashes");
    }
    return scopes;
}

// The schema of plugin.json has checked types and ranges.
Result<OauthConfig> readOauth(const Json& json) {
    OauthConfig oauth;
    TokenRules& rules = oauth.rules;
    oauth.fetch.allow_http = json.value("allow_http", false);
    oauth.fetch.allow_private = json.value("allow_private", false);
    oauth.fetch.ca_file = json.value("ca_file", "");
    rules.issuer = json.value("issuer", "");
    oauth.jwks_url = json.value("jwks_url", "");
    for (const auto& [key, url] : {std::pair("issuer", rules.issuer), std::pair("jwks_url", oauth.jwks_url)}) {
        if (url.empty()) continue;
        if (auto sound = checkUrl(url, oauth.fetch); !sound)
            return Error::invalidArgument("auth.oauth.", key, ": ", sound.error().message);
    }
    if (rules.issuer.find('?') != std::string::npos)
        return Error::invalidArgument("auth.oauth.issuer must not have a query (RFC 8414)");
    if (auto audience = json.find("audience"); audience != json.end()) {
        for (const Json& one : audience->is_array() ? *audience : Json::array({*audience}))
            rules.audiences.push_back(one.get<std::string>());
    }
    if (auto algorithms = json.find("algorithms"); algorithms != json.end()) {
        rules.algorithms.clear();
        for (const Json& name : *algorithms) {
            auto algorithm = algorithmNamed(name.get<std::string>());
            if (!algorithm)
                return Error::invalidArgument("auth.oauth.algorithms: ", name.dump().substr(0, 40),
                                              " is not taken here");
            rules.algorithms.push_back(*algorithm);
        }
    }
    const Json mapped = json.value("scopes", Json::object());
    for (const auto& [theirs, ours] : mapped.items()) {
        auto scopes = scopeList(ours, "oauth.scopes");
        if (!scopes) return scopes.error();
        if (!isScope(theirs))
            return Error::invalidArgument("auth.oauth.scopes: a key is no scope: ", theirs.substr(0, 80));
        rules.scopes[theirs] = std::move(*scopes);
    }
    auto usual = scopeList(json.value("default_scopes", Json::array()), "oauth.default_scopes");
    if (!usual) return usual.error();
    rules.default_scopes = std::move(*usual);
    rules.tenant_claim = json.value("tenant_claim", "");
    rules.tier_claim = json.value("tier_claim", "");
    for (const std::string& claim : {rules.tenant_claim, rules.tier_claim}) {
        if (!claim.starts_with('/')) continue;
        try {
            static_cast<void>(Json::json_pointer(claim));
        } catch (const Json::exception&) {
            return Error::invalidArgument("auth.oauth: ", claim, " is no JSON pointer");
        }
    }
    rules.clock_skew = std::chrono::seconds(json.value("clock_skew_s", rules.clock_skew.count()));
    rules.require_at_jwt = json.value("require_at_jwt", false);
    oauth.keys.lifetime = std::chrono::seconds(json.value("keys_lifetime_s", oauth.keys.lifetime.count()));
    oauth.keys.stale_max = std::chrono::seconds(json.value("keys_stale_max_s", oauth.keys.stale_max.count()));
    oauth.keys.retry = std::chrono::seconds(json.value("keys_retry_s", oauth.keys.retry.count()));
    oauth.fetch_timeout = std::chrono::milliseconds(json.value("fetch_timeout_ms", oauth.fetch_timeout.count()));
    oauth.cache_max = json.value("cache_max", oauth.cache_max);
    return oauth;
}

Result<PeerConfig> readPeer(const Json& json) {
    PeerConfig peer;
    if (auto uids = json.find("uids"); uids != json.end()) {
        peer.uids = uids->get<std::vector<std::int64_t>>();
    } else {
        peer.uids = {static_cast<std::int64_t>(::geteuid())};
    }
    if (auto list = json.find("scopes"); list != json.end()) {
        auto scopes = scopeList(*list, "peer.scopes");
        if (!scopes) return scopes.error();
        peer.scopes = std::move(*scopes);
    }
    peer.tenant = json.value("tenant", "");
    peer.tier = json.value("tier", "");
    return peer;
}

}  // namespace

Result<Config> Config::parse(const Json& section) {
    Config config;
    config.token_file = section.value("token_file", "");
    if (!config.token_file.empty() && config.token_file[0] != '/')
        return Error::invalidArgument("auth.token_file must be an absolute path, got ", config.token_file);
    if (auto oauth = section.find("oauth"); oauth != section.end()) {
        auto read = readOauth(*oauth);
        if (!read) return read.error();
        config.oauth = std::move(*read);
    }
    if (auto peer = section.find("peer"); peer != section.end()) {
        auto read = readPeer(peer->is_object() ? *peer : Json::object());
        if (!read) return read.error();
        config.peer = std::move(*read);
    }
    config.make_token = config.token_file.empty() && !config.oauth && !config.peer;
    return config;
}

}  // namespace howdah::auth
