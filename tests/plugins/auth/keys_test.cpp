// When keys are asked for, where from, and which addresses are reached for it.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>

#include "plugins/auth/addresses.hpp"
#include "plugins/auth/discovery.hpp"
#include "plugins/auth/key_source.hpp"
#include "signer.hpp"
#include "tiny_server.hpp"

namespace howdah::auth::test {
namespace {

using namespace std::chrono_literals;

FetchedKeys fetched(std::initializer_list<const Signer*> signers) {
    std::string text = keySetText(signers);
    auto keys = KeySet::parse(text);
    return {std::move(text), std::move(*keys)};
}

bool allowed(const char* text) {
    sockaddr_storage storage{};
    auto& four = reinterpret_cast<sockaddr_in&>(storage);
    auto& six = reinterpret_cast<sockaddr_in6&>(storage);
    if (::inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        four.sin_family = AF_INET;
    } else {
        REQUIRE(::inet_pton(AF_INET6, text, &six.sin6_addr) == 1);
        six.sin6_family = AF_INET6;
    }
    return isPublic(reinterpret_cast<sockaddr&>(storage));
}

const std::function<bool()> kNeverStops = [] { return false; };

}  // namespace

TEST_CASE("key_source: a set is used for its lifetime, asked for again, and bounded when the issuer is gone") {
    const Signer signer("a", KeyKind::ed25519);
    KeySource source({.lifetime = 600s, .stale_max = 3600s, .retry = 10s});
    KeySource::Time now{};
    CHECK_FALSE(source.current(now));
    REQUIRE(source.beginFetch(now, false));
    CHECK_FALSE(source.beginFetch(now, true));  // one at a time
    source.settle(fetched({&signer}), now);
    REQUIRE(source.current(now));
    CHECK(source.current(now)->version == 1);

    now += 599s;
    CHECK_FALSE(source.beginFetch(now, false));
    now += 1s;
    REQUIRE(source.beginFetch(now, false));
    source.settle(Error::unavailable("gone"), now);
    CHECK(source.state(now).error == "gone");
    CHECK(source.current(now));
    CHECK_FALSE(source.beginFetch(now + 9s, true));
    REQUIRE(source.beginFetch(now + 10s, false));
    source.settle(Error::unavailable("gone"), now + 10s);

    now = KeySource::Time{} + 600s + 3600s - 1s;
    CHECK(source.current(now));
    CHECK_FALSE(source.current(now + 1s));
    REQUIRE(source.beginFetch(now, false));
    source.settle(fetched({&signer}), now);
    CHECK(source.state(now).error == "");
    REQUIRE(source.current(now + 1s));
    CHECK(source.current(now)->version == 1);  // the same keys: what was verified stays verified
}

TEST_CASE("key_source: an unknown key asks at once, and a flood of them once in ten seconds") {
    const Signer first("a", KeyKind::ed25519);
    const Signer second("b", KeyKind::ed25519);
    KeySource source({.lifetime = 600s, .stale_max = 3600s, .retry = 10s});
    KeySource::Time now{};
    REQUIRE(source.beginFetch(now, false));
    source.settle(fetched({&first}), now);
    int fetches = 0;
    for (int i = 0; i < 1000; ++i) {
        now += 100ms;
        if (!source.beginFetch(now, true)) continue;
        ++fetches;
        source.settle(fetched({&first}), now);
    }
    CHECK(fetches == 10);
    now += 10s;
    REQUIRE(source.beginFetch(now, true));
    source.settle(fetched({&second}), now);
    CHECK(source.current(now)->version == 2);
    CHECK(source.current(now)->set.knows("b"));
    CHECK_FALSE(source.current(now)->set.knows("a"));
    CHECK(source.retryIn(now) == 10s);
    CHECK(source.retryIn(now + 4s) == 6s);
}

TEST_CASE("key_source: a fetch that no worker took is not waited for") {
    KeySource source({.lifetime = 600s, .stale_max = 3600s, .retry = 10s});
    KeySource::Time now{};
    REQUIRE(source.beginFetch(now, false));
    source.abandon();
    CHECK_FALSE(source.current(now));
    CHECK(source.beginFetch(now + 10s, false));
}

TEST_CASE("discovery: metadata is looked for where RFC 8414 and OpenID Connect put it") {
    CHECK(metadataUrls("https://a.example") ==
          std::vector<std::string>{"https://a.example/.well-known/oauth-authorization-server",
                                   "https://a.example/.well-known/openid-configuration"});
    CHECK(metadataUrls("https://a.example/") == metadataUrls("https://a.example"));
    CHECK(metadataUrls("https://a.example/t/1") ==
          std::vector<std::string>{"https://a.example/.well-known/oauth-authorization-server/t/1",
                                   "https://a.example/.well-known/openid-configuration/t/1",
                                   "https://a.example/t/1/.well-known/openid-configuration"});
    CHECK(*keySetUrl(R"({"issuer":"https://a.example","jwks_uri":"https://b.example/k"})", "https://a.example") ==
          "https://b.example/k");
    CHECK_FALSE(keySetUrl(R"({"issuer":"https://a.example/","jwks_uri":"https://b.example/k"})", "https://a.example"));
    CHECK_FALSE(keySetUrl(R"({"issuer":"https://a.example"})", "https://a.example"));
    CHECK_FALSE(keySetUrl(R"({"issuer":"x","issuer":"https://a.example","jwks_uri":"u"})", "https://a.example"));
    CHECK_FALSE(keySetUrl("<html>", "https://a.example"));
}

TEST_CASE("addresses: what is not on the open Internet is known in every family") {
    for (const char* text :
         {"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.0.1",
          "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2001:4860::8888"}) {
        CAPTURE(text);
        CHECK(allowed(text));
    }
    for (const char* text : {"0.0.0.0",
                             "10.0.0.1",
                             "100.64.0.1",
                             "100.127.255.255",
                             "127.0.0.1",
                             "127.255.0.1",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.0.0.1",
                             "192.0.2.1",
                             "192.88.99.1",
                             "192.168.0.1",
                             "198.18.0.1",
                             "198.19.255.255",
                             "198.51.100.1",
                             "203.0.113.1",
                             "224.0.0.1",
                             "240.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.0.0.1",
                             "::ffff:169.254.169.254",
                             "::127.0.0.1",
                             "64:ff9b::7f00:1",
                             "64:ff9b::a9fe:a9fe",
                             "100::1",
                             "2001::1",
                             "2001:db8::1",
                             "2002:7f00:1::",
                             "2002:a9fe:a9fe::",
                             "3fff::1",
                             "fc00::1",
                             "fd00:ec2::254",
                             "fe80::1",
                             "fec0::1",
                             "ff02::1"}) {
        CAPTURE(text);
        CHECK_FALSE(allowed(text));
    }
}

TEST_CASE("fetch: no spelling of a private address is reached, and nothing connects") {
    TinyServer server(answerOf("{}"));
    const FetchRules open;
    const std::string port = server.url().substr(17, server.url().rfind('/') - 17);
    for (const char* host : {"127.0.0.1",
                             "127.1",
                             "127.0.1",
                             "2130706433",
                             "0x7f000001",
                             "0x7f.1",
                             "0177.0.0.1",
                             "017700000001",
                             "127.000.000.001",
                             "localhost",
                             "LOCALHOST",
                             "localhost.",
                             "[::1]",
                             "[::ffff:127.0.0.1]",
                             "[::ffff:7f00:1]",
                             "0.0.0.0",
                             "0",
                             "[::]",
                             "127.0.0.1.",
                             "127.255.255.254",
                             "[0:0:0:0:0:0:0:1]",
                             "①②⑦.0.0.1"}) {
        CAPTURE(host);
        auto document = fetchDocument(concat("https://", host, ":", port, "/keys"), open, 2000ms, kNeverStops);
        CHECK_FALSE(document.has_value());
    }
    CHECK(server.connections() == 0);
}

TEST_CASE("fetch: a URL that is none of ours to fetch is refused before anything is looked up") {
    const FetchRules open;
    for (const char* url : {"http://a.example/k",
                            "ftp://a.example/k",
                            "file:///etc/passwd",
                            "gopher://a.example/",
                            "//a.example/k",
                            "a.example",
                            "https://",
                            "https:///k",
                            "https://u:p@a.example/k",
                            "http://u:p@a.example/k",
                            "https://u:p/q@a.example/k",
                            "https://u:p?q@a.example/k",
                            "https://u@a.example/k",
                            "https://@a.example/k",
                            "https://a.example/k#f",
                            "https://a.example:99999/",
                            "https://a example/",
                            "https://a.example\\@b.example/",
                            "dict://a.example:11211/",
                            ""}) {
        CAPTURE(std::string(url));
        const auto checked = checkUrl(url, open);
        REQUIRE_FALSE(checked.has_value());
        CHECK(checked.error().message.find("u:p") == std::string::npos);
        CHECK_FALSE(fetchDocument(url, open, 100ms, kNeverStops).has_value());
    }
    CHECK(checkUrl("https://a.example/k?x=1", open).has_value());
    CHECK(checkUrl("ftp://a.example/k?key=1", open).error().message.find("key=1") == std::string::npos);
    CHECK(checkUrl("http://127.0.0.1/k", {.allow_http = true}).has_value());
    CHECK(checkUrl("https://a.example/" + std::string(2030, 'x'), open).has_value());
    CHECK_FALSE(checkUrl("https://a.example/" + std::string(2031, 'x'), open).has_value());
}

TEST_CASE("fetch: plain http is for loopback alone; redirects, errors and long answers give nothing") {
    const FetchRules plain{.allow_http = true, .bytes_max = 100};
    {
        TinyServer server(answerOf("{\"keys\":[]}"));
        CHECK(*fetchDocument(server.url(), plain, 2000ms, kNeverStops) == "{\"keys\":[]}");
    }
    {
        // A stop ends it long before the issuer answers, which it never does here.
        TinyServer silent("");
        auto held = silent.hold();
        CHECK_FALSE(fetchDocument(silent.url(), plain, 1h, [&] { return silent.connections() > 0; }).has_value());
        held.unlock();
    }
    const FetchRules also_private{.allow_http = true, .allow_private = true};
    auto far = fetchDocument("http://10.255.255.1/k", also_private, 1000ms, kNeverStops);
    REQUIRE_FALSE(far.has_value());
    CHECK(far.error().message.find("plain http") != std::string::npos);

    TinyServer target(answerOf("{}"));
    TinyServer redirect(concat("HTTP/1.1 302 Found\r\nLocation: ", target.url(), "\r\nContent-Length: 0\r\n\r\n"));
    auto moved = fetchDocument(redirect.url(), plain, 2000ms, kNeverStops);
    REQUIRE_FALSE(moved.has_value());
    CHECK(moved.error().message.find("redirect") != std::string::npos);
    CHECK(target.connections() == 0);

    TinyServer missing("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}");
    CHECK_FALSE(fetchDocument(missing.url(), plain, 2000ms, kNeverStops).has_value());
    TinyServer full(answerOf(std::string(100, ' ')));
    CHECK(fetchDocument(full.url(), plain, 2000ms, kNeverStops).has_value());
    TinyServer longer(answerOf(std::string(101, ' ')));
    CHECK_FALSE(fetchDocument(longer.url(), plain, 2000ms, kNeverStops).has_value());
    TinyServer endless("HTTP/1.1 200 OK\r\n\r\n" + std::string(1000, ' '));
    CHECK_FALSE(fetchDocument(endless.url(), plain, 2000ms, kNeverStops).has_value());
}

}  // namespace howdah::auth::test
