#include "kernel/server/server.hpp"

#include <doctest/doctest.h>

#include "kernel/host/host_fixture.hpp"

namespace howdah::kernel {
namespace {

std::string startError(HttpConfig http) {
    TemporaryFolder folder;
    Config config;
    config.transports.stdio = false;
    config.transports.http = std::move(http);
    config.transports.http->listen.front().port = 0;
    config.control = false;
    config.state_dir = folder.path;
    auto server = Server::start(std::move(config), {});
    return server ? "" : server.error().message;
}

}  // namespace

TEST_CASE("server: no bind that another machine can reach is served, whatever the configuration was made from") {
    for (const char* host : {"0.0.0.0", "192.0.2.1", "::"}) {
        HttpConfig http;
        http.listen.front().host = host;
        http.auth = "none";
        CHECK(startError(http).starts_with("transports.http.listen: other machines reach "));
    }
    for (const char* host : {"127.0.0.1", "localhost"}) {
        HttpConfig http;
        http.listen.front().host = host;
        http.auth = "none";
        CHECK(startError(http) == "");
    }
}

TEST_CASE("server: http.auth that names a plugin nobody listed refuses the start") {
    HttpConfig http;
    http.auth = "oauth";
    CHECK(startError(http).find("transports.http.auth: plugin \"oauth\" is not listed under plugins:") !=
          std::string::npos);
}

TEST_CASE("server: the plugin that http.auth names verifies, not any that offers the same service") {
    HostFixture host;
    static const howdah_auth_v1 kOther{};
    auto other = std::make_shared<Instance>(
        *Manifest::fromText(R"({"schema":1,"id":"other","version":"1.0.0","summary":"s","abi":{"needs":0}})", "m"),
        nullptr, host.services, Instance::Placement{});
    auto generation = std::make_shared<Generation>();
    generation->auth.push_back({nullptr, &kOther, other.get()});
    generation->instances.push_back(other);
    CHECK(authOf(generation.get(), "other").table == &kOther);
    CHECK_FALSE(authOf(generation.get(), "oauth"));
    CHECK_FALSE(authOf(nullptr, "other"));

    host.generations.publish(generation);
    PluginAuthenticator authenticator(host.generations, "oauth");
    auto refused = authenticator.authenticate(Inbound{});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::unavailable);
    CHECK(refused.error().message ==
          "plugin \"oauth\", which transports.http.auth names, does not run; nobody is let in");
}

}  // namespace howdah::kernel
