// Token file, cache of verified tokens, configuration, and what clients are told.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <howdah/host.hpp>

#include "plugins/auth/challenge.hpp"
#include "plugins/auth/config.hpp"
#include "plugins/auth/static_tokens.hpp"
#include "plugins/auth/token_cache.hpp"

namespace howdah::auth::test {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::system_clock::time_point;

const std::string kToken = "0123456789abcdefghij";  // the shortest that is taken

std::string wrong(std::string_view text) {
    auto tokens = Tokens::parse(text, "t");
    return tokens ? "" : tokens.error().message;
}

struct Folder {
    Folder() {
        char name[] = "/tmp/howdah-auth-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~Folder() {
        for (const char* file : {"/token", "/tokens"})
            ::unlink((path + file).c_str());
        ::rmdir(path.c_str());
    }
    void write(const std::string& text, mode_t mode = 0600) const {
        std::ofstream(path + "/tokens") << text;
        ::chmod((path + "/tokens").c_str(), mode);
    }
    std::string path;
};

Result<Config> parsed(const char* text) {
    return Config::parse(Json::parse(text));
}

}  // namespace

TEST_CASE("tokens: a line is a token or its digest, and what is said of it") {
    auto tokens = Tokens::parse(
        "# all of them\n\n" + kToken + "\r\n" + "sha256:" +
            [] {
                std::string hex;
                for (unsigned char byte : sha256("hashed")) {
                    char two[3];
                    std::snprintf(two, sizeof two, "%02x", byte);
                    hex += two;
                }
                return hex;
            }() +
            "  name=ci scopes=howdah:read,x tenant=acme tier=gold "
            "expires=2027-01-01T00:00:00Z # until then\n",
        "t");
    REQUIRE(tokens.has_value());
    CHECK(tokens->size() == 2);
    auto plain = tokens->find(sha256(kToken));
    REQUIRE(plain);
    CHECK(plain->subject == "token:default");
    CHECK(plain->scopes == std::vector<std::string>{"howdah:write"});
    CHECK(plain->expires == Time::max());
    auto hashed = tokens->find(sha256("hashed"));
    REQUIRE(hashed);
    CHECK(hashed->subject == "token:ci");
    CHECK(hashed->tenant == "acme");
    CHECK(hashed->tier == "gold");
    CHECK(hashed->scopes == std::vector<std::string>{"howdah:read", "x"});
    const Time end = std::chrono::system_clock::from_time_t(1798761600);
    CHECK(hashed->expires == end);
    CHECK(tokens->expiredCount(end - 1s) == 0);
    CHECK(tokens->expiredCount(end) == 1);
    CHECK_FALSE(tokens->find(sha256(kToken + "x")));
}

TEST_CASE("tokens: a wrong line is named by its number and never shown") {
    CHECK(wrong("# nothing\n") == "t: holds no token, so nobody could be let in");
    CHECK(wrong(kToken.substr(1)).find("t:1: a token has at least 20 characters") == 0);
    CHECK(wrong(kToken) == "");
    CHECK(wrong("\n" + kToken + "!").find("t:2: a token is made of") == 0);
    CHECK(wrong("sha256:abc").find("64 hex digits") != std::string::npos);
    CHECK(wrong(kToken + " colour=blue").find("unknown field; known: name, scopes") != std::string::npos);
    CHECK(wrong(kToken + " name=").find("key=value") != std::string::npos);
    CHECK(wrong(kToken + " ci").find("key=value") != std::string::npos);
    CHECK(wrong(kToken + " scopes=a\"b").find("scopes must be") != std::string::npos);
    const auto expiredAt = [](const std::string& time, std::chrono::system_clock::time_point now) {
        auto one = Tokens::parse(kToken + " expires=" + time, "t");
        REQUIRE(one.has_value());
        return one->expiredCount(now) == 1;
    };
    const auto in_2200 = std::chrono::system_clock::from_time_t(7'258'118'400);
    CHECK_FALSE(expiredAt("9999-12-31T23:59:59Z", in_2200));
    CHECK(expiredAt("2200-01-01T00:00:00Z", in_2200));
    CHECK_FALSE(expiredAt("2200-01-01T00:00:01Z", in_2200));
    CHECK(expiredAt("0000-01-01T00:00:00Z", std::chrono::system_clock::from_time_t(0)));
    CHECK(wrong(kToken + " expires=2027-01-01").find("expires must be like") != std::string::npos);
    CHECK(wrong(kToken + " expires=2027-13-01T00:00:00Z").find("expires must be like") != std::string::npos);
    CHECK(wrong(kToken + "\n" + kToken + " name=b").find("t:2: the same token") == 0);
    CHECK(wrong(kToken + "\n" + kToken + "x").find("t:2: the name default is taken") == 0);
    for (const std::string& text : {kToken + " ci", concat(kToken, "\n", kToken), kToken + "! x"})
        CHECK(wrong(text).find(kToken) == std::string::npos);
}

TEST_CASE("tokens: without a file one token is made, for its owner alone, and kept") {
    Folder folder;
    StaticTokens tokens(folder.path + "/token");
    auto made = tokens.open(true);
    REQUIRE(made.has_value());
    CHECK(*made);
    struct stat about{};
    REQUIRE(::stat((folder.path + "/token").c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
    std::ifstream file(folder.path + "/token");
    std::string token;
    std::getline(file, token);
    CHECK(token.size() == 7 + 43);
    REQUIRE(tokens.current()->find(sha256(token)));
    StaticTokens again(folder.path + "/token");
    made = again.open(true);
    REQUIRE(made.has_value());
    CHECK_FALSE(*made);
    CHECK(again.current()->find(sha256(token)));
    CHECK_FALSE(StaticTokens(folder.path + "/none/token").open(true).has_value());
    CHECK_FALSE(StaticTokens(folder.path + "/none").open(false).has_value());
}

TEST_CASE("tokens: a file that changed is read again, one that is wrong leaves what there was") {
    Folder folder;
    folder.write(kToken);
    StaticTokens tokens(folder.path + "/tokens");
    REQUIRE(tokens.open(false).has_value());
    CHECK(tokens.look() == "");
    folder.write(kToken + "2 name=b\n");
    CHECK(tokens.look() == "the token file has changed, 1 tokens are in force");
    CHECK_FALSE(tokens.current()->find(sha256(kToken)));
    CHECK(tokens.current()->find(sha256(kToken + "2")));
    folder.write("short");
    CHECK(tokens.look().find("the tokens from before stay in force") != std::string::npos);
    CHECK(tokens.look() == "");  // said once
    CHECK(tokens.current()->find(sha256(kToken + "2")));
    CHECK(tokens.problem() != "");
    folder.write(kToken);
    CHECK(tokens.look() != "");
    CHECK(tokens.problem() == "");
    StaticTokens::Clock::time_point now = StaticTokens::Clock::now();
    CHECK(tokens.lookIsDue(now));
    CHECK_FALSE(tokens.lookIsDue(now + 999ms));
    CHECK(tokens.lookIsDue(now + 1000ms));
}

TEST_CASE("tokens: a file that others may write is refused, one they may read is told of") {
    Folder folder;
    folder.write(kToken, 0620);
    CHECK(StaticTokens(folder.path + "/tokens").open(false).error().code == Code::refused);
    folder.write(kToken, 0644);
    StaticTokens exposed(folder.path + "/tokens");
    REQUIRE(exposed.open(false).has_value());
    CHECK(exposed.exposed());
    folder.write(kToken + std::string(kTokenFileMax, '\n'), 0600);
    CHECK_FALSE(StaticTokens(folder.path + "/tokens").open(false).has_value());
    CHECK_FALSE(StaticTokens(folder.path).open(false).has_value());
}

TEST_CASE("token_cache: an entry ends with its token, with the keys, and when others need the room") {
    TokenCache cache(2);
    const Time now = std::chrono::system_clock::from_time_t(1000);
    auto identity = std::make_shared<const Identity>(Identity{.subject = "oauth:a", .expires = now + 10s});
    cache.insert(sha256("a"), 1, identity);
    CHECK(cache.find(sha256("a"), 1, now + 9s) == identity);
    CHECK_FALSE(cache.find(sha256("a"), 2, now));
    CHECK(cache.entryCount() == 0);
    cache.insert(sha256("a"), 1, identity);
    CHECK_FALSE(cache.find(sha256("a"), 1, now + 10s));
    for (const char* token : {"a", "b"})
        cache.insert(sha256(token), 1, identity);
    CHECK(cache.find(sha256("a"), 1, now));
    cache.insert(sha256("c"), 1, identity);
    CHECK(cache.entryCount() == 2);
    CHECK_FALSE(cache.find(sha256("b"), 1, now));
    CHECK(cache.find(sha256("a"), 1, now));
    TokenCache none(0);
    none.insert(sha256("a"), 1, identity);
    CHECK(none.entryCount() == 0);
}

TEST_CASE("config: nothing means a token of its own; each way in is there when it is written") {
    CHECK(parsed("{}")->make_token);
    CHECK_FALSE(parsed(R"({"token_file":"/t"})")->make_token);
    CHECK_FALSE(parsed(R"({"peer":{}})")->make_token);
    CHECK(parsed(R"({"peer":null})")->peer->uids == std::vector<std::int64_t>{::geteuid()});
    CHECK(parsed(R"({"token_file":"t"})").error().message == "auth.token_file must be an absolute path, got t");
    auto oauth = parsed(R"({"oauth":{"issuer":"https://a.example/","audience":["x","y"],"algorithms":["ES256"],
        "scopes":{"db":["howdah:read"]},"tenant_claim":"/a/b","clock_skew_s":5,"keys_retry_s":1}})");
    REQUIRE(oauth.has_value());
    CHECK_FALSE(oauth->make_token);
    CHECK(oauth->oauth->rules.audiences == std::vector<std::string>{"x", "y"});
    CHECK(oauth->oauth->rules.algorithms == std::vector<Algorithm>{Algorithm::es256});
    CHECK(oauth->oauth->rules.clock_skew == 5s);
    CHECK(oauth->oauth->keys.retry == 1s);
    CHECK_FALSE(parsed(R"({"oauth":{"issuer":"http://a.example/"}})").has_value());
    CHECK_FALSE(parsed(R"({"oauth":{"issuer":"https://a.example/?x"}})").has_value());
    CHECK_FALSE(parsed(R"({"oauth":{"issuer":"https://a.example/","jwks_url":"file:///k"}})").has_value());
    CHECK_FALSE(parsed(R"({"oauth":{"issuer":"https://a.example/","tenant_claim":"/a~2"}})").has_value());
    CHECK_FALSE(parsed(R"({"oauth":{"issuer":"https://a.example/","scopes":{"a":["x y"]}}})").has_value());
}

TEST_CASE("challenge: it says why, what is needed, and where to get it, in the issuer's own words") {
    TokenRules rules;
    rules.issuer = "https://a.example";
    const howdah_str needed[] = {toAbi("howdah:write"), toAbi("acme:x")};
    howdah_challenge challenge{
        sizeof challenge, HOWDAH_CHALLENGE_MISSING, toAbi("r"), toAbi("https://r/m"), {}, needed, 1};
    CHECK(challengeHeader(challenge, &rules) == R"(Bearer scope="howdah:write", resource_metadata="https://r/m")");
    CHECK(challengeHeader(challenge, nullptr) == R"(Bearer realm="howdah", scope="howdah:write")");
    challenge.reason = HOWDAH_CHALLENGE_SCOPE;
    challenge.scope_count = 2;
    rules.scopes = {{"db.read", {"howdah:read"}}, {"db.write", {"howdah:write"}}};
    CHECK(challengeHeader(challenge, &rules) ==
          R"(Bearer error="insufficient_scope", scope="db.write acme:x", resource_metadata="https://r/m")");
    challenge.reason = HOWDAH_CHALLENGE_REJECTED;
    challenge.scope_count = 0;
    challenge.description = toAbi("a \"quoted\"\r\nline\xc3\xa4");
    CHECK(challengeHeader(challenge, &rules) ==
          R"(Bearer error="invalid_token", resource_metadata="https://r/m", error_description="a 'quoted'''line''")");
    challenge.reason = HOWDAH_CHALLENGE_MALFORMED;
    CHECK(challengeHeader(challenge, &rules).starts_with("Bearer error=\"invalid_request\""));

    const Json metadata = Json::parse(resourceMetadata("https://r/mcp", rules));
    CHECK(metadata["resource"] == "https://r/mcp");
    CHECK(metadata["authorization_servers"] == Json::array({"https://a.example"}));
    CHECK(metadata["scopes_supported"] == Json::array({"db.read", "db.write"}));
    CHECK(metadata["bearer_methods_supported"] == Json::array({"header"}));
}

}  // namespace howdah::auth::test
