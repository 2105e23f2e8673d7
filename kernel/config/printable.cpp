#include "kernel/config/config.hpp"

namespace howdah::kernel {

namespace {

const char* nameOf(PluginEntry::Run run) {
    switch (run) {
        case PluginEntry::Run::shard: return "shard";
        case PluginEntry::Run::worker: return "worker";
        case PluginEntry::Run::process: return "process";
        case PluginEntry::Run::by_manifest: break;
    }
    return "default";
}

const char* nameOf(PluginEntry::OnFailure on_failure) {
    switch (on_failure) {
        case PluginEntry::OnFailure::deny: return "deny";
        case PluginEntry::OnFailure::ignore: return "ignore";
        case PluginEntry::OnFailure::quarantine: return "quarantine";
        case PluginEntry::OnFailure::by_stage: break;
    }
    return "default";
}

// A text that is read back as itself.
std::string literal(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.compare(i, 2, "${") == 0) out += '$';
        out += text[i];
    }
    return out;
}

class Printer {
public:
    explicit Printer(const Config& config) : config_(config) {}

    Json print() const {
        Json out{{"howdah", 1}};
        out["transports"] = transports();
        for (const DatabaseConfig& database : config_.databases) {
            const std::string pointer = "/databases/" + database.name + "/dsn";
            Json& printed = out["databases"][database.name];
            printed["access"] = database.access == Access::restricted ? "restricted" : "read_write";
            printed["allow_unguarded"] =
                written("/databases/" + database.name + "/allow_unguarded", database.allow_unguarded);
            if (database.source.empty()) {
                printed["dsn"] = dsn(pointer, database.dsn);
            } else {
                printed["source"] = database.source;
            }
        }
        out["plugins"] = Json::array();
        for (const PluginEntry& entry : config_.plugins)
            out["plugins"].push_back(plugin(entry));
        out["tools"] = {{"profile", text("/tools/profile", config_.tools.profile)},
                        {"include", list("/tools/include", config_.tools.include)},
                        {"exclude", list("/tools/exclude", config_.tools.exclude)},
                        {"scopes", Json::object()}};
        for (const auto& [tool, scopes] : config_.tools.scopes)
            out["tools"]["scopes"][tool] = list("/tools/scopes/" + tool, scopes);
        out["services"] = Json::object();
        for (const auto& [id, provider] : config_.services) {
            std::string pointer = "/services";
            appendPointer(pointer, std::string_view(id));
            out["services"][id] = text(pointer, provider);
        }
        out["limits"] = limits();
        out["shards"] = written("/shards", config_.shards);
        out["log"] = {{"level", text("/log/level", config_.log.level)}, {"file", text("/log/file", config_.log.file)}};
        out["control"] = {{"enabled", written("/control/enabled", config_.control)},
                          {"socket", text("/control/socket", config_.control_socket)}};
        out["plugin_paths"] = Json::array();
        for (std::size_t i = 0; i < config_.plugin_paths.size(); ++i) {
            out["plugin_paths"].push_back(text("/plugin_paths/" + std::to_string(i), config_.plugin_paths[i].string()));
        }
        out["seal_keys"] = Json::array();
        for (std::size_t i = 0; i < config_.seal_keys.size(); ++i)
            out["seal_keys"].push_back(written("/seal_keys/" + std::to_string(i), "***"));
        out["state_dir"] = text("/state_dir", config_.state_dir.string());
        return out;
    }

private:
    // The reference that was written where there was one, else the value in force.
    Json written(const std::string& pointer, Json value) const {
        auto reference = config_.secrets.references.find(pointer);
        return reference == config_.secrets.references.end() ? std::move(value) : Json(reference->second);
    }
    // A password can stand beside a reference.
    Json dsn(const std::string& pointer, const std::string& value) const {
        auto reference = config_.secrets.references.find(pointer);
        if (reference == config_.secrets.references.end()) return literal(maskDsn(value));
        const std::string masked = maskWrittenDsn(reference->second, value);
        return masked == reference->second ? masked : literal(masked);
    }
    Json text(const std::string& pointer, const std::string& value) const { return written(pointer, literal(value)); }
    Json list(const std::string& pointer, const std::vector<std::string>& values) const {
        Json out = Json::array();
        for (std::size_t i = 0; i < values.size(); ++i) {
            out.push_back(text(pointer + "/" + std::to_string(i), values[i]));
        }
        return out;
    }
    Json tree(const std::string& pointer, const Json& value, std::string_view of_key = {}) const {
        if (value.is_string()) return text(pointer, maskValue(of_key, value.get_ref<const std::string&>()));
        if (!value.is_structured()) return written(pointer, value);
        Json out = value.is_array() ? Json::array() : Json::object();
        std::size_t index = 0;
        for (const auto& [key, inside] : value.items()) {
            std::string here = pointer;
            if (value.is_array()) {
                appendPointer(here, index++);
                out.push_back(tree(here, inside));
            } else {
                appendPointer(here, std::string_view(key));
                out[key] = tree(here, inside, key);
            }
        }
        return out;
    }

    Json transports() const {
        if (config_.transports.automatic) return "auto";
        Json out = Json::object();
        if (config_.transports.stdio) out["stdio"] = Json::object();
        if (!config_.transports.http) return out;
        const HttpConfig& http = *config_.transports.http;
        const std::string at = "/transports/http";
        out["http"] = {{"listen", listen(at + "/listen", http.listen)},
                       {"unix_uids", tree(at + "/unix_uids", http.unix_uids)},
                       {"behind_proxy", written(at + "/behind_proxy", http.behind_proxy)},
                       {"hosts", list(at + "/hosts", http.hosts)},
                       {"path", text(at + "/path", http.path)},
                       {"auth", text(at + "/auth", http.auth)},
                       {"public_url", text(at + "/public_url", http.public_url)},
                       {"origins", list(at + "/origins", http.origins)},
                       {"websocket", written(at + "/websocket", http.websocket)},
                       {"sessions_max", written(at + "/sessions_max", http.sessions_max)},
                       {"session_idle_s", written(at + "/session_idle_s", http.session_idle.count())},
                       {"verify_every_s", written(at + "/verify_every_s", http.verify_every.count())},
                       {"stream_hold_ms", written(at + "/stream_hold_ms", http.stream_hold.count())}};
        if (http.tls) {
            out["http"]["tls"] = {{"certificate", text(at + "/tls/certificate", http.tls->certificate)},
                                  {"key", text(at + "/tls/key", http.tls->key)}};
        }
        return out;
    }

    Json listen(const std::string& pointer, const std::vector<ListenAddress>& addresses) const {
        if (addresses.size() == 1) return text(pointer, addresses.front().text());
        std::vector<std::string> texts;
        texts.reserve(addresses.size());
        for (const ListenAddress& address : addresses)
            texts.push_back(address.text());
        return list(pointer, texts);
    }

    Json plugin(const PluginEntry& entry) const {
        Json section = tree(entry.pointer, entry.section);
        section["run"] = nameOf(entry.run);
        section["mode"] = entry.mode == PluginEntry::Mode::audit ? "audit" : "enforce";
        section["on_failure"] = nameOf(entry.on_failure);
        if (!entry.library.empty()) section["library"] = text(entry.pointer + "/library", entry.library);
        return Json{{entry.id, std::move(section)}};
    }

    Json limits() const {
        const LimitsConfig& limits = config_.limits;
        Json out{{"message_bytes_max", limits.message_bytes_max},
                 {"json_depth_max", limits.json_depth_max},
                 {"batch_members_max", limits.batch_members_max},
                 {"header_bytes_max", limits.header_bytes_max},
                 {"connections_max", limits.connections_max},
                 {"connections_per_address_max", limits.connections_per_address_max},
                 {"requests_in_flight_max", limits.requests_in_flight_max},
                 {"requests_per_connection_max", limits.requests_per_connection_max},
                 {"requests_per_principal_max", limits.requests_per_principal_max},
                 {"tasks_max", limits.tasks_max},
                 {"tasks_per_principal_max", limits.tasks_per_principal_max},
                 {"subscriptions_max", limits.subscriptions_max},
                 {"request_timeout_ms", limits.request_timeout.count()},
                 {"idle_timeout_ms", limits.idle_timeout.count()},
                 {"answer_timeout_ms", limits.answer_timeout.count()},
                 {"body_timeout_ms", limits.body_timeout.count()},
                 {"drain_timeout_ms", limits.drain_timeout.count()},
                 {"reload_timeout_ms", limits.reload_timeout.count()},
                 {"hook_timeout_ms", limits.hook_timeout.count()},
                 {"workers_max", limits.workers_max},
                 {"worker_queue_max", limits.worker_queue_max}};
        return tree("/limits", out);
    }

    const Config& config_;
};

}  // namespace

Json printable(const Config& config) {
    return Printer(config).print();
}

}  // namespace howdah::kernel
