// Server: the parts of the kernel put together, started from a configuration and stopped without losing a request.
//
// Threads: start(), run() and stop() on one thread that is not a shard; reload() any thread that is not a shard.
// Owns:    everything; the order of its members is the order of their lives.
// Errors:  start() fails as a whole with what to do next; a plugin that cannot run does not stop the server.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/config/config.hpp"
#include "kernel/host/control_fiber.hpp"
#include "kernel/host/generation.hpp"
#include "kernel/host/host_services.hpp"
#include "kernel/host/kv_store.hpp"
#include "kernel/host/plugin_manager.hpp"
#include "kernel/protocol/protocol.hpp"
#include "kernel/runtime/runtime.hpp"
#include "kernel/server/plugin_authenticator.hpp"
#include "kernel/transport/client_channels.hpp"
#include "kernel/transport/control.hpp"
#include "kernel/transport/http.hpp"
#include "kernel/transport/stdio.hpp"

namespace howdah::kernel {

inline constexpr std::string_view kVersion = HOWDAH_VERSION;

// Folders in which plugins are looked for: the configured ones, beside the program, where it was installed.
std::vector<std::filesystem::path> pluginPaths(const Config& config);

class Server {
public:
    struct Options {
        std::optional<StdioChannel> stdio;       // the claimed wire; absent: not served
        bool network = true;                     // HTTP as configured
        std::vector<Descriptor> passed_sockets;  // for `listen: systemd`
        bool control = true;                     // control socket as configured
        std::function<void()> on_stdio_end;      // the client is gone and nothing is in flight
        std::function<Result<Config>()> reload;  // reads the configuration again; absent: reload is refused
    };

    static Result<std::unique_ptr<Server>> start(Config config, Options options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Applies the configuration as it is now. What changed, as text for people; on error the old generation serves on.
    Result<std::string> reload();

    // Takes no new work, finishes what is in flight until the deadline, stops plugins and threads. False if something
    // was cut off.
    bool stop(Deadline deadline);

    bool servesHttp() const { return http_ != nullptr; }
    std::uint16_t httpPort() const { return http_ ? http_->port() : 0; }  // of the first TCP address
    // For people: "http://127.0.0.1:8642/mcp", "unix:/run/howdah.sock:/mcp".
    std::vector<std::string> httpAddresses() const;
    std::string controlPath() const { return control_ ? control_->path() : ""; }

    // What every plugin has to report, for `howdah doctor`.
    Json report();
    Json describe();                // version, generation, plugins
    std::string described() const;  // the same as the last change left it, as JSON; any thread, without waiting
    std::uint32_t health() const;   // HOWDAH_HEALTH_*, the worst of what plugins say; any thread
    Json hookOrder();

private:
    explicit Server(Config config);
    Result<void> startTransports(Options& options);
    Result<void> startHttp(std::vector<Descriptor> passed);
    Result<void> loadCertificate();
    Result<std::optional<TlsCertificate::Pair>> readCertificate(const Config& fresh) const;
    void serveCertificate(TlsCertificate::Pair pair);
    Result<void> startControl();
    Result<std::string> command(std::string_view name, std::string_view request);

    const std::filesystem::path file_;  // config_.file, for threads that must not read config_ during a reload
    Config config_;
    const Json started_;  // the configuration at the start, as it may be shown
    std::function<Result<Config>()> read_config_;
    KvStore kv_;
    GenerationStore generations_;
    mutable std::mutex described_mutex_;
    Json described_ = Json::object();
    std::shared_ptr<TlsCertificate> described_certificate_;
    std::unique_ptr<Runtime> runtime_;
    std::unique_ptr<HostServices> services_;
    std::unique_ptr<ControlFiber> control_fiber_;
    std::unique_ptr<PluginManager> plugins_;
    std::unique_ptr<Protocol> protocol_;
    std::unique_ptr<ClientChannels> channels_;  // of transport plugins
    std::unique_ptr<PluginAuthenticator> authenticator_;
    std::unique_ptr<ControlServer> control_;
    std::shared_ptr<TlsCertificate> certificate_;
    std::unique_ptr<HttpServer> http_;
    std::string http_path_;
    std::unique_ptr<StdioServer> stdio_;
    bool stopped_ = false;
    std::atomic<bool> cut_off_ = false;  // stop() cancelled a request
};

}  // namespace howdah::kernel
