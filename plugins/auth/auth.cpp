// The plugin: offers howdah.auth/1. A request is let in by a static token, by an access token of an OAuth 2.1 issuer,
// or by the user at the other end of a Unix socket; whichever of them the configuration has.
//
// Threads: as plugin.hpp says; what start() made does not change until stop().
// Owns:    the tokens and keys that are in force.
#include <algorithm>

#include <howdah/abi/auth.h>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "background.hpp"
#include "challenge.hpp"
#include "config.hpp"
#include "static_tokens.hpp"
#include "token_cache.hpp"

namespace howdah::auth {
namespace {

using IdentityPtr = std::shared_ptr<const Identity>;
using SystemClock = std::chrono::system_clock;

Error malformed(std::string_view text) {
    return Error::invalidArgument(text);
}

// The token of "Bearer TOKEN"; "" when the header is absent.
Result<std::string_view> bearerOf(std::string_view header) {
    if (header.empty()) return std::string_view();
    constexpr std::string_view kScheme = "bearer";
    const std::size_t space = std::min(header.find(' '), header.size());
    std::string scheme(header.substr(0, space));
    std::ranges::transform(scheme, scheme.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (scheme != kScheme) return Error::refused("only Authorization: Bearer is taken here");
    std::string_view token = header.substr(space);
    token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
    if (token.empty()) return malformed("the Authorization header names no token");
    if (token.find_first_of(" ,\t\"") != std::string_view::npos)
        return malformed("the Authorization header must be Bearer, one space and one token");
    return token;
}

class Auth final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return std::move(config).error();
        config_ = std::move(*config);
        return {};
    }

    Result<void> start(Offer& offer) override {
        background_ = std::make_unique<Background>(host());
        if (config_.make_token || !config_.token_file.empty()) {
            if (auto opened = openTokens(offer.context()); !opened) return opened;
        }
        if (config_.oauth) {
            keys_ = std::make_unique<KeySource>(config_.oauth->keys);
            cache_ = std::make_unique<TokenCache>(config_.oauth->cache_max);
            beginFetch(false);  // an issuer that is down must not keep the server from starting
        }
        return {};
    }

    void stop() override {
        if (background_) background_->stop();
    }

    void work(std::uint64_t token) override {
        if (Background::kindOf(token) == Background::keys) {
            fetchNow();
        } else if (std::string news = tokens_->look(); !news.empty()) {
            host().log(tokens_->problem().empty() ? LogLevel::info : LogLevel::error, news);
        }
        background_->finish(token);
    }

    void drop(std::uint64_t token) override {
        if (Background::kindOf(token) == Background::keys) keys_->abandon();
        background_->finish(token);
    }

    const void* interface(std::string_view id) override;
    Result<Json> report(Context& context) override;

    Result<IdentityPtr> verify(const Context& context, const howdah_credential& credential) {
        auto token = bearerOf(fromAbi(credential.authorization));
        if (!token) return token.error();
        if (token->empty()) {
            if (auto peer = peerOf(credential)) return peer;
            return Error::refused("a token is needed: Authorization: Bearer TOKEN");
        }
        const Digest digest = sha256(*token);
        Result<IdentityPtr> found = byToken(context, credential, *token, digest);
        if (!found && found.error().code == Code::refused)
            host().log(LogLevel::debug, "token #", shortName(digest), " is refused: ", found.error().message);
        return found;
    }

    std::string challenge(const howdah_challenge& challenge) const {
        return challengeHeader(challenge, config_.oauth ? &config_.oauth->rules : nullptr);
    }

    Result<std::string> metadata(std::string_view resource) const {
        if (!config_.oauth) return Error::notFound("no authorization server is configured here");
        return resourceMetadata(resource, config_.oauth->rules);
    }

private:
    Result<void> openTokens(const Context& context) {
        std::string path = config_.token_file;
        if (config_.make_token) {
            const auto folder = pathOf(context, HOWDAH_PATH_STATE);
            if (!folder) return folder.error();
            path = concat(*folder, "/token");
        }
        tokens_ = std::make_unique<StaticTokens>(path);
        auto opened = tokens_->open(config_.make_token);
        if (!opened) return std::move(opened).error();
        if (config_.make_token) {
            host().log(LogLevel::info, *opened ? "a token was made: " : "the token of this server: ", path,
                       "; clients send it as Authorization: Bearer TOKEN");
        }
        if (tokens_->exposed())
            host().log(LogLevel::warn, path, " can be read by every user of this machine: chmod 600 it");
        return {};
    }

    Result<IdentityPtr> byToken(const Context& context, const howdah_credential& credential, std::string_view token,
                                const Digest& digest) {
        if (tokens_) {
            if (tokens_->lookIsDue(StaticTokens::Clock::now()) && background_->start(Background::tokens)) {
                if (auto looked = background_->wait(Background::tokens, context); !looked) return looked.error();
            }
            if (auto known = tokens_->current()->find(digest)) {
                if (SystemClock::now() >= known->expires) return Error::refused("the token has expired");
                return known;
            }
        }
        if (config_.oauth) return byIssuer(context, credential, token, digest);
        return Error::refused("the token is not known here");
    }

    Result<IdentityPtr> byIssuer(const Context& context, const howdah_credential& credential, std::string_view text,
                                 const Digest& digest) {
        auto keys = keysInForce();
        if (keys) {
            if (auto known = cache_->find(digest, keys->version, SystemClock::now())) return known;
        }
        TokenRules with_audience;
        const TokenRules* rules = &config_.oauth->rules;
        if (rules->audiences.empty()) {
            with_audience = *rules;
            with_audience.audiences.emplace_back(fromAbi(credential.resource));
            rules = &with_audience;
        }
        auto token = parseToken(text, *rules);
        if (!token) return token.error();
        if (auto fits = checkClaims(*token, *rules, SystemClock::now()); !fits) return fits.error();
        Signer signer = keys ? findSigner(*token, keys->set) : Signer::unknown_key;
        if (signer == Signer::unknown_key) {
            if (auto fetched = fetchAndWait(context); !fetched) return fetched.error();
            keys = keys_->current(KeySource::Clock::now());
            if (!keys) return noKeys();
            signer = findSigner(*token, keys->set);
        }
        if (signer != Signer::found) return Error::refused("the token is not signed with a key of its issuer");
        auto identity = identityOf(*token, *rules);
        if (!identity) return identity.error();
        auto shared = std::make_shared<const Identity>(std::move(*identity));
        cache_->insert(digest, keys->version, shared);
        return IdentityPtr(shared);
    }

    // Asks for a fresh set when it is time, and goes on with the one there is.
    std::shared_ptr<const KeySource::Keys> keysInForce() {
        beginFetch(false);
        return keys_->current(KeySource::Clock::now());
    }

    void beginFetch(bool sooner) {
        if (!keys_->beginFetch(KeySource::Clock::now(), sooner)) return;
        if (!background_->start(Background::keys)) keys_->abandon();
    }

    Result<void> fetchAndWait(const Context& context) {
        beginFetch(true);
        return background_->wait(Background::keys, context);
    }

    void fetchNow() {
        const OauthConfig& oauth = *config_.oauth;
        auto fetched = fetchKeys(oauth.rules.issuer, oauth.jwks_url, oauth.fetch, oauth.fetch_timeout,
                                 [this] { return background_->isStopping(); });
        if (!fetched && !background_->isStopping())
            host().log(LogLevel::warn, "no keys from ", oauth.rules.issuer, ": ", fetched.error().message);
        keys_->settle(std::move(fetched), KeySource::Clock::now());
    }

    Error noKeys() const {
        const auto now = KeySource::Clock::now();
        Error error = Error::unavailable("the keys of the token's issuer cannot be had now, try again later");
        error.retry_after_ms = static_cast<std::uint64_t>(keys_->retryIn(now).count());
        return error;
    }

    IdentityPtr peerOf(const howdah_credential& credential) const {
        if (!config_.peer || credential.struct_size < sizeof credential || credential.peer_uid < 0) return nullptr;
        const auto& uids = config_.peer->uids;
        if (std::ranges::find(uids, credential.peer_uid) == uids.end()) return nullptr;
        Identity identity;
        identity.subject = concat("uid:", credential.peer_uid);
        identity.tenant = config_.peer->tenant;
        identity.tier = config_.peer->tier;
        identity.scopes = config_.peer->scopes;
        return std::make_shared<const Identity>(std::move(identity));
    }

    Json tokenReport() const;
    Json issuerReport(Context& context);

    Config config_;
    std::unique_ptr<Background> background_;
    std::unique_ptr<StaticTokens> tokens_;
    std::unique_ptr<KeySource> keys_;
    std::unique_ptr<TokenCache> cache_;
};

Json Auth::tokenReport() const {
    const auto tokens = tokens_->current();
    const std::size_t expired = tokens->expiredCount(SystemClock::now());
    const std::string problem = tokens_->problem();
    Json check{{"name", "token file"}, {"status", "ok"}};
    check["text"] =
        concat(tokens_->path(), ", ", tokens->size(), " tokens", expired ? concat(", ", expired, " expired") : "");
    if (!problem.empty()) {
        check["status"] = "warn";
        check["text"] = problem;
        check["remedy"] = "correct the file; the tokens from before are in force until then";
    } else if (tokens_->exposed()) {
        check["status"] = "warn";
        check["remedy"] = concat("every user of this machine can read it: chmod 600 ", tokens_->path());
    } else if (expired == tokens->size()) {
        check["status"] = "warn";
        check["remedy"] = "no token in it is in force any more, add one";
    }
    return check;
}

Json Auth::issuerReport(Context& context) {
    static_cast<void>(background_->wait(Background::keys, context));  // what is known by then is told
    const auto state = keys_->state(KeySource::Clock::now());
    Json check{{"name", "oauth issuer"}, {"status", state.error.empty() && state.usable ? "ok" : "fail"}};
    const std::string last =
        state.since_fetch.count() < 0 ? "never asked" : concat("asked ", state.since_fetch.count(), " s ago");
    check["text"] = concat(config_.oauth->rules.issuer, ", ", state.keys, " keys, ", last,
                           state.error.empty() ? "" : ": ", state.error);
    if (!state.error.empty() && state.usable) {
        check["status"] = "warn";
        check["remedy"] = concat("the keys from before are in force; make ", config_.oauth->rules.issuer, " reachable");
    } else if (!state.usable) {
        check["remedy"] =
            "check auth.oauth.issuer (or set jwks_url), name resolution, TLS (ca_file) and allow_private; "
            "until then every token of this issuer is answered with 503";
    }
    return check;
}

Result<Json> Auth::report(Context& context) {
    Json checks = Json::array();
    if (tokens_) checks.push_back(tokenReport());
    if (keys_) checks.push_back(issuerReport(context));
    if (config_.peer) {
        std::string uids;
        for (std::int64_t uid : config_.peer->uids)
            uids += concat(uids.empty() ? "" : ", ", uid);
        checks.push_back({{"name", "unix peers"}, {"status", "ok"}, {"text", "users " + uids}});
    }
    std::string status = "ok";
    for (const Json& check : checks) {
        if (check["status"] == "fail" || (check["status"] == "warn" && status == "ok")) status = check["status"];
    }
    Json report{{"status", status}, {"checks", std::move(checks)}};
    if (cache_) report["cached_tokens"] = cache_->entryCount();
    if (keys_) report["key_fetches"] = keys_->state(KeySource::Clock::now()).fetches;
    return report;
}

Auth& of(void* self) {
    return *static_cast<Auth*>(static_cast<Plugin*>(self));
}

Result<void> keepText(const Context& context, std::string_view text, howdah_str& out) {
    out = context.keep(text);
    return out.data ? Result<void>{} : Error::unavailable("the request's memory limit is reached");
}

howdah_status verify(void* self, howdah_ctx* ctx, const howdah_credential* credential, howdah_principal* out) noexcept {
    return PluginTables::guarded(of(self), ctx, [&]() -> Result<void> {
        const Context context(of(self).host(), ctx);
        auto identity = of(self).verify(context, *credential);
        if (!identity) return std::move(identity).error();
        const Identity& who = **identity;
        for (auto [text, place] : {std::pair(&who.subject, &out->subject), std::pair(&who.tenant, &out->tenant),
                                   std::pair(&who.tier, &out->tier)}) {
            if (auto kept = keepText(context, *text, *place); !kept) return kept;
        }
        out->scope_count = 0;
        out->scopes = nullptr;
        if (who.scopes.empty()) return {};
        auto* scopes =
            static_cast<howdah_str*>(context.host().context().alloc(ctx, who.scopes.size() * sizeof(howdah_str)));
        if (!scopes) return Error::unavailable("the request's memory limit is reached");
        for (std::size_t i = 0; i < who.scopes.size(); ++i) {
            if (auto kept = keepText(context, who.scopes[i], scopes[i]); !kept) return kept;
        }
        out->scopes = scopes;
        out->scope_count = who.scopes.size();
        return {};
    });
}

howdah_status challenge(void* self, howdah_ctx* ctx, const howdah_challenge* asked, howdah_str* header) noexcept {
    return PluginTables::guarded(
        of(self), ctx, [&] { return keepText(Context(of(self).host(), ctx), of(self).challenge(*asked), *header); });
}

howdah_status metadata(void* self, howdah_ctx* ctx, howdah_str resource, howdah_str* json) noexcept {
    return PluginTables::guarded(of(self), ctx, [&]() -> Result<void> {
        auto text = of(self).metadata(fromAbi(resource));
        if (!text) return std::move(text).error();
        return keepText(Context(of(self).host(), ctx), *text, *json);
    });
}

constexpr howdah_auth_v1 kAuth{sizeof(howdah_auth_v1), 0, &verify, &challenge, &metadata};

const void* Auth::interface(std::string_view id) {
    return id == HOWDAH_AUTH_1 ? &kAuth : nullptr;
}

}  // namespace
}  // namespace howdah::auth

using AuthPlugin = howdah::auth::Auth;
HOWDAH_PLUGIN(AuthPlugin)
