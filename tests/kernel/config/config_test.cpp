#include "kernel/config/config.hpp"

#include <map>
#include <string>

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::kernel;

namespace {
Environment environment(const std::map<std::string, std::string>& values) {
    return [values](const std::string& name) -> std::optional<std::string> {
        auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional(found->second);
    };
}
Config load(const std::string& text, const std::map<std::string, std::string>& values = {{"HOME", "/home/a"}}) {
    auto config = Config::fromText(text, "howdah.yaml", "/etc/howdah", environment(values));
    REQUIRE_MESSAGE(config.has_value(), (config ? "" : config.error().message));
    return std::move(*config);
}
constexpr const char* kFull = R"(howdah: 1
transports:
  http: { listen: "[::1]:0", path: /x, auth: none, public_url: "https://db.example/mcp", origins: ["https://a.example"], session_idle_s: 60, websocket: false }
databases:
  zoo:  { dsn: "${env:URL}", access: read_write, allow_unguarded: true }
  main: { dsn: "postgresql://u:hunter2@h/d" }
plugins:
  - pool: { connections_max: 5, run: shard }
  - guard
  - acme/audit: { run: process, mode: audit, on_failure: ignore, library: libs/audit, token: "${env:TOKEN}" }
tools: { profile: all, include: [a], exclude: [b], scopes: { c: [x, y] } }
services: { howdah.auth/1: guard }
limits: { request_timeout_ms: 5, connections_max: 7 }
shards: 2
log: { level: debug, file: out.log }
control: { enabled: false }
plugin_paths: [more, /opt/p]
state_dir: state
)";
}  // namespace

TEST_CASE("config: every key reaches the typed configuration") {
    Config config = load(kFull, {{"URL", "postgresql://h/zoo"}, {"TOKEN", "t0ken"}});
    CHECK_FALSE(config.transports.stdio);
    REQUIRE(config.transports.http);
    REQUIRE(config.transports.http->listen.size() == 1);
    CHECK(config.transports.http->listen.front().host == "::1");
    CHECK(config.transports.http->listen.front().port == 0);
    CHECK(config.transports.http->session_idle == std::chrono::seconds(60));
    CHECK(config.transports.http->public_url == "https://db.example/mcp");
    CHECK(config.tools.scopes.at("c") == std::vector<std::string>{"x", "y"});
    CHECK_FALSE(config.transports.http->websocket);
    REQUIRE(config.databases.size() == 2);
    CHECK(config.databases[0].name == "zoo");  // the order of the file, not of the alphabet
    CHECK(config.databases[0].dsn == "postgresql://h/zoo");
    CHECK(config.databases[0].access == Access::read_write);
    CHECK(config.databases[0].allow_unguarded);
    CHECK_FALSE(config.databases[1].allow_unguarded);
    CHECK(config.databases[0].origin == "howdah.yaml:5:3");
    REQUIRE(config.plugins.size() == 3);
    CHECK(config.plugins[0].section == Json{{"connections_max", 5}});
    CHECK(config.plugins[0].run == PluginEntry::Run::shard);
    CHECK(config.plugins[1].id == "guard");
    CHECK(config.plugins[2].mode == PluginEntry::Mode::audit);
    CHECK(config.plugins[2].on_failure == PluginEntry::OnFailure::ignore);
    CHECK(config.plugins[2].library == "/etc/howdah/libs/audit");
    CHECK(config.plugins[2].section == Json{{"token", "t0ken"}});
    CHECK(config.services.at("howdah.auth/1") == "guard");
    CHECK(config.limits.request_timeout == std::chrono::milliseconds(5));
    CHECK(config.limits.connections_max == 7);
    CHECK(config.log.file == "/etc/howdah/out.log");
    CHECK_FALSE(config.control);
    CHECK(config.plugin_paths[0] == "/etc/howdah/more");
    CHECK(config.plugin_paths[1] == "/opt/p");
    CHECK(config.state_dir == "/etc/howdah/state");
}

TEST_CASE("config: HTTP without a word about auth brings the plugin that judges credentials") {
    const auto plugins = [](const char* text) {
        std::string ids;
        for (const PluginEntry& entry : load(text, {}).plugins)
            ids += entry.id + " ";
        return ids;
    };
    CHECK(plugins("howdah: 1\ntransports: {http: {}}\n") == "pool guard query schema auth ");
    CHECK(plugins("howdah: 1\ntransports: {http: {auth: auth}}\nplugins: [pool]\n") == "pool auth ");
    CHECK(plugins("howdah: 1\ntransports: {http: {}}\nplugins: [auth, pool]\n") == "auth pool ");
    CHECK(plugins("howdah: 1\ntransports: {http: {auth: none}}\nplugins: [pool]\n") == "pool ");
    CHECK(plugins("howdah: 1\nplugins: [pool]\n") == "pool ");
    CHECK(load("howdah: 1\ntransports: {http: {}}\n", {}).transports.http->auth == "auth");
}

TEST_CASE("config: the smallest file has the documented defaults") {
    Config config = load("howdah: 1\n", {{"DATABASE_URL", "postgresql://h/d"}, {"HOME", "/home/a"}});
    CHECK(config.transports.stdio);
    CHECK_FALSE(config.transports.http);
    CHECK(config.databases.at(0).origin == "DATABASE_URL");
    CHECK(config.plugins.size() == 4);
    CHECK(config.state_dir == "/home/a/.local/state/howdah");
}

TEST_CASE("config: transports left out, or auto, leave the choice open; naming one closes it") {
    CHECK(load("howdah: 1\n").transports.automatic);
    CHECK(load("howdah: 1\ntransports: auto\n").transports.automatic);
    CHECK(printable(load("howdah: 1\n"))["transports"] == "auto");
    const Config named = load("howdah: 1\ntransports: {stdio: {}}\n");
    CHECK_FALSE(named.transports.automatic);
    CHECK(printable(named)["transports"] == Json{{"stdio", Json::object()}});
}

TEST_CASE("config: every way to listen is read, with paths from the file's folder, and printed as it is read") {
    const Config config = load(
        "howdah: 1\ntransports:\n  http:\n    auth: oauth\n    listen: [\"0.0.0.0:1\", \"unix:run/a.sock\", systemd]\n"
        "    tls: {certificate: a.crt, key: /k}\n    behind_proxy: true\n    hosts: [db.example, \"[::2]\"]\n"
        "    unix_uids: [33]\nlimits: {connections_per_address_max: 7}\n");
    const HttpConfig& http = *config.transports.http;
    REQUIRE(http.listen.size() == 3);
    CHECK(http.listen[1].path == "/etc/howdah/run/a.sock");
    CHECK(http.listen[2].kind == ListenAddress::Kind::systemd);
    CHECK(http.tls->certificate == "/etc/howdah/a.crt");
    CHECK(http.tls->key == "/k");
    CHECK(http.unix_uids == std::vector<std::uint32_t>{33});
    CHECK(config.limits.connections_per_address_max == 7);
    const Json printed = printable(config)["transports"]["http"];
    CHECK(printed["listen"] == Json::array({"0.0.0.0:1", "unix:/etc/howdah/run/a.sock", "systemd"}));
    CHECK(printed["tls"]["certificate"] == "/etc/howdah/a.crt");
    CHECK(printed["behind_proxy"] == true);
    CHECK(printed["hosts"] == Json::array({"db.example", "[::2]"}));
}

TEST_CASE("config: the published example is valid, with and without DATABASE_URL") {
    CHECK(Config::fromFile(HOWDAH_EXAMPLE_CONFIG, environment({})).has_value());
    auto config = Config::fromFile(HOWDAH_EXAMPLE_CONFIG, environment({{"DATABASE_URL", "postgresql://h/d"}}));
    REQUIRE(config.has_value());
    CHECK(config->databases.at(0).dsn == "postgresql://h/d");
}

TEST_CASE("config: what is printed shows no secret and is read back alike") {
    const std::map<std::string, std::string> values = {{"URL", "postgresql://h/zoo"}, {"TOKEN", "t0ken"}};
    Config config = load(kFull, values);
    const std::string yaml = toYaml(printable(config));
    CHECK(yaml.find("t0ken") == std::string::npos);
    CHECK(yaml.find("hunter2") == std::string::npos);
    CHECK(yaml.find("${env:TOKEN}") != std::string::npos);
    CHECK(yaml.find("postgresql://u:***@h/d") != std::string::npos);
    Config again = load(yaml, values);
    CHECK(printable(again) == printable(config));
}

TEST_CASE("config: of a plugin's section no password in a URL and no text under the key of a secret is printed") {
    auto printed = [](const std::string& section) {
        return printable(
            load("howdah: 1\nplugins:\n  - acme: {" + section + "}\n", {{"K", "hush"}}))["plugins"][0]["acme"];
    };
    CHECK(printed("url: 'https://u:hush@h/p'")["url"] == "https://u:***@h/p");
    CHECK(printed("url: 'https://u:hu/sh@h/p'")["url"] == "https://***");
    CHECK(printed("url: 'https://h/p?api_key=hush'")["url"] == "https://h/p?***");
    CHECK(printed("urls: [a, 'redis://:hush@h:1/0']")["urls"] == Json::array({"a", "redis://:***@h:1/0"}));
    for (const std::string key : {"password", "client_secret", "token", "API_KEY", "db_passwd"})
        CHECK(printed("in: {" + key + ": hush}")["in"][key] == "***");
    // As they were written, and read back alike.
    for (const std::string value : {"https://h/p?a=1", "https://h:1/p", "a@b", "see https://u:x@h", "${env:K}", ""})
        CHECK(printed("value: '" + value + "'")["value"] == value);
    CHECK(printed("token: '${env:K}'")["token"] == "${env:K}");
    CHECK(printed("token_file: /a/b")["token_file"] == "/a/b");
    CHECK(printed("tokens_max: 5, secret: 7")["secret"] == 7);
}

TEST_CASE("config: a plugin's section reports its own violations with file, line and column") {
    Config config = load("howdah: 1\nplugins:\n  - cache: {ttl_ms: 0, key: \"${env:K}\"}\n", {{"K", "hush"}});
    const PluginEntry& cache = config.plugins[0];
    CHECK(config.errorAt(cache.pointer, {"/ttl_ms", "", "must be at least 1", "0"}).message ==
          "howdah.yaml:3:13: plugins.0.cache.ttl_ms: must be at least 1, got 0");
    CHECK(config.errorAt(cache.pointer, {"/key", "", "must be an integer", "\"hush\""}).message ==
          "howdah.yaml:3:24: plugins.0.cache.key: must be an integer");
}

TEST_CASE("config: without a file the environment serves, first source first") {
    auto source = [](const std::map<std::string, std::string>& values) {
        return Config::fromEnvironment(environment(values))->databases.at(0).origin;
    };
    CHECK(source({{"DATABASE_URL", "a"}, {"POSTGRES_URL", "b"}}) == "DATABASE_URL");
    CHECK(source({{"DATABASE_URL", ""}, {"POSTGRES_URL", "b"}, {"POSTGRES_URL_NON_POOLING", "c"}}) ==
          "POSTGRES_URL_NON_POOLING");
    CHECK(source({{"DIRECT_URL", "b"}, {"DATABASE_URI", "c"}}) == "DIRECT_URL");
    CHECK(source({{"PGHOST", "h"}, {"PGUSER", "u"}}) == "PGHOST, PGUSER");
    CHECK(source({}) == "libpq defaults, no DATABASE_URL or PG* is set");
}
