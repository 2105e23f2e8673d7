#include "kernel/host/plugin_manager.hpp"

#include <algorithm>
#include <ranges>

#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/host/library.hpp"
#include "kernel/pipeline/query_run.hpp"
#include "kernel/pipeline/request.hpp"

namespace howdah::kernel {
namespace {

constexpr auto kStopLimit = std::chrono::seconds(10);

// What the new generation closes, or opens again: all queries, or those of clients to a database.
std::vector<std::string> closings(const Generation* before, const Generation& now) {
    auto closedBefore = [before](const DatabaseInfo& database) {
        if (!before) return std::string();
        for (const DatabaseInfo& other : before->databases) {
            if (other.name == database.name) return other.closed;
        }
        return std::string();
    };
    std::vector<std::string> lines;
    if (now.closed != (before ? before->closed : std::string()))
        lines.push_back(now.closed.empty() ? "queries are let in again" : concat("queries are refused: ", now.closed));
    for (const DatabaseInfo& database : now.databases) {
        if (database.closed == closedBefore(database)) continue;
        lines.push_back(database.closed.empty()
                            ? concat("queries to database \"", database.name, "\" are let in again")
                            : concat("queries to database \"", database.name, "\" are refused: ", database.closed));
    }
    return lines;
}

}  // namespace

PluginManager::PluginManager(HostServices& services, ControlFiber& control,
                             std::vector<std::filesystem::path> search_paths)
    : services_(services), control_(control), search_paths_(std::move(search_paths)) {
    services_.quarantine = [this](Instance& instance, const std::string& reason) { quarantine(instance, reason); };
}

// --- from manifests to instances

// Of the state folder the server was started with: another one is not in force before a restart.
std::filesystem::path PluginManager::imageStore() const {
    return std::filesystem::path(services_.state_dir) / "images";
}

Result<void> PluginManager::prepareState() const {
    auto prepared = Library::prepareStore(imageStore());
    if (prepared) return {};
    return Error::unavailable("state_dir ", services_.state_dir, " cannot be used: ", prepared.error().message)
        .withHint(
            "plugins are copied there before they are loaded; set state_dir: to a folder the server may write to");
}

std::shared_ptr<Instance> PluginManager::reusable(const std::string& id, const std::string& key,
                                                  const Instance::Providers& providers) const {
    for (const PluginStatus& plugin : plugins_) {
        if (plugin.entry.id != id || !plugin.instance || plugin.instance->key() != key) continue;
        if (plugin.instance->providers() == providers) return plugin.instance;
    }
    return nullptr;
}

Result<void> PluginManager::bringUp(std::vector<PluginStatus>& next, std::size_t index,
                                    const Instance::Providers& providers) {
    PluginStatus& plugin = next[index];
    auto library = Library::load(plugin.folder, *plugin.manifest, imageStore());
    if (!library) return std::move(library).error();

    std::string section = dumpJson(plugin.entry.section);
    std::string key = concat(
        (*library)->sha256(), "\n", runModeName(plugin.run), "\n", section, "\n",
        plugin.manifest->permits("databases.credentials") ? services_.databases_json : services_.databases_public_json);
    if (auto same = reusable(plugin.entry.id, key, providers)) {
        plugin.instance = std::move(same);
        return {};
    }
    auto instance = std::make_shared<Instance>(
        *plugin.manifest, std::move(*library), services_,
        Instance::Placement{plugin.folder.string(), plugin.run == RunMode::worker, std::move(key)});
    if (auto done = instance->create(); !done) return done;
    if (auto done = instance->configure(section); !done) return done;
    if (auto done = instance->start(providers); !done) return done;
    instance->serial_ = next_serial_++;
    plugin.instance = std::move(instance);
    return {};
}

Result<std::vector<std::string>> PluginManager::apply(const Config& config, bool strict) {
    auto discovered = discoverAll(config, search_paths_, strict);
    if (!discovered) return std::move(discovered).error();
    std::vector<PluginStatus>& next = *discovered;
    auto resolution = resolveAll(config, next);
    if (!resolution) return std::move(resolution).error();
    if (auto sound = checkNames(config, next, search_paths_); !sound) return std::move(sound).error();
    for (const auto& [index, reason] : resolution->blocked) {
        if (next[index].blocked.empty()) next[index].blocked = reason;
    }

    std::vector<std::shared_ptr<Instance>> fresh;
    auto giveUp = [&](Error error) {
        for (const auto& instance : std::views::reverse(fresh))
            instance->stop(Deadline::in(kStopLimit));
        return error;
    };
    for (std::size_t index : resolution->order) {
        PluginStatus& plugin = next[index];
        if (!plugin.blocked.empty()) continue;
        Instance::Providers providers;
        for (const auto& [service, provider] : resolution->providers[index]) {
            if (next[provider].instance) {
                providers.emplace_back(service, next[provider].instance);
            } else if (const auto& needed = plugin.manifest->requires_services;
                       std::find(needed.begin(), needed.end(), service) != needed.end()) {
                plugin.blocked = concat("needs ", service, " of ", next[provider].entry.id,
                                        ", which does not run: ", next[provider].blocked);
            }
        }
        if (plugin.blocked.empty()) {
            if (auto up = bringUp(next, index, providers); !up) plugin.blocked = up.error().message;
        }
        if (!plugin.blocked.empty()) {
            if (strict) return giveUp(blockedError(plugin));
            continue;
        }
        if (plugin.instance->generations_.load() == 0) fresh.push_back(plugin.instance);
    }
    if (strict) {
        for (const PluginStatus& plugin : next) {
            if (!plugin.blocked.empty()) return giveUp(blockedError(plugin));
        }
    }
    for (const PluginStatus& plugin : next) {
        if (!plugin.blocked.empty()) logError(plugin.entry.id, "does not run: ", plugin.blocked);
    }

    auto generation = build(config, next);
    if (!generation) return giveUp(std::move(generation).error());

    std::vector<std::string> changes;
    for (const PluginStatus& plugin : next) {
        auto old = std::find_if(plugins_.begin(), plugins_.end(),
                                [&](const PluginStatus& other) { return other.entry.id == plugin.entry.id; });
        if (old == plugins_.end()) {
            changes.push_back(concat("+ ", plugin.entry.id));
        } else if (old->instance != plugin.instance || old->entry.mode != plugin.entry.mode ||
                   old->entry.on_failure != plugin.entry.on_failure) {
            changes.push_back(concat("~ ", plugin.entry.id));
        }
    }
    for (const PluginStatus& old : plugins_) {
        bool kept = std::any_of(next.begin(), next.end(),
                                [&](const PluginStatus& plugin) { return plugin.entry.id == old.entry.id; });
        if (!kept) changes.push_back(concat("- ", old.entry.id));
    }
    for (std::string& line : closings(services_.generations.pin().get(), **generation))
        changes.push_back(concat("! ", line));
    plugins_ = std::move(next);
    config_ = config;
    publish(*generation);
    return changes;
}

// --- the end of a generation and of an instance

void PluginManager::publish(const GenerationPin& next) {
    std::weak_ptr<const Generation> replaced = services_.generations.pin();
    for (const std::string& line : closings(replaced.lock().get(), *next))
        logWarn("host", line);
    services_.generations.publish(next);
    // Its requests may end in peace for a while; what is left then is told to stop. One that cannot hear it keeps the
    // generation, and so its plugins stay mapped and are never stopped.
    control_.postAt(Deadline::in(config_->limits.reload_timeout), [this, replaced] {
        GenerationPin late = replaced.lock();
        if (!late) return;
        logWarn("reload", "generation ", late->number, " still serves requests; they are cancelled");
        // Pointers to compare, no pins: those would keep the generation beyond its last request.
        auto kept = std::make_shared<std::vector<const Instance*>>();
        if (const GenerationPin current = services_.generations.pin()) {
            for (const auto& instance : current->instances)
                kept->push_back(instance.get());
        }
        for (unsigned i = 0; i < services_.runtime.shardCount(); ++i) {
            services_.runtime.shard(i).post(
                [generation = late.get(), kept] { Request::cancelAllOn(generation, *kept); });
        }
    });
}

void PluginManager::retire(std::vector<std::shared_ptr<Instance>> instances) {
    for (const auto& instance : std::views::reverse(instances)) {
        if (instance->generations_.fetch_sub(1) != 1) continue;
        instance->stop(Deadline::in(kStopLimit));
        logInfo(instance->id(), "stopped");
    }
    std::lock_guard lock(alive_mutex_);
    if (--alive_ == 0) none_alive_.notify_all();
}

void PluginManager::quarantine(Instance& instance, const std::string& reason) {
    if (!instance.quarantine()) return;
    control_.post([this, kept = instance.shared_from_this(), reason] {
        std::string_view id = kept->id();
        bool current = std::any_of(plugins_.begin(), plugins_.end(),
                                   [&](const PluginStatus& plugin) { return plugin.instance == kept; });
        if (!config_ || !current) return;
        logError(id, "quarantined: ", reason);
        auto generation = build(*config_, plugins_);
        if (!generation) {
            logError(id, "the generation without it could not be built: ", generation.error().message);
            return;
        }
        publish(*generation);
    });
}

void PluginManager::stop() {
    plugins_.clear();
    services_.generations.clear();
}

bool PluginManager::waitUntilStopped(Deadline deadline) {
    std::unique_lock lock(alive_mutex_);
    return none_alive_.wait_until(lock, deadline.at(), [this] { return alive_ == 0; });
}

}  // namespace howdah::kernel
