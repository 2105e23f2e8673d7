// Instance: one plugin, loaded, configured and started; and the only way its functions are entered.
//
// Threads: lifecycle on the control fiber; enter() on any fiber; the counters any.
// Owns:    the plugin object, its library handle, its registered statements, its tasks.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/abi/health.h>
#include <howdah/abi/hooks.h>
#include <howdah/abi/plugin.h>
#include <howdah/abi/runtime.h>
#include <howdah/result.hpp>

#include "kernel/host/manifest.hpp"
#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/event.hpp"
#include "kernel/runtime/fiber.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/runtime/worker_bridge.hpp"

namespace howdah::kernel {

class Library;        // kernel/host/library.hpp: a mapped shared object
struct HostServices;  // kernel/host/host_services.hpp: what the host tables need of the kernel

enum class InstanceState : std::uint8_t { created, configured, started, draining, stopped };

class Instance : public std::enable_shared_from_this<Instance> {
public:
    using Providers = std::vector<std::pair<std::string, std::shared_ptr<Instance>>>;  // service id -> who offers it
    struct Placement {
        std::string folder;
        bool worker = false;  // run: worker
        std::string key;      // equal keys mean: nothing changed, the instance can stay (library, section, databases)
    };
    Instance(Manifest manifest, std::shared_ptr<Library> library, HostServices& services, Placement placement);
    ~Instance();  // destroy(); stop() must have returned
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    const Manifest& manifest() const { return manifest_; }
    std::string_view id() const { return manifest_.id; }
    HostServices& services() const { return services_; }
    const howdah_host* host() const { return &host_; }
    void* self() const { return plugin_->self; }
    bool onWorker() const { return placement_.worker; }
    const std::string& key() const { return placement_.key; }
    const std::string& folder() const { return placement_.folder; }  // of the plugin's files
    Result<std::string> stateFolder() const;                         // of its own that outlives the process, made 0700
    const howdah_jobs_v1* jobs() const { return jobs_; }
    const howdah_hooks_v1& hooks() const { return hooks_; }  // only what the manifest names
    const Library& library() const { return *library_; }

    // The plugin's interface table, or null.
    template <typename Table>
    const Table* interface(const char* id) const {
        return static_cast<const Table*>(plugin_->get_interface(plugin_->self, id));
    }

    // Runs a function of the plugin where the operator wants it: here, or on a worker while this fiber waits. The fiber
    // carries the plugin's name meanwhile, so that a stall or a crash is put to its account.
    template <typename Function>
    Result<void> enter(Function&& function, Cancellation* cancellation, Deadline deadline) {
        Fiber* fiber = Shard::current()->running();
        const char* outer = fiber->label();
        fiber->setLabel(label());
        Result<void> done;
        if (!placement_.worker) [[likely]] {
            function();
        } else {
            done = enterWorker(FunctionRef(function), cancellation, deadline);
        }
        fiber->setLabel(outer);
        return done;
    }

    const char* label() const { return label_; }

    // --- statements registered in start()
    Result<void> registerStatement(std::string_view sql, std::uint32_t access);
    struct Registered {
        std::uint32_t access;
    };
    const Registered* statement(std::string_view sql) const;
    const std::map<std::string, Registered, std::less<>>& statements() const { return statements_; }

    // --- tasks (howdah_reactor_v1.spawn)
    Result<void> spawnTask(std::uint64_t token);

    // --- faults, for on_failure: quarantine and for `howdah plugin list`
    void countFault() { faults_.fetch_add(1, std::memory_order_relaxed); }
    std::uint64_t faults() const { return faults_.load(std::memory_order_relaxed); }
    bool quarantine() { return !quarantined_.exchange(true); }  // false when it was already
    bool quarantined() const { return quarantined_.load(); }

    // --- howdah.health/1: how the plugin sees the server, HOWDAH_HEALTH_*
    void setHealth(std::uint32_t health) { health_.store(health, std::memory_order_relaxed); }
    std::uint32_t health() const { return health_.load(std::memory_order_relaxed); }

    // --- lifecycle, on the control fiber; each runs on a worker, so it may block
    Result<void> create();
    Result<void> configure(std::string_view section_json);
    Result<void> start(Providers providers);
    void stop(Deadline deadline);  // cancels its tasks, waits for them, then stop()
    InstanceState state() const { return state_; }

    // Who offers a service this plugin requires or could use; null = nobody.
    std::shared_ptr<Instance> provider(std::string_view service) const;
    const Providers& providers() const { return providers_; }

private:
    Result<void> enterWorker(FunctionRef function, Cancellation* cancellation, Deadline deadline);
    template <typename Function>
    Result<void> runLifecycle(std::string_view step, Function&& function);
    void takeHooks();
    void taskEnded(const std::shared_ptr<Cancellation>& task);

    Manifest manifest_;
    std::shared_ptr<Library> library_;
    HostServices& services_;
    const Placement placement_;
    howdah_host host_{};
    const howdah_plugin* plugin_ = nullptr;
    const howdah_jobs_v1* jobs_ = nullptr;
    howdah_hooks_v1 hooks_{};
    const char* label_ = "";  // static text: outlives every sample of the watchdog
    std::atomic<InstanceState> state_{InstanceState::created};

    std::map<std::string, Registered, std::less<>> statements_;
    Providers providers_;

    std::mutex tasks_mutex_;
    std::vector<std::shared_ptr<Cancellation>> tasks_;
    bool tasks_refused_ = false;
    Event tasks_over_;  // set when the last task has ended after tasks_refused_

    std::atomic<std::uint64_t> faults_{0};
    std::atomic<bool> quarantined_{false};
    std::atomic<std::uint32_t> health_{HOWDAH_HEALTH_OK};

    friend class PluginManager;
    std::atomic<unsigned> generations_{0};  // that hold this instance; at 0 it is stopped
    std::uint64_t serial_ = 0;              // larger = started later
};

}  // namespace howdah::kernel
