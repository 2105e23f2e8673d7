// PluginManager: turns a configuration into a running generation, and one generation into the next.
//
// Threads: apply(), list() and stop() on the control fiber; quarantine() any; waitUntilStopped() the main thread.
// Owns:    the instances of the current generation; older ones live until their last request ends.
// Errors:  apply(strict) fails as a whole and leaves the old generation serving. Not strict (at start) a plugin that
//          cannot run is blocked with a reason; if it would have guarded queries, queries are refused meanwhile.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/config/config.hpp"
#include "kernel/host/control_fiber.hpp"
#include "kernel/host/generation.hpp"
#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/host/manifest.hpp"
#include "kernel/host/resolver.hpp"

namespace howdah::kernel {

// One configured plugin and what became of it.
struct PluginStatus {
    PluginEntry entry;
    std::optional<Manifest> manifest;
    std::filesystem::path folder;
    RunMode run = RunMode::shard;
    std::shared_ptr<Instance> instance;  // null when blocked
    std::string blocked;                 // why it does not run
    bool quarantined = false;

    // Whether it is the one that keeps tenants apart.
    bool scopes() const { return manifest && manifest->stage == Stage::scope; }
};

// Why queries and calls are refused, behind the name of the plugin that was to scope them.
inline constexpr std::string_view kScopesNothing = "scopes nothing in mode: audit";
// Why text of clients is refused where the operator does not allow it unguarded.
inline constexpr std::string_view kNobodyGuards = "no plugin of stage guard with mode: enforce judges them";

// Without `strict` a block is said in the status; else it is the end of a check or a reload.
Error blockedError(const PluginStatus& plugin);

class PluginManager {
public:
    PluginManager(HostServices& services, ControlFiber& control, std::vector<std::filesystem::path> search_paths);

    // Makes the folder that every plugin is loaded from: without it none can run, and the server need not start.
    Result<void> prepareState() const;

    // What the new generation changed, as lines for people; empty when nothing did.
    Result<std::vector<std::string>> apply(const Config& config, bool strict);

    const std::vector<PluginStatus>& plugins() const { return plugins_; }
    Json list() const;       // for `howdah plugin list`
    Json hookOrder() const;  // for `howdah plugin order`: stage by stage

    void quarantine(Instance& instance, const std::string& reason);
    // Lets go of the current generation: when its last request has ended, its instances are stopped, the last started
    // first, by a job of the control fiber.
    void stop();
    // After stop(): until the instances of every generation have been stopped. From a thread that is not a shard. False
    // when a request still holds one at the deadline.
    bool waitUntilStopped(Deadline deadline);

    // For `howdah config check`: manifests, sections and every name of a plugin, tool or service, without loading code.
    // The error is the first thing that a start would refuse or block, a warning one that it would serve differently.
    static Result<std::vector<std::string>> check(const Config& config,
                                                  const std::vector<std::filesystem::path>& search_paths);

    // The commands that the configured plugins bring; an error when one's manifest cannot be read, or when two bring
    // the same. Loads no code.
    static Result<std::vector<CommandManifest>> commands(const Config& config,
                                                         const std::vector<std::filesystem::path>& search_paths);

private:
    // Every configured plugin with its manifest. One that cannot run is blocked with the reason; strict, it is the end.
    static Result<std::vector<PluginStatus>> discoverAll(const Config& config,
                                                         const std::vector<std::filesystem::path>& search_paths,
                                                         bool strict);
    static Result<Resolution> resolveAll(const Config& config, const std::vector<PluginStatus>& plugins);
    // The plugins and tools that other parts of the configuration name.
    static Result<void> checkNames(const Config& config, const std::vector<PluginStatus>& plugins,
                                   const std::vector<std::filesystem::path>& search_paths);
    std::filesystem::path imageStore() const;
    Result<void> bringUp(std::vector<PluginStatus>& next, std::size_t index, const Instance::Providers& providers);
    Result<GenerationPin> build(const Config& config, std::vector<PluginStatus>& plugins);
    static Result<void> judgeStatements(Generation& generation);
    void publish(const GenerationPin& next);
    void retire(std::vector<std::shared_ptr<Instance>> instances);
    std::shared_ptr<Instance> reusable(const std::string& id, const std::string& key,
                                       const Instance::Providers& providers) const;

    HostServices& services_;
    ControlFiber& control_;
    const std::vector<std::filesystem::path> search_paths_;
    std::vector<PluginStatus> plugins_;
    std::optional<Config> config_;
    std::uint64_t next_serial_ = 1;
    std::uint64_t next_number_ = 1;
    std::mutex alive_mutex_;
    std::condition_variable none_alive_;
    std::size_t alive_ = 0;  // generations that have not been retired
};

}  // namespace howdah::kernel
