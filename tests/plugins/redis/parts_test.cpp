// Parts without a server: the section, commands and replies, and how long nobody tries to connect.
#include <fstream>

#include <doctest/doctest.h>

#include "plugins/redis/backoff.hpp"
#include "plugins/redis/config.hpp"
#include "plugins/redis/protocol.hpp"

using namespace howdah;
using namespace howdah::redis;
using nlohmann::json;

TEST_CASE("configuration: the defaults are those of plugin.json") {
    const json keys = json::parse(std::ifstream(REDIS_MANIFEST))["config"]["properties"];
    const auto config = Config::parse(json::object());
    REQUIRE(config);
    CHECK(config->host == keys["host"]["default"]);
    CHECK(config->port == keys["port"]["default"]);
    CHECK(config->socket == keys["socket"]["default"]);
    CHECK(config->database == keys["database"]["default"]);
    CHECK(config->username == keys["username"]["default"]);
    CHECK(config->password == keys["password"]["default"]);
    CHECK(config->tls == keys["tls"]["default"]);
    CHECK(config->ca_file == keys["ca_file"]["default"]);
    CHECK(config->key_prefix == keys["key_prefix"]["default"]);
    CHECK(config->connections_max == keys["connections_max"]["default"]);
    CHECK(config->connect_timeout.count() == keys["connect_timeout_ms"]["default"]);
    CHECK(config->operation_timeout.count() == keys["operation_timeout_ms"]["default"]);
}

TEST_CASE("configuration: keys that contradict each other are refused by name") {
    const auto refused = [](const char* text) {
        const auto config = Config::parse(json::parse(text));
        return config ? "" : config.error().message;
    };
    CHECK(refused(R"({"socket":"/run/redis.sock","port":6380})").find("redis.socket") == 0);
    CHECK(refused(R"({"socket":"/run/redis.sock","tls":true})").find("redis.socket") == 0);
    CHECK(refused(R"({"username":"ada"})") == "redis.username needs redis.password");
    CHECK(refused(R"({"ca_file":"/x"})") == "redis.ca_file needs redis.tls: true");
    CHECK(refused(R"({"socket":"/run/redis.sock"})") == "");
}

TEST_CASE("commands: words of any bytes are sent by their sizes") {
    Commands commands;
    commands.add({"SET", std::string_view("a\r\nb\0c", 6), ""}).add({"PING"});
    CHECK(commands.count() == 2);
    CHECK(commands.bytes() ==
          std::string_view("*3\r\n$3\r\nSET\r\n$6\r\na\r\nb\0c\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n", 45));
}

TEST_CASE("replies: one is given when it is whole, byte by byte, and what is no RESP is an error") {
    ReplyReader reader;
    const std::string_view bytes = "$3\r\nabc\r\n:7\r\n";
    std::vector<Reply> replies;
    for (const char byte : bytes) {
        REQUIRE(reader.feed(&byte, 1));
        auto reply = reader.next();
        REQUIRE(reply);
        if (*reply) replies.push_back(std::move(*reply));
    }
    REQUIRE(replies.size() == 2);
    CHECK(textOf(*replies[0]) == "abc");
    CHECK(replies[1]->integer == 7);
    ReplyReader web;
    REQUIRE(web.feed("HTTP/1.1 400 Bad Request\r\n", 26));
    const auto reply = web.next();
    REQUIRE_FALSE(reply);
    CHECK(reply.error().message.find("speaks no Redis protocol") != std::string::npos);
}

TEST_CASE("backoff: the first failure is waited for, each next one longer, and one attempt at a time is let through") {
    Backoff backoff(1);
    constexpr std::uint64_t kNow = 1'000'000'000'000;
    CHECK(backoff.next(kNow).wait_ns == 0);
    CHECK(backoff.next(kNow).wait_ns == 0);  // while nothing has failed everybody may
    backoff.failed(backoff.next(kNow), kNow);
    const std::uint64_t first = backoff.next(kNow).wait_ns;
    CHECK(first >= Backoff::kFirst_ns / 2);
    CHECK(first <= Backoff::kFirst_ns);
    CHECK(backoff.next(kNow + first).wait_ns == 0);
    CHECK(backoff.next(kNow + first).wait_ns > 0);  // somebody tries already
    for (int i = 0; i < 100; ++i)
        backoff.failed(backoff.next(kNow), kNow);
    CHECK(backoff.next(kNow).wait_ns >= Backoff::kLongest_ns / 2);
    CHECK(backoff.next(kNow).wait_ns <= Backoff::kLongest_ns);
    backoff.succeeded();
    CHECK(backoff.next(kNow).wait_ns == 0);
}

TEST_CASE("backoff: attempts that were under way together and fail are one failure") {
    Backoff backoff(1);
    constexpr std::uint64_t kNow = 1'000'000'000'000;
    const std::vector<Backoff::Turn> together(20, backoff.next(kNow));
    for (const Backoff::Turn& turn : together)
        backoff.failed(turn, kNow);
    CHECK(backoff.failures() == 1);
    const std::uint64_t wait_ns = backoff.next(kNow).wait_ns;
    CHECK(wait_ns <= Backoff::kFirst_ns);
    // One after the other they are as many; and one that began before it went well again says nothing of now.
    const Backoff::Turn second = backoff.next(kNow + wait_ns);
    backoff.failed(second, kNow + wait_ns);
    CHECK(backoff.failures() == 2);
    const Backoff::Turn late = backoff.next(kNow + Backoff::kLongest_ns);
    backoff.succeeded();
    backoff.failed(late, kNow + Backoff::kLongest_ns);
    CHECK(backoff.failures() == 0);
}

TEST_CASE("replies: of an error only its code is shown") {
    const auto shown = [](std::string text) {
        ReplyReader reader;
        text = concat("-", text, "\r\n");
        REQUIRE(reader.feed(text.data(), text.size()));
        const auto reply = reader.next();
        REQUIRE(reply);
        return std::string(codeOf(**reply));
    };
    CHECK(shown("WRONGPASS invalid username-password pair") == "WRONGPASS");
    CHECK(shown("ERR unknown command 'AUTH', with args beginning with: 'secret'") == "ERR");
    CHECK(shown("LOADING") == "LOADING");
    for (const char* odd : {"secret", "", "Secret is wrong", "0SECRET x", "SECRETSECRETSECRET x"})
        CHECK(shown(odd) == "an error without a code");
}
