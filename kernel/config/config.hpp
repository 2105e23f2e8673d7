// The configuration: one YAML file, or the environment when there is none. Its shape is config/howdah.schema.json,
// which is compiled in; docs/configuration.md explains each key.
//
// Threads: built on the control thread, read-only afterwards; copies share the source map.
// Errors:  invalid_argument, "file:line:column: key: text", with the nearest known key where a name is unknown.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/base/listen_address.hpp"
#include "kernel/config/secrets.hpp"
#include "kernel/config/yaml.hpp"
#include "kernel/schema/schema.hpp"

namespace howdah::kernel {

// The plugin that judges credentials unless the file says otherwise; it need not be listed.
inline constexpr std::string_view kDefaultAuth = "auth";

struct TlsConfig {
    std::string certificate;  // PEM file
    std::string key;          // PEM file
};

struct HttpConfig {
    std::vector<ListenAddress> listen{ListenAddress{}};  // 1..16; paths are absolute
    std::vector<std::uint32_t> unix_uids;     // users beside the server's own and root that may use its Unix sockets
    std::optional<TlsConfig> tls;             // on every TCP address
    bool behind_proxy = false;                // a proxy on the way in does TLS; then hosts is not empty
    std::vector<std::string> hosts;           // allowed Host names beside those of loopback, without port
    std::string path = "/mcp";                // begins with /
    std::string auth{kDefaultAuth};           // "none", or the plugin that offers howdah.auth/1
    std::string public_url;                   // how clients reach the endpoint; "" = the address it listens on
    std::vector<std::string> origins;         // allowed Origin values beside those of loopback
    bool websocket = true;                    // a GET of the path may become a WebSocket
    std::uint32_t sessions_max = 1000;        // 1..100000, legacy sessions kept at once
    std::chrono::seconds session_idle{1800};  // 1..86400, then a legacy session is forgotten
    std::chrono::seconds verify_every{10};    // 1..3600, credentials of what stays open are looked at again
    // 0..3600000; then the connection of a slow answer of a legacy session ends and its client comes back; 0 = never
    std::chrono::milliseconds stream_hold{0};
};

struct TransportsConfig {
    bool automatic = true;  // none was named: how the process was started decides, see TransportChoice
    bool stdio = true;
    std::optional<HttpConfig> http;
};

enum class Access : std::uint8_t { restricted, read_write };

struct DatabaseConfig {
    std::string name;
    std::string dsn;  // libpq URI or key=value; "" = libpq's own environment and defaults. A secret: see maskDsn()
    Access access = Access::restricted;
    bool allow_unguarded = false;  // text of clients is let through although no plugin of stage guard judges it
    std::string source;            // instead of a dsn: the plugin that makes this database (howdah.source/1)
    std::string origin;            // where this was written, for people: "howdah.yaml:9:5", "DATABASE_URL"
};

struct PluginEntry {
    enum class Run : std::uint8_t { by_manifest, shard, worker, process };
    enum class Mode : std::uint8_t { enforce, audit };
    enum class OnFailure : std::uint8_t { by_stage, deny, ignore, quarantine };

    std::string id;  // "cache", "acme/audit"
    Run run = Run::by_manifest;
    Mode mode = Mode::enforce;
    OnFailure on_failure = OnFailure::by_stage;
    std::string library;            // folder that holds the plugin; "" = looked up in plugin_paths
    Json section = Json::object();  // all other keys: the plugin's own, valid by the schema it ships
    std::string pointer;            // of the section in the file, "/plugins/3/cache": prefix for Config::errorAt()
};

struct ToolsConfig {
    std::string profile = "core";                            // which tools are listed; "all" lists every one
    std::vector<std::string> include;                        // listed beside the profile's
    std::vector<std::string> exclude;                        // neither listed nor callable
    std::map<std::string, std::vector<std::string>> scopes;  // tool -> what a principal needs to call it
};

// Everything that can grow has its bound here.
struct LimitsConfig {
    std::size_t message_bytes_max = 4u << 20;          // bytes, 1024..268435456, one JSON-RPC message
    std::uint32_t json_depth_max = 64;                 // levels, 4..256
    std::uint32_t batch_members_max = 50;              // 1..1000, 2025-03-26 only
    std::uint32_t header_bytes_max = 16384;            // bytes, 1024..1048576, HTTP head
    std::uint32_t connections_max = 1024;              // 1..100000, client connections
    std::uint32_t connections_per_address_max = 64;    // 1..100000, of them from one address elsewhere
    std::uint32_t requests_in_flight_max = 1024;       // 1..100000, in the whole process
    std::uint32_t requests_per_connection_max = 64;    // 1..10000, stdio counts as one connection
    std::uint32_t requests_per_principal_max = 128;    // 1..100000, where clients authenticate
    std::uint32_t tasks_max = 1000;                    // 1..100000, kept at once, ended ones too
    std::uint32_t tasks_per_principal_max = 100;       // 1..100000, the same, of one principal
    std::uint32_t subscriptions_max = 1000;            // 1..100000, open subscriptions/listen streams
    std::chrono::milliseconds request_timeout{60000};  // ms, 1..3600000, one request from frame to answer
    std::chrono::milliseconds idle_timeout{60000};     // ms, 100..86400000, connection without a request
    std::chrono::milliseconds answer_timeout{300000};  // ms, 100..3600000, of a legacy client to a question
    std::chrono::milliseconds body_timeout{30000};     // ms, 100..3600000, from the end of a head to the last byte
    std::chrono::milliseconds drain_timeout{10000};    // ms, 0..600000, for requests in flight at SIGTERM
    std::chrono::milliseconds reload_timeout{30000};   // ms, 0..600000, for requests of an old generation
    std::chrono::milliseconds hook_timeout{50};        // ms, 1..60000, host calls inside one hook
    std::uint32_t workers_max = 8;                     // threads, 1..256, for run: worker and howdah.offload/1
    std::uint32_t worker_queue_max = 64;               // jobs, 0..10000, waiting for one of them
};

struct LogConfig {
    std::string level = "info";  // debug, info, warn, error, off
    std::string file;            // "" = stderr
};

struct Config {
    TransportsConfig transports;
    std::vector<DatabaseConfig> databases;  // as ordered in the file; "main" is the default, else the first
    std::vector<PluginEntry> plugins;       // order matters inside a stage
    ToolsConfig tools;
    std::map<std::string, std::string> services;  // service id -> the plugin that shall provide it
    LimitsConfig limits;
    std::uint32_t shards = 0;  // threads, 0..64; 0 = min(cores, 4), never more than connections_max / 4
    LogConfig log;
    bool control = true;                              // listen on a control socket (reload, plugin list, doctor)
    std::string control_socket;                       // path; "" = one for each file, see controlSocketOf()
    std::vector<std::filesystem::path> plugin_paths;  // folders searched first, in order; then the installed ones
    // Secrets of 32 bytes or more that several instances share, so that each opens what another has sealed. The first
    // seals. Empty: a random key of this process.
    std::vector<std::string> seal_keys;
    std::filesystem::path state_dir;  // $XDG_STATE_HOME/howdah, else ~/.local/state/howdah

    std::string source;                 // "howdah.yaml", or "environment (DATABASE_URL)"
    std::filesystem::path file;         // "" when it came from the environment
    std::vector<std::string> warnings;  // to be logged once, ready to read

    static Result<Config> fromFile(const std::filesystem::path& path,
                                   const Environment& environment = processEnvironment());
    // `name` stands in messages; relative paths are taken from `folder`.
    static Result<Config> fromText(std::string_view text, std::string name, const std::filesystem::path& folder,
                                   const Environment& environment = processEnvironment());
    // stdio, one restricted database "main", plugins pool, guard, query, schema.
    static Result<Config> fromEnvironment(const Environment& environment = processEnvironment());

    // Position in the file of a JSON pointer; line 0 when there is no file.
    Position positionOf(std::string_view pointer) const;
    std::string describe(std::string_view pointer, std::string_view text) const;
    // For a plugin's section: prefix is PluginEntry::pointer. Leaves out what was met where it came from a secret.
    Error errorAt(std::string_view prefix, const Violation& violation) const;

    std::shared_ptr<const YamlDocument> document;  // null without a file
    Secrets secrets;
};

// The effective configuration with defaults filled in: secrets as the reference that was written, passwords as "***".
Json printable(const Config& config);

// The JSON Schema of the file, as published in config/howdah.schema.json.
std::string_view configSchemaText();

}  // namespace howdah::kernel
