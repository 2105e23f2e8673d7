#include "discovery.hpp"

#include "strict_json.hpp"

namespace howdah::auth {
namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds left(Clock::time_point end) {
    auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    return std::max(rest, std::chrono::milliseconds(1));
}

Result<std::string> discover(const std::string& issuer, const FetchRules& rules, Clock::time_point end,
                             const std::function<bool()>& is_stopping) {
    std::string met;
    for (const std::string& url : metadataUrls(issuer)) {
        auto document = fetchDocument(url, rules, left(end), is_stopping);
        auto found = document ? keySetUrl(*document, issuer) : Result<std::string>(document.error());
        if (found) return found;
        met += concat(met.empty() ? "" : "; ", found.error().message);
    }
    return Error::unavailable("the issuer's metadata cannot be had: ", met);
}

}  // namespace

std::vector<std::string> metadataUrls(const std::string& issuer) {
    const std::size_t authority = issuer.find("://") + 3;
    const std::size_t slash = std::min(issuer.find('/', authority), issuer.size());
    const std::string origin = issuer.substr(0, slash);
    std::string path = issuer.substr(slash);
    while (path.ends_with('/'))
        path.pop_back();
    std::vector<std::string> urls{origin + "/.well-known/oauth-authorization-server" + path,
                                  origin + "/.well-known/openid-configuration" + path};
    if (!path.empty()) urls.push_back(origin + path + "/.well-known/openid-configuration");
    return urls;
}

Result<std::string> keySetUrl(std::string_view document, const std::string& issuer) {
    auto metadata = parseStrictObject(document);
    if (!metadata) return Error::invalidArgument("the metadata document is no JSON object with each key once");
    if (metadata->value("issuer", Json()) != issuer)
        return Error::invalidArgument(
            "the metadata document is of another issuer; oauth.issuer must be written as the "
            "server writes it, to the last slash");
    auto url = metadata->find("jwks_uri");
    if (url == metadata->end() || !url->is_string())
        return Error::invalidArgument("the metadata document names no jwks_uri");
    return url->get<std::string>();
}

Result<FetchedKeys> fetchKeys(const std::string& issuer, const std::string& jwks_url, const FetchRules& rules,
                              std::chrono::milliseconds limit, const std::function<bool()>& is_stopping) {
    const auto end = Clock::now() + limit;
    std::string url = jwks_url;
    if (url.empty()) {
        auto found = discover(issuer, rules, end, is_stopping);
        if (!found) return found.error();
        url = std::move(*found);
    }
    auto text = fetchDocument(url, rules, left(end), is_stopping);
    if (!text) return text.error();
    auto keys = KeySet::parse(*text);
    if (!keys) return Error::unavailable(shownUrl(url), ": ", keys.error().message);
    return FetchedKeys{std::move(*text), std::move(*keys)};
}

}  // namespace howdah::auth
