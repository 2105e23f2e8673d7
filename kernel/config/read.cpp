#include "kernel/config/read.hpp"

#include <algorithm>

#include "kernel/base/sealer.hpp"

namespace howdah::kernel {

namespace {

const Json kNothing = Json::object();

// The section of that name; an absent or empty one reads as an empty object, so defaults stay.
const Json& section(const Json& parent, const char* key) {
    auto found = parent.find(key);
    return found != parent.end() && found->is_object() ? *found : kNothing;
}

template <typename T>
void take(const Json& parent, const char* key, T& target) {
    if (auto found = parent.find(key); found != parent.end()) target = found->get<T>();
}
void take(const Json& parent, const char* key, std::chrono::milliseconds& target) {
    if (auto found = parent.find(key); found != parent.end()) {
        target = std::chrono::milliseconds(found->get<std::int64_t>());
    }
}

class Reader {
public:
    Reader(const YamlDocument& document, const std::filesystem::path& folder, Config& config)
        : document_(document), folder_(folder), config_(config) {}

    Result<void> run() {
        const Json& root = document_.root;
        transports(root);
        databases(section(root, "databases"));
        if (auto listed = root.find("plugins"); listed != root.end()) plugins(*listed);
        const Json& tools = section(root, "tools");
        take(tools, "profile", config_.tools.profile);
        take(tools, "include", config_.tools.include);
        take(tools, "exclude", config_.tools.exclude);
        take(tools, "scopes", config_.tools.scopes);
        take(root, "services", config_.services);
        limits(section(root, "limits"));
        take(root, "shards", config_.shards);
        take(section(root, "log"), "level", config_.log.level);
        take(section(root, "log"), "file", config_.log.file);
        take(section(root, "control"), "enabled", config_.control);
        take(section(root, "control"), "socket", config_.control_socket);
        paths(root);
        if (!problem_.empty()) return Error::invalidArgument(problem_);
        return {};
    }

private:
    void fail(std::string_view pointer, std::string_view text) {
        if (problem_.empty()) problem_ = document_.describe(pointer, text);
    }

    void transports(const Json& root) {
        const auto named = root.find("transports");
        if (named == root.end() || named->is_string()) return;  // the only string is "auto"
        config_.transports.automatic = false;
        const Json& transports = section(root, "transports");
        config_.transports.stdio = transports.contains("stdio");
        if (auto http = transports.find("http"); http != transports.end()) readHttp(*http);
        if (!config_.transports.stdio && !config_.transports.http) {
            fail("/transports", "names no transport, write stdio: {} or http: {...}");
        }
    }

    void readHttp(const Json& json) {
        HttpConfig http;
        take(json, "path", http.path);
        take(json, "auth", http.auth);
        take(json, "public_url", http.public_url);
        checkPublicUrl(http.public_url);
        take(json, "origins", http.origins);
        take(json, "websocket", http.websocket);
        take(json, "sessions_max", http.sessions_max);
        if (auto idle = json.find("session_idle_s"); idle != json.end()) {
            http.session_idle = std::chrono::seconds(idle->get<std::int64_t>());
        }
        if (auto every = json.find("verify_every_s"); every != json.end()) {
            http.verify_every = std::chrono::seconds(every->get<std::int64_t>());
        }
        http.stream_hold = std::chrono::milliseconds(json.value("stream_hold_ms", std::int64_t{0}));
        take(json, "hosts", http.hosts);
        take(json, "behind_proxy", http.behind_proxy);
        if (http.behind_proxy && http.hosts.empty() && http.public_url.empty()) {
            fail("/transports/http/behind_proxy",
                 "needs hosts: [NAME] or public_url beside it: the names clients use, which the proxy passes on as "
                 "Host");
        }
        if (auto tls = json.find("tls"); tls != json.end()) {
            http.tls.emplace();
            http.tls->certificate = absolute((*tls)["certificate"].get<std::string>()).string();
            http.tls->key = absolute((*tls)["key"].get<std::string>()).string();
        }
        take(json, "unix_uids", http.unix_uids);
        if (auto listen = json.find("listen"); listen != json.end()) readListen(*listen, http);
        config_.transports.http = std::move(http);
    }

    // Tokens travel to it.
    void checkPublicUrl(const std::string& url) {
        constexpr std::string_view kPlain = "http://";
        if (!url.starts_with(kPlain)) return;
        std::string host = url.substr(kPlain.size(), url.find('/', kPlain.size()) - kPlain.size());
        if (const auto colon = host.rfind(':'); colon != std::string::npos && !host.ends_with(']')) host.resize(colon);
        if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
        if (!isLoopbackHost(host))
            fail("/transports/http/public_url", concat("must begin with https:// unless it is of loopback, got ", url));
    }

    // One address, or a list of them.
    void readListen(const Json& json, HttpConfig& http) {
        const std::string where = "/transports/http/listen";
        http.listen.clear();
        if (json.is_string()) return addListen(where, json.get<std::string>(), http);
        for (std::size_t i = 0; i < json.size(); ++i)
            addListen(concat(where, "/", i), json[i].get<std::string>(), http);
    }

    void addListen(const std::string& where, const std::string& text, HttpConfig& http) {
        auto address = ListenAddress::parse(text);
        if (!address) return fail(where, address.error().message);
        if (address->kind == ListenAddress::Kind::unix_socket) {
            // The folder may have made it too long.
            address = ListenAddress::parse(concat("unix:", absolute(address->path).string()));
            if (!address) return fail(where, address.error().message);
        }
        const Guarded guarded{.by_auth = http.auth != "none", .by_tls = http.tls || http.behind_proxy};
        if (auto safe = checkReach(*address, guarded); !safe) return fail(where, safe.error().message);
        http.listen.push_back(std::move(*address));
    }

    void databases(const Json& databases) {
        for (const auto& [name, json] : databases.items()) {
            std::string pointer = "/databases";
            appendPointer(pointer, std::string_view(name));
            const Position at = document_.positionOf(pointer);
            DatabaseConfig database;
            database.name = name;
            take(json, "dsn", database.dsn);
            database.access =
                json.value("access", "restricted") == "read_write" ? Access::read_write : Access::restricted;
            take(json, "allow_unguarded", database.allow_unguarded);
            take(json, "source", database.source);
            database.origin = concat(document_.file, ":", at.line, ":", at.column);
            config_.databases.push_back(std::move(database));
        }
        // Json sorts by name; the file's own order is in the positions.
        auto place = [this](const DatabaseConfig& database) {
            const Position at = document_.positionOf("/databases/" + database.name);
            return std::pair(at.line, at.column);
        };
        std::sort(config_.databases.begin(), config_.databases.end(),
                  [&](const auto& a, const auto& b) { return place(a) < place(b); });
    }

    void plugins(const Json& listed) {
        config_.plugins.clear();
        for (std::size_t i = 0; i < listed.size(); ++i) {
            PluginEntry entry;
            entry.pointer = "/plugins/" + std::to_string(i);
            if (listed[i].is_string()) {
                entry.id = listed[i].get<std::string>();
            } else {
                entry.id = listed[i].begin().key();
                appendPointer(entry.pointer, std::string_view(entry.id));
                if (listed[i].begin()->is_object()) readPlugin(*listed[i].begin(), entry);
            }
            for (const PluginEntry& before : config_.plugins) {
                if (before.id != entry.id) continue;
                fail(entry.pointer, concat("plugin ", entry.id, " is listed twice, first at line ",
                                           document_.positionOf(before.pointer).line));
            }
            config_.plugins.push_back(std::move(entry));
        }
    }

    void readPlugin(const Json& json, PluginEntry& entry) {
        using Run = PluginEntry::Run;
        using OnFailure = PluginEntry::OnFailure;
        entry.section = json;
        for (const char* key : {"run", "mode", "on_failure", "library"})
            entry.section.erase(key);
        const std::string run = json.value("run", "default");
        entry.run = run == "shard"     ? Run::shard
                    : run == "worker"  ? Run::worker
                    : run == "process" ? Run::process
                                       : Run::by_manifest;
        if (json.value("mode", "enforce") == "audit") entry.mode = PluginEntry::Mode::audit;
        const std::string failure = json.value("on_failure", "default");
        entry.on_failure = failure == "deny"         ? OnFailure::deny
                           : failure == "ignore"     ? OnFailure::ignore
                           : failure == "quarantine" ? OnFailure::quarantine
                                                     : OnFailure::by_stage;
        if (json.contains("library")) entry.library = absolute(json["library"].get<std::string>()).string();
    }

    void limits(const Json& json) {
        LimitsConfig& limits = config_.limits;
        take(json, "message_bytes_max", limits.message_bytes_max);
        take(json, "json_depth_max", limits.json_depth_max);
        take(json, "batch_members_max", limits.batch_members_max);
        take(json, "header_bytes_max", limits.header_bytes_max);
        take(json, "connections_max", limits.connections_max);
        take(json, "connections_per_address_max", limits.connections_per_address_max);
        take(json, "requests_in_flight_max", limits.requests_in_flight_max);
        take(json, "requests_per_connection_max", limits.requests_per_connection_max);
        take(json, "requests_per_principal_max", limits.requests_per_principal_max);
        take(json, "tasks_max", limits.tasks_max);
        take(json, "tasks_per_principal_max", limits.tasks_per_principal_max);
        take(json, "subscriptions_max", limits.subscriptions_max);
        take(json, "request_timeout_ms", limits.request_timeout);
        take(json, "idle_timeout_ms", limits.idle_timeout);
        take(json, "answer_timeout_ms", limits.answer_timeout);
        take(json, "body_timeout_ms", limits.body_timeout);
        take(json, "drain_timeout_ms", limits.drain_timeout);
        take(json, "reload_timeout_ms", limits.reload_timeout);
        take(json, "hook_timeout_ms", limits.hook_timeout);
        take(json, "workers_max", limits.workers_max);
        take(json, "worker_queue_max", limits.worker_queue_max);
    }

    void paths(const Json& root) {
        if (auto listed = root.find("plugin_paths"); listed != root.end()) {
            for (const Json& path : *listed)
                config_.plugin_paths.push_back(absolute(path.get<std::string>()));
        }
        readSealKeys(root);
        if (root.contains("state_dir")) config_.state_dir = absolute(root["state_dir"].get<std::string>());
        if (!config_.log.file.empty()) config_.log.file = absolute(config_.log.file).string();
        if (!config_.control_socket.empty()) config_.control_socket = absolute(config_.control_socket).string();
    }

    void readSealKeys(const Json& root) {
        auto listed = root.find("seal_keys");
        if (listed == root.end()) return;
        for (const Json& key : *listed) {
            config_.seal_keys.push_back(key.get<std::string>());
            // Said of the length alone: the value is a secret.
            if (config_.seal_keys.back().size() >= Sealer::kKeyTextMin) continue;
            return fail(concat("/seal_keys/", config_.seal_keys.size() - 1),
                        concat("must be a secret of at least ", Sealer::kKeyTextMin,
                               " bytes, like the output of `openssl rand -base64 33`, written as ${file:...} or "
                               "${env:...}"));
        }
    }

    // Relative paths are the file's, not those of whoever starts the server.
    std::filesystem::path absolute(const std::string& path) const { return (folder_ / path).lexically_normal(); }

    const YamlDocument& document_;
    const std::filesystem::path& folder_;
    Config& config_;
    std::string problem_;
};

}  // namespace

std::vector<PluginEntry> defaultPlugins() {
    std::vector<PluginEntry> plugins;
    for (const char* id : {"pool", "guard", "query", "schema"})
        plugins.emplace_back().id = id;
    return plugins;
}

std::filesystem::path defaultStateDir(const Environment& environment) {
    if (auto state = environment("XDG_STATE_HOME"); state && state->starts_with('/')) {
        return std::filesystem::path(*state) / "howdah";
    }
    auto home = environment("HOME");
    return std::filesystem::path(home && !home->empty() ? *home : "/var/lib") /
           (home && !home->empty() ? ".local/state/howdah" : "howdah");
}

Result<void> readConfig(const YamlDocument& document, const std::filesystem::path& folder,
                        const Environment& environment, Config& config) {
    config.plugins = defaultPlugins();
    config.state_dir = defaultStateDir(environment);
    if (auto read = Reader(document, folder, config).run(); !read) return read;
    const auto& http = config.transports.http;
    const auto is_auth = [](const PluginEntry& entry) { return entry.id == kDefaultAuth; };
    if (http && http->auth == kDefaultAuth && std::ranges::none_of(config.plugins, is_auth))
        config.plugins.emplace_back().id = kDefaultAuth;
    return {};
}

}  // namespace howdah::kernel
