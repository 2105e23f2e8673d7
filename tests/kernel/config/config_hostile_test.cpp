// Hostile and mistaken files: each is refused with one exact line that says where and what.
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "kernel/config/config.hpp"

using namespace howdah;
using namespace howdah::kernel;

namespace {
const Environment kEmpty = [](const std::string&) { return std::optional<std::string>(); };
std::string refusal(const std::string& text) {
    auto config = Config::fromText(text, "h.yaml", "/", kEmpty);
    return config ? "" : config.error().message;
}
std::string http(const std::string& inside) {
    return refusal("howdah: 1\ntransports:\n  http: { " + inside + " }\n");
}
}  // namespace

TEST_CASE("config: mistakes are refused with file:line:column, key and remedy") {
    const std::pair<std::string, const char*> cases[] = {
        {"", "h.yaml: the file is empty, begin it with howdah: 1"},
        {"5", "h.yaml:1:1: must be an object, got 5"},
        {"shards: 1\n", "h.yaml:1:1: lacks \"howdah\", which must be 1"},
        {"howdah: 2\n", "h.yaml:1:1: howdah: must be 1, got 2"},
        {"howdah: 1\nplugin: []\n", "h.yaml:2:1: plugin: is not a known key, did you mean \"plugins\"?"},
        {"howdah: 1\nlimits:\n  request_timeout_sm: 5\n",
         "h.yaml:3:3: limits.request_timeout_sm: is not a known key, did you mean \"request_timeout_ms\"?"},
        {"howdah: 1\nlimits: {connections_max: 0}\n",
         "h.yaml:2:10: limits.connections_max: must be an integer between 1 and 100000, got 0"},
        {"howdah: 1\nlimits: {connections_max: 5m}\n",
         "h.yaml:2:10: limits.connections_max: must be an integer between 1 and 100000, got \"5m\""},
        {"howdah: 1\nshards: 1\nshards: 2\n", "h.yaml:3:1: shards: stands twice, first at line 2"},
        {"howdah: 1\ndatabases:\n  main: {access: restricted}\n",
         "h.yaml:3:3: databases.main: fits none of the forms allowed: lacks \"dsn\" or lacks \"source\""},
        {"howdah: 1\ndatabases:\n  main: {dsn: 5}\n",
         "h.yaml:3:10: databases.main.dsn: must be a string of at most 8192 characters"},
        {"howdah: 1\ndatabases:\n  main: {dsn: x, access: write}\n",
         "h.yaml:3:18: databases.main.access: must be one of \"restricted\", \"read_write\", got \"write\""},
        {"howdah: 1\nplugins: [pool, pool]\n", "h.yaml:2:17: plugins.1: plugin pool is listed twice, first at line 2"},
        {"howdah: 1\nplugins:\n  - pool: {run: thread}\n",
         "h.yaml:3:12: plugins.0.pool.run: must be one of \"default\", \"shard\", \"worker\", \"process\", got "
         "\"thread\""},
        {"howdah: 1\nplugins:\n  - {pool: {}, guard: {}}\n",
         "h.yaml:3:5: plugins.0: must have exactly 1 member, got 2 members"},
        {"howdah: 1\ntransports: {}\n", "h.yaml:2:1: transports: names no transport, write stdio: {} or http: {...}"},
        {"howdah: 1\ndatabases:\n  main:\n    dsn: ${env:DATABASE_URL}\n",
         "h.yaml:4:5: databases.main.dsn: the environment variable DATABASE_URL is not set (write "
         "${env:DATABASE_URL:-default} for a default)"},
    };
    for (const auto& [text, why] : cases) {
        CAPTURE(text);
        CHECK(refusal(text) == why);
    }
}

TEST_CASE("config: HTTP is loopback only and says how it is guarded") {
    for (const char* listen : {"127.0.0.1:8642", "127.9.8.7:1", "'[::1]:8642'", "localhost:0"}) {
        CHECK(http("auth: none, listen: " + std::string(listen)) == "");
    }
    CHECK(http("listen: 127.0.0.1:1") == "");
    for (const char* url : {"https://db.example/mcp", "http://127.0.0.1:80/mcp", "http://localhost/", "http://[::1]:1"})
        CHECK(http(concat("public_url: '", url, "'")) == "");
    CHECK(http("public_url: http://db.example/mcp")
              .find("transports.http.public_url: must begin with https:// unless it is of loopback") !=
          std::string::npos);
    for (const char* url : {"db.example", "https://", "https://u@h/", "https://h/?q", "https://h/#f", "ftp://h/"})
        CHECK(http(concat("public_url: '", url, "'")) != "");
    for (const char* host : {"0.0.0.0", "192.168.1.1", "[::]", "[::ffff:127.0.0.1]"}) {
        CAPTURE(host);
        const std::string listen = concat(", listen: \"", host, ":80\"");
        CHECK(http("auth: none" + listen)
                  .starts_with(concat("h.yaml:3:23: transports.http.listen: other machines reach ", host, ":80, so ")));
        CHECK(http("auth: oauth" + listen).find("could read along: it needs tls: {") != std::string::npos);
        CHECK(http("auth: none, tls: {certificate: c, key: k}" + listen).find("it needs a plugin as auth") !=
              std::string::npos);
        CHECK(http("auth: oauth, tls: {certificate: c, key: k}" + listen) == "");
        CHECK(http("auth: oauth, behind_proxy: true, hosts: [db.example]" + listen) == "");
    }
    CHECK(http("auth: none, behind_proxy: true").find("needs hosts: [NAME] or public_url beside it") !=
          std::string::npos);
    CHECK(http("auth: none, behind_proxy: true, public_url: https://db.example/mcp") == "");
    CHECK(http("auth: none, tls: {certificate: c}").find("lacks \"key\"") != std::string::npos);
    CHECK(http("auth: none, listen: []").find("must have 1 to 16 items") != std::string::npos);
    CHECK(http("auth: none, listen: [\"127.0.0.1:1\", \"0.0.0.0:1\"]")
              .starts_with("h.yaml:3:47: transports.http.listen.1: other machines"));
    CHECK(http("auth: none, listen: [\"127.0.0.1:1\", unix:a.sock, systemd]") == "");
    CHECK(http("auth: none, listen: unix:" + std::string(108, 'x')).find("a path of 1 to 107 bytes") !=
          std::string::npos);
    CHECK(http("auth: none, listen: [a, a]") != "");
    for (const char* listen :
         {"8642", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:80", ":8642"}) {
        CAPTURE(listen);
        CHECK(http("auth: none, listen: \"" + std::string(listen) + "\"").find("must be ") != std::string::npos);
    }
}

TEST_CASE("config: a file that is none is refused, and a pipe does not hang the start") {
    CHECK(Config::fromFile("/nonexistent/h.yaml").error().message ==
          "cannot read /nonexistent/h.yaml: No such file or directory");
    CHECK(Config::fromFile("/dev/zero").error().message == "/dev/zero is no regular file");
    CHECK(Config::fromFile("/").error().message == "/ is no regular file");
    CHECK(refusal(std::string(2u << 20, '#')) == "h.yaml: 2097152 bytes are above the limit of 1048576");
}

TEST_CASE("config: mutated files never crash the reader and always say where") {
    const std::string seed =
        "howdah: 1\ntransports:\n  http: {listen: 127.0.0.1:1, auth: none}\ndatabases:\n  a: {dsn: x}\nplugins:\n"
        "  - pool: {run: shard}\n  - guard\nlimits: {workers_max: 3}\nservices: {a.b/1: pool}\n";
    const std::string alphabet = " \n:-{}[]\"'$&*!#,abc019~";
    std::mt19937 random(5);
    for (int i = 0; i < 5000; ++i) {
        std::string text = seed;
        for (unsigned edit = 0; edit < 1 + random() % 4; ++edit)
            text[random() % text.size()] = alphabet[random() % alphabet.size()];
        if (std::string why = refusal(text); !why.empty()) CHECK(why.starts_with("h.yaml:"));
    }
}
