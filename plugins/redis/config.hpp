// The plugin's section of the configuration. Ranges and descriptions stand in plugin.json; the kernel checks them.
//
// Threads: immutable after configure().
// Errors:  invalid_argument with the key for what no schema can say.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

namespace howdah::redis {

struct Config {
    std::string host = "127.0.0.1";
    std::uint16_t port = 6379;
    std::string socket;  // path of a Unix socket, in place of host and port
    unsigned database = 0;
    std::string username;  // empty: the server's default user
    std::string password;  // empty: none is sent
    bool tls = false;
    std::string ca_file;  // empty: the system's authorities
    std::string key_prefix = "howdah:";
    unsigned connections_max = 4;  // of each shard
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds operation_timeout{500};

    static Result<Config> parse(const nlohmann::json& section);

    std::string address() const { return socket.empty() ? concat(host, ":", port) : concat("unix:", socket); }
};

}  // namespace howdah::redis
