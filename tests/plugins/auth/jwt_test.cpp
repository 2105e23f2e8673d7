// The check of access tokens, without a server: what passes, and everything that must not.
#include "plugins/auth/jwt.hpp"

#include <cstdio>

#include <doctest/doctest.h>

#include "signer.hpp"

namespace howdah::auth::test {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::system_clock::time_point;

const Time kNow = std::chrono::system_clock::from_time_t(1'800'000'000);
constexpr std::int64_t kNowS = 1'800'000'000;
const std::string kIssuer = "https://login.example.com/";
const std::string kResource = "https://db.example.com/mcp";

const Signer& rsa() {
    static const Signer signer("rsa-1", KeyKind::rsa);
    return signer;
}
const Signer& curve() {
    static const Signer signer("ec-1", KeyKind::p256);
    return signer;
}
const Signer& foreign() {
    static const Signer signer("rsa-1", KeyKind::rsa);  // the same kid, another key
    return signer;
}

TokenRules rules() {
    TokenRules rules;
    rules.issuer = kIssuer;
    rules.audiences = {kResource};
    return rules;
}

Json header(const char* algorithm = "RS256", const char* id = "rsa-1") {
    return {{"alg", algorithm}, {"typ", "at+jwt"}, {"kid", id}};
}

Json claims() {
    return {{"iss", kIssuer}, {"aud", kResource}, {"sub", "ada"},           {"exp", kNowS + 600},
            {"iat", kNowS},   {"nbf", kNowS},     {"scope", "howdah:read"}, {"client_id", "c"}};
}

Json with(Json json, const char* key, const Json& value) {
    json[key] = value;
    return json;
}
Json without(Json json, const char* key) {
    json.erase(key);
    return json;
}

// All steps, as the plugin takes them.
Result<Identity> check(const std::string& text, const TokenRules& its_rules, const KeySet& keys) {
    auto token = parseToken(text, its_rules);
    if (!token) return token.error();
    if (auto fits = checkClaims(*token, its_rules, kNow); !fits) return fits.error();
    switch (findSigner(*token, keys)) {
        case auth::Signer::found: return identityOf(*token, its_rules);
        case auth::Signer::unknown_key: return Error::refused("unknown key");
        case auth::Signer::wrong: return Error::refused("wrong signature");
    }
    return Error::internal("not reached");
}

const KeySet& keys() {
    static const KeySet set = *KeySet::parse(keySetText({&rsa(), &curve()}));
    return set;
}

std::string token(const Json& head, const Json& body) {
    return rsa().token(Algorithm::rs256, head.dump(), body.dump());
}

}  // namespace

TEST_CASE("jwt: of two good tokens and all kinds of bad ones only the good ones pass") {
    struct Case {
        std::string name;
        std::string token;
        std::string refusal;  // "" = good; else part of the text
    };
    const std::string good = token(header(), claims());
    const auto [head, body, sign] = [&] {
        const auto a = good.find('.'), b = good.rfind('.');
        return std::tuple(good.substr(0, a), good.substr(a + 1, b - a - 1), good.substr(b + 1));
    }();
    const std::string modulus_as_secret = rsa().jwk()["n"].get<std::string>();
    std::string flipped = sign;
    flipped[5] = flipped[5] == 'A' ? 'B' : 'A';
    const std::string supabase_head = R"({"alg":"HS256","typ":"JWT"})";
    const auto supabase = [&](const char* role) {
        return hmacToken(
            supabase_head,
            Json{{"iss", "supabase"}, {"ref", "x"}, {"role", role}, {"iat", kNowS}, {"exp", kNowS + 600}}.dump(),
            "super-secret-jwt-token-with-at-least-32-characters-long");
    };
    const std::string claims_text = claims().dump();
    const std::string twice = claims_text.substr(0, claims_text.size() - 1) + R"(,"aud":"https://other.example"})";
    const std::string header_twice = R"({"alg":"none","alg":"RS256","typ":"at+jwt","kid":"rsa-1"})";

    const Case cases[] = {
        {"good RS256", good, ""},
        {"good ES256", curve().token(Algorithm::es256, header("ES256", "ec-1").dump(), claims().dump()), ""},

        {"another audience", token(header(), with(claims(), "aud", "https://other.example")), "audience"},
        {"no audience", token(header(), without(claims(), "aud")), "audience"},
        {"a list of other audiences", token(header(), with(claims(), "aud", {"a", "b"})), "audience"},
        {"an audience list with more than texts", token(header(), with(claims(), "aud", {kResource, 1})), "audience"},
        {"an audience that begins like ours", token(header(), with(claims(), "aud", kResource + "/x")), "audience"},
        {"an audience in another case", token(header(), with(claims(), "aud", "https://DB.example.com/mcp")),
         "audience"},
        {"an audience object", token(header(), with(claims(), "aud", Json{{kResource, true}})), "audience"},
        {"another issuer", token(header(), with(claims(), "iss", "https://evil.example/")), "issuer"},
        {"an issuer without its last slash", token(header(), with(claims(), "iss", "https://login.example.com")),
         "issuer"},
        {"no issuer", token(header(), without(claims(), "iss")), "issuer"},
        {"expired a minute ago", token(header(), with(claims(), "exp", kNowS - 60)), "expired"},
        {"expired at the edge of the skew", token(header(), with(claims(), "exp", kNowS - 30)), "expired"},
        {"no expiry", token(header(), without(claims(), "exp")), "no exp"},
        {"an expiry that is text", token(header(), with(claims(), "exp", "2099-01-01")), "no time"},
        {"an expiry beyond all time", token(header(), with(claims(), "exp", 1e300)), "no time"},
        {"in force in a minute", token(header(), with(claims(), "nbf", kNowS + 60)), "not in force"},
        {"issued in a minute", token(header(), with(claims(), "iat", kNowS + 60)), "future"},
        {"a negative nbf", token(header(), with(claims(), "nbf", -1)), "no time"},
        {"alg none without signature", toBase64Url(R"({"alg":"none"})") + "." + body + ".", "algorithm"},
        {"alg None in another spelling", toBase64Url(R"({"alg":"nOnE"})") + "." + body + ".", "algorithm"},
        {"alg none with a signature", toBase64Url(R"({"alg":"none"})") + "." + body + "." + sign, "algorithm"},
        {"HS256 with the public key as its secret",
         hmacToken(header("HS256").dump(), claims().dump(), modulus_as_secret), "algorithm"},
        {"an RSA signature under ES256", toBase64Url(header("ES256").dump()) + "." + body + "." + sign, "signature"},
        {"ES256 with the id of an RSA key", curve().token(Algorithm::es256, header("ES256").dump(), claims().dump()),
         "signature"},
        {"a foreign key with our kid", foreign().token(Algorithm::rs256, header().dump(), claims().dump()),
         "signature"},
        {"a flipped signature", head + "." + body + "." + flipped, "signature"},
        {"no signature", head + "." + body + ".", "signature"},
        {"the claims of another token", head + "." + toBase64Url(with(claims(), "sub", "eve").dump()) + "." + sign,
         "signature"},
        {"PS256 over an RS256 signature", toBase64Url(header("PS256").dump()) + "." + body + "." + sign, "signature"},
        {"an unknown kid", token(header("RS256", "nobody"), claims()), "unknown key"},
        {"a kid that is a path", token(header("RS256", "../../../../dev/null"), claims()), "unknown key"},
        {"a kid that is SQL", token(header("RS256", "x' union select 'k"), claims()), "unknown key"},
        {"a kid that is a number", token(with(header(), "kid", 1), claims()), "kid"},
        {"a kid of 300 bytes", token(with(header(), "kid", std::string(300, 'k')), claims()), "kid"},
        {"jku", token(with(header(), "jku", "https://evil.example/keys"), claims()), "jku"},
        {"x5u", token(with(header(), "x5u", "https://evil.example/cert"), claims()), "x5u"},
        {"a key in the header", token(with(header(), "jwk", foreign().jwk()), claims()), "jwk"},
        {"crit", token(with(header(), "crit", {"exp"}), claims()), "crit"},
        {"b64", token(with(header(), "b64", false), claims()), "b64"},
        {"an id token by its nonce", token(header(), with(claims(), "nonce", "n")), "id token"},
        {"an id token by its at_hash", token(header(), with(claims(), "at_hash", "h")), "id token"},
        {"an id token by its typ claim", token(header(), with(claims(), "typ", "ID")), "id token"},
        {"a logout token", token(with(header(), "typ", "logout+jwt"), claims()), "typ"},
        {"a token of 64 kB", token(header(), with(claims(), "x", std::string(64 * 1024, 'x'))), "longer"},
        {"a claim given twice", rsa().token(Algorithm::rs256, header().dump(), twice), "each name once"},
        {"alg given twice", rsa().token(Algorithm::rs256, header_twice, claims().dump()), "each name once"},
        {"claims that are a list", rsa().token(Algorithm::rs256, header().dump(), "[1]"), "each name once"},
        {"deep claims",
         rsa().token(Algorithm::rs256, header().dump(),
                     "{\"x\":" + std::string(5000, '[') + std::string(5000, ']') + "}"),
         "each name once"},
        {"an encrypted token of five parts", good + ".x.y", "no signed JWT"},
        {"two parts", head + "." + body, "no signed JWT"},
        {"padding", head + "=." + body + "." + sign, "base64url"},
        {"standard base64", head + "." + body + "." + sign.substr(0, 10) + "+/" + sign.substr(12), "base64url"},
        {"a line break", head + "\n." + body + "." + sign, "base64url"},
        {"nothing", "", "no signed JWT"},
        {"no subject", token(header(), without(claims(), "sub")), "sub"},
        {"a subject with a line break", token(header(), with(claims(), "sub", "a\nb")), "sub"},
        {"a scope that is a number", token(header(), with(claims(), "scope", 1)), "scope"},
        {"a scope with a quote", token(header(), with(claims(), "scope", "a\"b")), "scope"},
        {"Supabase's anon key", supabase("anon"), "algorithm"},
        {"Supabase's service_role key", supabase("service_role"), "algorithm"},
    };
    std::size_t passed = 0;
    for (const Case& one : cases) {
        CAPTURE(one.name);
        auto identity = check(one.token, rules(), keys());
        passed += identity.has_value();
        if (one.refusal.empty()) {
            CHECK(identity.has_value());
            continue;
        }
        REQUIRE_FALSE(identity.has_value());
        CHECK(identity.error().code == Code::refused);
        CHECK(identity.error().message.find(one.refusal) != std::string::npos);
        CAPTURE(identity.error().message);
        CHECK((one.token.size() < 20 || identity.error().message.find(one.token.substr(0, 20)) == std::string::npos));
    }
    CHECK(passed == 2);
    CHECK(std::size(cases) >= 32);
    std::printf("figure: access tokens: %zu cases, %zu of them let in, as they should\n", std::size(cases), passed);
}

TEST_CASE("jwt: the edges of time, size and audience that still pass") {
    for (const Json& body : {with(claims(), "exp", kNowS - 29), with(claims(), "nbf", kNowS + 30),
                             with(claims(), "iat", kNowS + 30), with(claims(), "exp", kNowS + 0.5),
                             with(claims(), "exp", 253402300799), with(claims(), "aud", {"x", kResource}),
                             without(without(claims(), "nbf"), "iat"), with(claims(), "x", std::string(10'000, 'x'))}) {
        CAPTURE(body.dump().substr(0, 200));
        CHECK(check(token(header(), body), rules(), keys()).has_value());
    }
    for (const Json& head : {without(header(), "typ"), with(header(), "typ", "JWT"), without(header(), "kid"),
                             with(header(), "typ", "application/AT+JWT"), with(header(), "x5t", "thumb")}) {
        CAPTURE(head.dump());
        CHECK(check(token(head, claims()), rules(), keys()).has_value());
    }
    for (const Json& body : {with(claims(), "exp", 253402300800.0), with(claims(), "nbf", 253402300799)})
        CHECK_FALSE(check(token(header(), body), rules(), keys()).has_value());
    TokenRules strict = rules();
    strict.require_at_jwt = true;
    CHECK(check(token(header(), claims()), strict, keys()).has_value());
    CHECK_FALSE(check(token(with(header(), "typ", "JWT"), claims()), strict, keys()).has_value());
    CHECK_FALSE(check(token(without(header(), "typ"), claims()), strict, keys()).has_value());
}

TEST_CASE("jwt: every algorithm passes with its own kind of key, and none that is not configured") {
    const Signer p384("ec-2", KeyKind::p384);
    const Signer edwards("ed-1", KeyKind::ed25519);
    const KeySet set = *KeySet::parse(keySetText({&rsa(), &curve(), &p384, &edwards}));
    for (Algorithm algorithm : allAlgorithms()) {
        CAPTURE(nameOf(algorithm));
        const KeyKind kind = kindFor(algorithm);
        const Signer& signer = kind == KeyKind::rsa    ? rsa()
                               : kind == KeyKind::p256 ? curve()
                               : kind == KeyKind::p384 ? p384
                                                       : edwards;
        const Json head{{"alg", nameOf(algorithm)}, {"kid", signer.id()}};
        const std::string text = signer.token(algorithm, head.dump(), claims().dump());
        CHECK(check(text, rules(), set).has_value());
        TokenRules others = rules();
        std::erase(others.algorithms, algorithm);
        CHECK_FALSE(check(text, others, set).has_value());
    }
    Json bound{{"keys", {with(rsa().jwk(), "alg", "PS256")}}};
    const KeySet only_pss = *KeySet::parse(bound.dump());
    CHECK_FALSE(check(token(header(), claims()), rules(), only_pss).has_value());
    CHECK(check(rsa().token(Algorithm::ps256, header("PS256").dump(), claims().dump()), rules(), only_pss).has_value());
}

TEST_CASE("jwt: subject, scopes, tenant and tier come from the claims as the configuration says") {
    TokenRules mapped = rules();
    mapped.scopes["db.all"] = {"howdah:read", "howdah:write"};
    mapped.tenant_claim = "/app/tenant";
    mapped.tier_claim = "https://example.com/tier";
    Json body = with(claims(), "scope", "openid db.all  other");
    body["app"] = {{"tenant", "acme"}};
    body["https://example.com/tier"] = "gold";
    auto identity = check(token(header(), body), mapped, keys());
    REQUIRE(identity.has_value());
    CHECK(identity->subject == "oauth:ada");
    CHECK(identity->tenant == "acme");
    CHECK(identity->tier == "gold");
    CHECK(identity->scopes == std::vector<std::string>{"openid", "howdah:read", "howdah:write", "other"});
    CHECK(identity->expires == kNow + 630s);

    body = with(without(claims(), "scope"), "scp", {"a", "b c"});
    identity = check(token(header(), body), mapped, keys());
    REQUIRE(identity.has_value());
    CHECK(identity->tenant == "");
    CHECK(identity->scopes == std::vector<std::string>{"a", "b", "c"});
    CHECK_FALSE(check(token(header(), with(body, "app", Json{{"tenant", 7}})), mapped, keys()).has_value());

    mapped.default_scopes = {"howdah:read"};
    CHECK(check(token(header(), without(claims(), "scope")), mapped, keys())->scopes == mapped.default_scopes);
    CHECK(check(token(header(), with(claims(), "scope", "")), mapped, keys())->scopes.empty());
}

TEST_CASE("jwt: a text of 255 bytes and 64 scopes are taken, one more is not") {
    CHECK(check(token(header(), with(claims(), "sub", std::string(255, 's'))), rules(), keys()).has_value());
    CHECK_FALSE(check(token(header(), with(claims(), "sub", std::string(256, 's'))), rules(), keys()).has_value());
    std::string scopes;
    for (int i = 0; i < 64; ++i)
        scopes += concat("s", i, " ");
    CHECK(check(token(header(), with(claims(), "scope", scopes)), rules(), keys()).has_value());
    CHECK_FALSE(check(token(header(), with(claims(), "scope", scopes + "more")), rules(), keys()).has_value());
}

TEST_CASE("jwt: a token that names no key is tried with at most eight") {
    const Json head{{"alg", "ES256"}};
    Json jwks = Json::array();
    std::vector<std::unique_ptr<Signer>> signers;
    for (int i = 0; i < 9; ++i) {
        signers.push_back(std::make_unique<Signer>(concat("k", i), KeyKind::p256));
        jwks.push_back(signers.back()->jwk());
    }
    const std::string text = signers[0]->token(Algorithm::es256, head.dump(), claims().dump());
    CHECK_FALSE(check(text, rules(), *KeySet::parse(Json{{"keys", jwks}}.dump())).has_value());
    jwks.erase(8);
    CHECK(check(text, rules(), *KeySet::parse(Json{{"keys", jwks}}.dump())).has_value());
}

TEST_CASE("keys: only keys that can check a signature here are taken") {
    const Signer small("small", KeyKind::rsa, 1024);
    const Json rsa_key = rsa().jwk();
    const Json curve_key = curve().jwk();
    const auto taken = [](const Json& jwk) { return KeySet::parse(Json{{"keys", {jwk}}}.dump()).has_value(); };
    CHECK(taken(rsa_key));
    CHECK(taken(curve_key));
    CHECK(taken(with(rsa_key, "key_ops", {"verify"})));
    CHECK_FALSE(taken(small.jwk()));
    CHECK_FALSE(taken(with(rsa_key, "use", "enc")));
    CHECK_FALSE(taken(with(rsa_key, "key_ops", {"encrypt"})));
    CHECK_FALSE(taken(with(rsa_key, "alg", "RSA-OAEP")));
    CHECK_FALSE(taken(with(rsa_key, "e", toBase64Url("\x02"))));
    CHECK_FALSE(taken(with(rsa_key, "e", toBase64Url("\x01"))));
    CHECK_FALSE(taken(with(rsa_key, "n", "!")));
    CHECK_FALSE(taken(with(curve_key, "x", curve_key["y"])));  // not on the curve
    CHECK_FALSE(taken(with(curve_key, "crv", "secp256k1")));
    CHECK_FALSE(taken(Json{{"kty", "oct"}, {"kid", "s"}, {"k", "c2VjcmV0"}}));
    for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[],"keys":[]})"})
        CHECK_FALSE(KeySet::parse(text).has_value());
    Json many = Json::array();
    for (std::size_t i = 0; i < KeySet::kKeysMax; ++i)
        many.push_back(with(curve_key, "kid", concat("k", i)));
    CHECK(KeySet::parse(Json{{"keys", many}}.dump()).has_value());
    many.push_back(curve_key);
    CHECK_FALSE(KeySet::parse(Json{{"keys", many}}.dump()).has_value());
}

TEST_CASE("encoding: base64url has one spelling for each text") {
    for (const std::string& text :
         {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff\xfe", 3)})
        CHECK(fromBase64Url(toBase64Url(text)) == text);
    CHECK(fromBase64Url("YQ") == "a");
    for (const char* wrong : {"YR", "Y", "YQ=", "YQ==", "Y Q", "YWJj\n", "YW+j", "YW/j"})
        CHECK_FALSE(fromBase64Url(wrong).has_value());
}

}  // namespace howdah::auth::test
