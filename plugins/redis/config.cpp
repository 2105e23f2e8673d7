#include "plugins/redis/config.hpp"

namespace howdah::redis {

Result<Config> Config::parse(const nlohmann::json& section) {
    Config config;
    config.host = section.value("host", config.host);
    config.port = section.value("port", config.port);
    config.socket = section.value("socket", config.socket);
    config.database = section.value("database", config.database);
    config.username = section.value("username", config.username);
    config.password = section.value("password", config.password);
    config.tls = section.value("tls", config.tls);
    config.ca_file = section.value("ca_file", config.ca_file);
    config.key_prefix = section.value("key_prefix", config.key_prefix);
    config.connections_max = section.value("connections_max", config.connections_max);
    config.connect_timeout =
        std::chrono::milliseconds(section.value("connect_timeout_ms", config.connect_timeout.count()));
    config.operation_timeout =
        std::chrono::milliseconds(section.value("operation_timeout_ms", config.operation_timeout.count()));
    if (!config.socket.empty() && (section.contains("host") || section.contains("port") || config.tls))
        return Error::invalidArgument("redis.socket stands in place of redis.host, redis.port and redis.tls");
    if (!config.username.empty() && config.password.empty())
        return Error::invalidArgument("redis.username needs redis.password");
    if (!config.ca_file.empty() && !config.tls) return Error::invalidArgument("redis.ca_file needs redis.tls: true");
    return config;
}

}  // namespace howdah::redis
