#include "kernel/server/settings.hpp"

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "kernel/server/server.hpp"

namespace howdah::kernel {
namespace {

// Sections that a reload does not touch, and what it takes of them all the same.
constexpr std::string_view kUntilRestart[] = {"transports", "limits",    "shards",       "log",
                                              "control",    "state_dir", "plugin_paths", "seal_keys"};
constexpr std::string_view kTakenByReload[] = {"limits.reload_timeout_ms", "transports.http.tls.certificate",
                                               "transports.http.tls.key"};

void addChanged(const std::string& key, const Json& before, const Json& after, std::string& keys) {
    if (before == after || std::ranges::find(kTakenByReload, key) != std::end(kTakenByReload)) return;
    if (!before.is_object() || !after.is_object()) {
        keys += concat(keys.empty() ? "" : ", ", key);
        return;
    }
    Json both = before;
    both.update(after);
    for (const auto& [inner, value] : both.items())
        addChanged(concat(key, ".", inner), before.value(inner, Json()), after.value(inner, Json()), keys);
}

}  // namespace

// More shards than a quarter of the connections only pass connections around.
unsigned shardCount(const Config& config) {
    if (config.shards != 0) return config.shards;
    unsigned count = std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
    for (const PluginEntry& entry : config.plugins) {
        if (entry.id == "pool" && entry.section.contains("connections_max")) {
            count = std::min(count, std::max(1u, entry.section["connections_max"].get<unsigned>() / 4));
        }
    }
    return count;
}

ProtocolOptions protocolOptions(const Config& config) {
    ProtocolOptions options;
    options.server_version = std::string{kVersion};
    options.message.depth_max = config.limits.json_depth_max;
    options.message.batch_max = config.limits.batch_members_max;
    options.in_flight_max = config.limits.requests_in_flight_max;
    options.of_one_principal_max = config.limits.requests_per_principal_max;
    options.subscriptions_max = config.limits.subscriptions_max;
    options.request_timeout = config.limits.request_timeout;
    options.answer_timeout = config.limits.answer_timeout;
    options.tasks.tasks_max = config.limits.tasks_max;
    options.tasks.of_one_principal_max = config.limits.tasks_per_principal_max;
    if (config.transports.http) {
        options.session.sessions_max = config.transports.http->sessions_max;
        options.session.idle_timeout = config.transports.http->session_idle;
    }
    return options;
}

HttpServer::Config httpConfig(const Config& config) {
    const HttpConfig& http = *config.transports.http;
    HttpServer::Config out;
    out.listen = http.listen;
    out.unix_uids = http.unix_uids;
    out.allowed_hosts = http.hosts;
    out.behind_proxy = http.behind_proxy;
    out.allowed_origins = http.origins;
    out.credentials.every = http.verify_every;
    out.settings.path = http.path;
    out.settings.stream_hold = http.stream_hold;
    out.settings.resource = http.public_url;
    out.settings.websocket = http.websocket;
    out.settings.limits.head_bytes_max = config.limits.header_bytes_max;
    out.settings.limits.body_bytes_max = config.limits.message_bytes_max;
    out.settings.connections_max = config.limits.connections_max;
    out.settings.connections_per_address_max = config.limits.connections_per_address_max;
    out.settings.requests_per_connection_max = config.limits.requests_per_connection_max;
    out.settings.standing_per_connection_max = config.limits.subscriptions_max;
    out.settings.body_limit = config.limits.body_timeout;
    out.settings.idle_limit = config.limits.idle_timeout;
    return out;
}

StdioServer::Config stdioConfig(const Config& config, std::function<void()> on_input_end,
                                std::function<void()> on_end) {
    StdioServer::Config out;
    out.line_bytes_max = config.limits.message_bytes_max;
    out.line_limit = config.limits.body_timeout;
    out.requests_in_flight_max = config.limits.requests_per_connection_max;
    out.standing_max = config.limits.subscriptions_max;
    out.on_input_end = std::move(on_input_end);
    out.on_end = std::move(on_end);
    return out;
}

ClientChannels::Config channelsConfig(const Config& config) {
    ClientChannels::Config out;
    out.channel.message_bytes_max = config.limits.message_bytes_max;
    out.channel.requests_in_flight_max = config.limits.requests_per_connection_max;
    out.channel.standing_max = config.limits.subscriptions_max;
    out.channels_max = config.limits.connections_max;
    return out;
}

std::string untilRestart(const Json& started, const Config& fresh) {
    const Json now = printable(fresh);
    std::string keys;
    for (const std::string_view key : kUntilRestart) {
        const std::string name(key);
        addChanged(name, started.value(name, Json()), now.value(name, Json()), keys);
    }
    return keys;
}

}  // namespace howdah::kernel
