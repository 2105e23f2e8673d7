// The plugin under the SDK's fake host: who is let in, with keys that come, go and change.
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <howdah/abi/auth.h>
#include <howdah/test/fake_host.hpp>

#include "signer.hpp"
#include "tiny_server.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::auth::test {
namespace {

using namespace std::chrono_literals;

const std::string kIssuer = "https://login.example.com";
const std::string kResource = "https://db.example.com/mcp";

struct Answer {
    howdah_status status;
    std::string subject;
    std::vector<std::string> scopes;
    Error error;
};

class Served {
public:
    explicit Served(const Json& section) {
        char name[] = "/tmp/howdah-auth-XXXXXX";
        folder_ = ::mkdtemp(name);
        host.state_folder = folder_;
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        problem = host.start(section.dump());
    }
    ~Served() {
        host.stop();
        ::unlink((folder_ + "/token").c_str());
        ::rmdir(folder_.c_str());
    }

    Answer ask(const std::string& authorization, std::int64_t uid = -1) {
        howdah::test::FakeCall call(host);
        howdah_credential credential{sizeof credential, 0, toAbi("http"), toAbi(authorization), toAbi(kResource), uid};
        howdah_principal principal{};
        principal.struct_size = sizeof principal;
        Answer answer{};
        answer.status = table().verify(host.self(), call.ctx(), &credential, &principal);
        if (answer.status < 0) {
            answer.error = call.error();
            return answer;
        }
        answer.subject = fromAbi(principal.subject);
        for (std::uint64_t i = 0; i < principal.scope_count; ++i)
            answer.scopes.emplace_back(fromAbi(principal.scopes[i]));
        return answer;
    }
    Json report() {
        howdah::test::FakeCall call(host);
        howdah_str json{};
        REQUIRE(host.plugin<howdah_report_v1>(HOWDAH_REPORT_1)->report(host.self(), call.ctx(), &json) == HOWDAH_OK);
        return Json::parse(fromAbi(json));
    }
    const howdah_auth_v1& table() { return *host.plugin<howdah_auth_v1>(HOWDAH_AUTH_1); }
    const std::string& folder() const { return folder_; }

    howdah::test::FakeHost host;
    std::string problem;

private:
    std::string folder_;
};

Json oauthSection(const TinyServer& server, int retry_s = 1) {
    return {
        {"oauth", {{"issuer", kIssuer}, {"jwks_url", server.url()}, {"allow_http", true}, {"keys_retry_s", retry_s}}}};
}

std::string tokenOf(const Signer& signer, const std::string& subject = "ada") {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    const Json header{{"alg", "EdDSA"}, {"kid", signer.id()}, {"typ", "at+jwt"}};
    const Json claims{
        {"iss", kIssuer}, {"aud", kResource}, {"sub", subject}, {"exp", now + 600}, {"scope", "howdah:read"}};
    return "Bearer " + signer.token(Algorithm::eddsa, header.dump(), claims.dump());
}

std::string answerWith(std::initializer_list<const Signer*> signers) {
    return answerOf(keySetText(signers));
}

// Until the answer is what is waited for, as a client would try again.
template <typename Ask>
Answer eventually(howdah_status wanted, Ask ask) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    Answer answer = ask();
    while (answer.status != wanted && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
        answer = ask();
    }
    return answer;
}

}  // namespace

TEST_CASE("auth: without configuration the token of the state folder is the only way in") {
    Served served(Json::object());
    REQUIRE(served.problem == "");
    std::string token;
    std::getline(std::ifstream(served.folder() + "/token"), token);
    REQUIRE(token.starts_with("howdah_"));
    const Answer good = served.ask("Bearer " + token);
    CHECK(good.status == HOWDAH_OK);
    CHECK(good.subject == "token:default");
    CHECK(good.scopes == std::vector<std::string>{"howdah:write"});
    CHECK(served.ask("bearer  " + token).status == HOWDAH_OK);
    for (const std::string& header :
         {std::string(), "Bearer " + token + "x", "Basic " + token, token, "Bearer howdah_" + std::string(43, 'A')})
        CHECK(served.ask(header).status == HOWDAH_ERROR_REFUSED);
    for (const std::string& header : {std::string("Bearer"), std::string("Bearer "), concat("Bearer ", token, " x"),
                                      concat("Bearer ", token, ", Bearer ", token)})
        CHECK(served.ask(header).status == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(served.ask("", ::geteuid()).status == HOWDAH_ERROR_REFUSED);  // peers were not let in
    bool told = false;
    for (const std::string& line : served.host.logLines()) {
        CHECK(line.find(token) == std::string::npos);
        CHECK(line.find(token.substr(7, 12)) == std::string::npos);
        told = told || line.find(served.folder() + "/token") != std::string::npos;
    }
    CHECK(told);
    CHECK(served.report()["status"] == "ok");

    howdah::test::FakeCall call(served.host);
    howdah_str json{};
    CHECK(served.table().metadata(served.host.self(), call.ctx(), toAbi(kResource), &json) == HOWDAH_ERROR_NOT_FOUND);
}

TEST_CASE("auth: a user of a Unix socket comes in without a token where the configuration names him") {
    Served served(Json{{"peer", {{"uids", {1000, 4294967294}}, {"scopes", {"howdah:admin"}}}}});
    REQUIRE(served.problem == "");
    const Answer good = served.ask("", 1000);
    CHECK(good.subject == "uid:1000");
    CHECK(good.scopes == std::vector<std::string>{"howdah:admin"});
    CHECK(served.ask("", 4294967294).status == HOWDAH_OK);
    CHECK(served.ask("", 1001).status == HOWDAH_ERROR_REFUSED);
    CHECK(served.ask("", -1).status == HOWDAH_ERROR_REFUSED);
    CHECK(served.ask("Bearer xyz", 1000).status == HOWDAH_ERROR_REFUSED);  // what is sent is judged
}

TEST_CASE("auth: keys that were rotated are found, those taken back end what was verified with them") {
    const Signer old_key("old", KeyKind::ed25519);
    const Signer new_key("new", KeyKind::ed25519);
    TinyServer issuer(answerWith({&old_key}));
    Served served(oauthSection(issuer));
    REQUIRE(served.problem == "");
    const std::string old_token = tokenOf(old_key);
    const Answer first = served.ask(old_token);
    CHECK(first.status == HOWDAH_OK);
    CHECK(first.subject == "oauth:ada");
    CHECK(first.scopes == std::vector<std::string>{"howdah:read"});
    CHECK(served.ask(old_token).status == HOWDAH_OK);
    CHECK(served.report()["cached_tokens"] == 1);

    issuer.answer(answerWith({&new_key}));
    const std::string new_token = tokenOf(new_key);
    CHECK(eventually(HOWDAH_OK, [&] { return served.ask(new_token); }).status == HOWDAH_OK);
    CHECK(served.ask(old_token).status == HOWDAH_ERROR_REFUSED);
    for (const std::string& line : served.host.logLines())
        CHECK(line.find(old_token.substr(7, 20)) == std::string::npos);
}

TEST_CASE("auth: an issuer that is down keeps nobody out whose key is known, and is a 503 for the rest") {
    const Signer key("k", KeyKind::ed25519);
    TinyServer issuer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    Served served(oauthSection(issuer));
    REQUIRE(served.problem == "");
    const Answer down = served.ask(tokenOf(key));
    CHECK(down.status == HOWDAH_ERROR_UNAVAILABLE);
    CHECK(down.error.retry_after_ms <= 1000);
    Json report = served.report();
    CHECK(report["status"] == "fail");
    CHECK(report["checks"][0]["text"].get<std::string>().find("status 500") != std::string::npos);

    issuer.answer(answerWith({&key}));
    CHECK(eventually(HOWDAH_OK, [&] { return served.ask(tokenOf(key)); }).status == HOWDAH_OK);
    issuer.answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    const Signer unknown("u", KeyKind::ed25519);
    CHECK(served.ask(tokenOf(unknown)).status == HOWDAH_ERROR_REFUSED);
    CHECK(served.ask(tokenOf(key, "eve")).subject == "oauth:eve");
}

TEST_CASE("auth: many that need the keys at once cost one fetch") {
    const Signer key("k", KeyKind::ed25519);
    TinyServer issuer(answerWith({&key}));
    auto held = issuer.hold();
    Served served(oauthSection(issuer, 60));
    REQUIRE(served.problem == "");
    const std::string token = tokenOf(key);
    std::atomic<int> let_in{0};
    std::vector<std::thread> clients;
    clients.reserve(16);
    for (int i = 0; i < 16; ++i)
        clients.emplace_back([&] { let_in += served.ask(token).status == HOWDAH_OK; });
    held.unlock();
    for (std::thread& client : clients)
        client.join();
    CHECK(let_in == 16);
    CHECK(issuer.connections() == 1);
    const Signer unknown("u", KeyKind::ed25519);
    for (int i = 0; i < 50; ++i)
        CHECK(served.ask(tokenOf(unknown)).status == HOWDAH_ERROR_REFUSED);
    CHECK(issuer.connections() == 1);
}

TEST_CASE("auth: two shards with two tokens never get each other's principal") {
    const Signer key("k", KeyKind::ed25519);
    TinyServer issuer(answerWith({&key}));
    Json section = oauthSection(issuer);
    section["oauth"]["cache_max"] = 1;  // each drives the other's token out
    Served served(section);
    REQUIRE(served.problem == "");
    REQUIRE(served.ask(tokenOf(key)).status == HOWDAH_OK);
    std::atomic<int> mixed_up{0};
    std::vector<std::thread> shards;
    for (const std::string subject : {"ada", "bob"}) {
        shards.emplace_back([&served, &key, &mixed_up, subject] {
            const std::string token = tokenOf(key, subject);
            for (int i = 0; i < 500; ++i)
                mixed_up += served.ask(token).subject != "oauth:" + subject;
        });
    }
    for (std::thread& shard : shards)
        shard.join();
    CHECK(mixed_up == 0);
}

TEST_CASE("auth: what is told on a refusal leads to the issuer") {
    const Signer key("k", KeyKind::ed25519);
    TinyServer issuer(answerWith({&key}));
    Served served(oauthSection(issuer));
    howdah::test::FakeCall call(served.host);
    const howdah_str scopes[] = {toAbi("howdah:read")};
    howdah_challenge challenge{
        sizeof challenge, HOWDAH_CHALLENGE_MISSING, toAbi(kResource), toAbi("https://u"), {}, scopes, 1};
    howdah_str text{};
    REQUIRE(served.table().challenge(served.host.self(), call.ctx(), &challenge, &text) == HOWDAH_OK);
    CHECK(fromAbi(text) == R"(Bearer scope="howdah:read", resource_metadata="https://u")");
    REQUIRE(served.table().metadata(served.host.self(), call.ctx(), toAbi(kResource), &text) == HOWDAH_OK);
    CHECK(Json::parse(fromAbi(text))["authorization_servers"][0] == kIssuer);
}

TEST_CASE("auth: a configuration that could let in nobody does not start") {
    CHECK(Served(Json{{"token_file", "/nonexistent/tokens"}}).problem.find("/nonexistent/tokens") != std::string::npos);
}

}  // namespace howdah::auth::test
