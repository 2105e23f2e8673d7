#include "kernel/server/server.hpp"

#include <algorithm>

#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/server/control_name.hpp"
#include "kernel/server/settings.hpp"

namespace howdah::kernel {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kReportLimit{10'000};  // for one plugin to report
constexpr std::chrono::milliseconds kTasksLimit{2'000};    // for cancelled tasks to end
constexpr std::chrono::milliseconds kPluginsLimit{5'000};  // for the last requests to end and plugins to stop

const char* accessName(Access access) {
    return access == Access::read_write ? "read_write" : "restricted";
}

Json databasesJson(const Config& config, bool with_credentials) {
    Json out = Json::array();
    for (const DatabaseConfig& database : config.databases) {
        Json line{{"name", database.name}, {"access", accessName(database.access)}, {"origin", database.origin}};
        if (!database.source.empty()) line["source"] = database.source;
        if (with_credentials && database.source.empty()) line["dsn"] = database.dsn;
        out.push_back(std::move(line));
    }
    return out;
}

// The databases that are served, and what is refused on them.
Json databaseStates(const Config& config, const Generation& generation) {
    Json out = Json::array();
    for (const DatabaseConfig& database : config.databases) {
        Json& line = out.emplace_back(Json{{"name", database.name}, {"access", accessName(database.access)}});
        line["origin"] = database.origin;
        if (database.allow_unguarded && !generation.guarded) line["unguarded"] = true;
        for (const DatabaseInfo& info : generation.databases) {
            if (info.name == database.name && !info.closed.empty()) line["closed"] = info.closed;
        }
    }
    return out;
}

}  // namespace

std::vector<fs::path> pluginPaths(const Config& config) {
    std::vector<fs::path> paths = config.plugin_paths;
    std::error_code failed;
    fs::path program = fs::read_symlink("/proc/self/exe", failed);
    if (!failed) {
        fs::path folder = program.parent_path();
        paths.push_back(folder / "plugins");                                           // the build tree
        paths.push_back(folder.parent_path() / HOWDAH_LIBDIR / "howdah" / "plugins");  // after cmake --install
    }
    return paths;
}

Server::Server(Config config) : file_(config.file), config_(std::move(config)), started_(printable(config_)) {}

Server::~Server() {
    if (!stopped_) stop(Deadline::in(std::chrono::milliseconds(0)));
}

Result<std::unique_ptr<Server>> Server::start(Config config, Options options) {
    std::unique_ptr<Server> server(new Server(std::move(config)));
    Runtime::Config runtime;
    runtime.shards = shardCount(server->config_);
    runtime.workers.threads_max = server->config_.limits.workers_max;
    runtime.workers.queue_max = server->config_.limits.worker_queue_max;
    runtime.watchdog.on_stall = [](const Watchdog::Stall& stall) {
        logWarn("watchdog", "shard ", stall.shard, " has run ", *stall.label ? stall.label : "kernel", " code for ",
                stall.running_for.count(),
                " ms without waiting; a plugin that computes or blocks belongs on run: worker");
    };
    auto started = Runtime::start(std::move(runtime));
    if (!started) return std::move(started).error();
    server->runtime_ = std::move(*started);
    server->read_config_ = std::move(options.reload);

    server->services_ = std::make_unique<HostServices>(server->generations_, *server->runtime_, server->kv_);
    HostServices& services = *server->services_;
    services.hook_budget = server->config_.limits.hook_timeout;
    services.databases_json = databasesJson(server->config_, true).dump();
    services.databases_public_json = databasesJson(server->config_, false).dump();
    services.sealer.useKeys(server->config_.seal_keys);
    services.state_dir = server->config_.state_dir.string();
    server->control_fiber_ = std::make_unique<ControlFiber>(server->runtime_->shard(0));
    server->control_fiber_->start();
    server->plugins_ = std::make_unique<PluginManager>(services, *server->control_fiber_, pluginPaths(server->config_));
    server->protocol_ =
        std::make_unique<Protocol>(server->generations_, services.sealer, protocolOptions(server->config_),
                                   server->config_.seal_keys.empty() ? nullptr : server->runtime_.get());

    // Plugins ask on shards, where the control fiber cannot be waited for: they get what the last change left behind.
    server->generations_.onPublish([raw = server.get()](const Generation*, const Generation& fresh) {
        Json described{{"version", kVersion}, {"generation", fresh.number}, {"plugins", raw->plugins_->list()}};
        const std::lock_guard lock(raw->described_mutex_);
        raw->described_ = std::move(described);
    });
    services.describe = [raw = server.get()] { return raw->described(); };

    services.resource_updated = [protocol = server->protocol_.get()](std::string_view uri) {
        protocol->resourceUpdated(uri);
    };
    services.resource_list_changed = [protocol = server->protocol_.get()] { protocol->resourceListChanged(); };

    if (options.network) {
        server->channels_ =
            std::make_unique<ClientChannels>(*server->runtime_, *server->protocol_, channelsConfig(server->config_));
        services.channels = server->channels_.get();
    }

    if (auto prepared = server->plugins_->prepareState(); !prepared) return std::move(prepared).error();
    Result<void> applied;
    server->control_fiber_->call([&] {
        auto changes = server->plugins_->apply(server->config_, false);
        if (!changes) applied = std::move(changes).error();
    });
    if (!applied) return std::move(applied).error();
    server->protocol_->startSharing();
    if (auto up = server->startTransports(options); !up) return std::move(up).error();
    return server;
}

Result<void> Server::startHttp(std::vector<Descriptor> passed) {
    const HttpConfig& http = *config_.transports.http;
    if (http.auth != "none") {
        if (!authOf(generations_.pin().get(), http.auth)) {
            return Error::refused("transports.http.auth: plugin \"", http.auth,
                                  "\" does not run or does not offer howdah.auth/1")
                .withHint(
                    "`howdah doctor` says why it does not run; auth: none is for a server only this machine reaches");
        }
        authenticator_ = std::make_unique<PluginAuthenticator>(generations_, http.auth);
    }
    HttpServer::Config transport = httpConfig(config_);
    transport.passed = std::move(passed);
    if (auto loaded = loadCertificate(); !loaded) return loaded;
    transport.tls = certificate_;
    transport.settings.health = [this] { return health(); };
    {
        const std::lock_guard lock(described_mutex_);
        described_certificate_ = certificate_;
    }
    auto started = HttpServer::start(*runtime_, std::move(transport), *protocol_, authenticator_.get());
    if (!started) return std::move(started).error();
    http_ = std::move(*started);
    http_path_ = http.path;
    channels_->letIn(authenticator_.get(), http_->resource(), http_->credentials());
    return {};
}

Result<void> Server::startControl() {
    auto path = controlSocketOf(config_);
    if (!path) return std::move(path).error();
    auto answer = [this](std::string_view name, std::string_view request) { return command(name, request); };
    auto started = ControlServer::start(*path, {}, answer);
    if (started) {
        control_ = std::move(*started);
        return {};
    }
    if (started.error().code != Code::unavailable) return std::move(started).error();
    // A client may start several stdio servers of one file; only the first of them is reached by `howdah reload`.
    logWarn("control", "no control socket: ", started.error().message,
            "; commands reach that server, not this one; give this one a configuration file with a control.socket of "
            "its own");
    return {};
}

Result<void> Server::startTransports(Options& options) {
    if (options.network && config_.transports.http) {
        if (auto started = startHttp(std::move(options.passed_sockets)); !started) return started;
    }
    if (options.stdio) {
        // The only client has said its last word: a subscription, which never ends by itself, must not hold up the
        // end. With HTTP the process goes on, and so do other clients' subscriptions.
        auto no_more_input = [this] {
            if (!http_) protocol_->drain();
        };
        auto started =
            StdioServer::start(runtime_->shard(0), std::move(*options.stdio),
                               stdioConfig(config_, no_more_input, std::move(options.on_stdio_end)), *protocol_);
        if (!started) return std::move(started).error();
        stdio_ = std::move(*started);
    }
    // Last: its commands read what the others have set, and a reload changes the configuration they read.
    if (options.control && config_.control) return startControl();
    return {};
}

Result<std::string> Server::command(std::string_view name, std::string_view request) {
    // What asks without naming a file, such as a monitor of somebody's own, means whoever listens here.
    auto asked = parseJson(request);
    if (const Json file = asked ? asked->value("configuration", Json()) : Json(); file.is_string()) {
        auto mine = checkAddressee(canonicalFile(file_), file.get<std::string>());
        if (!mine) return std::move(mine).error();
    }
    if (name == "reload") {
        auto changed = reload();
        if (!changed) return std::move(changed).error();
        return Json{{"text", *changed}}.dump();
    }
    if (name == "plugins") return dumpJson(describe());
    if (name == "order") return dumpJson(hookOrder());
    if (name == "doctor") return dumpJson(report());
    return Error::invalidArgument("unknown command \"", name, "\"; known: reload, plugins, order, doctor");
}

Result<std::string> Server::reload() {
    if (!read_config_)
        return Error::refused("this server was started without a configuration file; there is nothing to read again");
    auto fresh = read_config_();
    if (!fresh) return std::move(fresh).error();
    auto certificate = readCertificate(*fresh);
    if (!certificate) return std::move(certificate).error();
    Result<std::vector<std::string>> changes{Error{}};
    std::uint64_t number = 0;
    std::string kept;
    control_fiber_->call([&] {
        services_->databases_json = databasesJson(*fresh, true).dump();
        services_->databases_public_json = databasesJson(*fresh, false).dump();
        changes = plugins_->apply(*fresh, true);
        if (!changes) {
            services_->databases_json = databasesJson(config_, true).dump();
            services_->databases_public_json = databasesJson(config_, false).dump();
            return;
        }
        number = generations_.pin()->number;
        kept = untilRestart(started_, *fresh);
        config_ = std::move(*fresh);
    });
    if (!changes) {
        Error error = std::move(changes).error();
        error.message += "; the configuration from before serves on";
        logError("reload", error.message);
        return error;
    }
    if (*certificate) serveCertificate(std::move(**certificate));
    // Who was let in by the configuration before may not be by this one.
    if (http_ && http_->credentials()) http_->credentials()->checkAll();
    std::string text = concat("generation ", number, changes->empty() ? ": no plugin changed" : ":");
    for (const std::string& change : *changes)
        text += concat("\n  ", change);
    if (!kept.empty()) text += concat("\n  changed and not in force before a restart: ", kept);
    logInfo("reload", text);
    return text;
}

std::string Server::described() const {
    Json out;
    std::shared_ptr<TlsCertificate> certificate;
    {
        const std::lock_guard lock(described_mutex_);
        out = described_;
        certificate = described_certificate_;
    }
    if (certificate) out["certificate_until_s"] = certificate->until_s();
    return dumpJson(out);
}

std::uint32_t Server::health() const {
    const GenerationPin pin = generations_.pin();
    std::uint32_t worst = pin ? HOWDAH_HEALTH_OK : HOWDAH_HEALTH_NOT_READY;
    if (!pin) return worst;
    for (const auto& instance : pin->instances)
        worst = std::max(worst, instance->health());
    return worst;
}

Json Server::describe() {
    Json out;
    control_fiber_->call([&] {
        GenerationPin pin = generations_.pin();
        out = Json{{"version", kVersion}, {"generation", pin ? pin->number : 0}, {"plugins", plugins_->list()}};
        if (http_) out["http_port"] = http_->port();
        if (certificate_)
            out["tls"] = {{"certificate", certificate_->describe()},
                          {"failed_handshakes", certificate_->failedHandshakes()}};
        if (pin && !pin->closed.empty()) out["closed"] = pin->closed;
        out["databases"] = pin ? databaseStates(config_, *pin) : Json::array();
    });
    return out;
}

Json Server::hookOrder() {
    Json out;
    control_fiber_->call([&] { out = plugins_->hookOrder(); });
    return out;
}

Json Server::report() {
    Json out = describe();
    out["hooks"] = hookOrder();
    control_fiber_->call([&] {
        Json reports = Json::object();
        for (const PluginStatus& plugin : plugins_->plugins()) {
            if (!plugin.instance) continue;
            const auto* table = plugin.instance->interface<howdah_report_v1>(HOWDAH_REPORT_1);
            if (!table) continue;
            Request request;
            request.generation = generations_.pin();
            request.transport = "control";
            request.deadline = Deadline::in(kReportLimit);
            howdah_ctx ctx(plugin.instance.get(), request);
            howdah_str json{};
            howdah_status status = HOWDAH_OK;
            auto ask = [&] { status = table->report(plugin.instance->self(), &ctx, &json); };
            auto entered = plugin.instance->enter(ask, nullptr, request.deadline);
            if (!entered || status < 0) {
                const Error& error = entered ? ctx.error : entered.error();
                reports[plugin.entry.id] = {{"status", "fail"}, {"error", error.message}};
                continue;
            }
            auto parsed = parseJson(fromAbi(json));
            if (!parsed) {
                reports[plugin.entry.id] = {{"status", "fail"},
                                            {"error", "its report is not JSON: " + parsed.error().message}};
            } else if (!parsed->empty()) {
                reports[plugin.entry.id] = std::move(*parsed);
            }
        }
        out["reports"] = std::move(reports);
    });
    return out;
}

bool Server::stop(Deadline deadline) {
    if (stopped_) return true;
    stopped_ = true;
    bool clean = true;
    if (protocol_) protocol_->drain();
    if (http_) http_->drain();
    if (channels_) channels_->beginDrain(nullptr, "the server is shutting down");
    // What has not ended by then is told so; a legacy HTTP call hears nothing of its connection closing.
    // Its answer may then be out before a transport has seen that the time is over.
    if (control_fiber_ && protocol_) {
        control_fiber_->postAt(deadline, [this] {
            if (protocol_->cancelAll(CancelReason::shutdown)) cut_off_ = true;
        });
    }
    if (stdio_) clean = stdio_->stop(deadline) && clean;
    if (http_) clean = http_->stop(deadline) && clean;
    if (channels_ && control_fiber_) {
        bool in_time = true;
        control_fiber_->call([&] { in_time = channels_->drain(nullptr, deadline, CancelReason::shutdown); });
        clean = clean && in_time;
    }
    if (control_) control_->stop();
    if (protocol_) clean = protocol_->stopTasks(Deadline::in(kTasksLimit)) && clean;
    if (protocol_) protocol_->stopSharing();
    // An answer is out before its request has ended, and only then do plugins stop: what they still owe the database,
    // the cancel of a statement above all, is done before the shards end.
    if (plugins_ && control_fiber_->call([&] { plugins_->stop(); })) {
        clean = plugins_->waitUntilStopped(Deadline::in(kPluginsLimit)) && clean;
    }
    if (control_fiber_) control_fiber_->stop();
    clean = clean && !cut_off_;
    stdio_.reset();
    http_.reset();
    control_.reset();
    if (runtime_) clean = runtime_->stop(Deadline::in(std::chrono::seconds(1))).clean() && clean;
    return clean;
}

}  // namespace howdah::kernel
