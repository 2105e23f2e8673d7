#include "kernel/host/plugin_manager.hpp"

#include <algorithm>

#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/base/nearest.hpp"
#include "kernel/host/library.hpp"
#include "kernel/host/resolver.hpp"
#include "kernel/pipeline/query_run.hpp"
#include "kernel/pipeline/request.hpp"

namespace howdah::kernel {
namespace {

constexpr auto kStopLimit = std::chrono::seconds(10);

RunMode runOf(const PluginEntry& entry, const Manifest& manifest) {
    switch (entry.run) {
        case PluginEntry::Run::by_manifest: break;
        case PluginEntry::Run::shard: return RunMode::shard;
        case PluginEntry::Run::worker: return RunMode::worker;
        case PluginEntry::Run::process: return RunMode::process;
    }
    // Somebody else's code comes into this process only when the operator has written so.
    return manifest.community() ? RunMode::process : manifest.run;
}

Result<void> checkRun(const PluginEntry& entry, const Manifest& manifest, RunMode run) {
    if (run == RunMode::process) {
        return Error::refused("plugin \"", entry.id,
                              "\" would run in a process of its own, which this version does not do yet")
            .withHint(manifest.community()
                          ? "if you trust its code inside the server, write run: worker (or shard) for it"
                          : "write run: shard or run: worker for it");
    }
    const auto& allowed = manifest.run_allowed;
    if (std::find(allowed.begin(), allowed.end(), run) == allowed.end()) {
        std::string list;
        for (RunMode mode : allowed)
            list += concat(list.empty() ? "" : ", ", runModeName(mode));
        return Error::invalidArgument("plugin \"", entry.id, "\" cannot run as ", runModeName(run),
                                      "; its manifest allows ", list);
    }
    return {};
}

// Without `strict` it is said in the status; else it is the end of a check or a reload.
Error refusalOf(const PluginStatus& plugin) {
    return Error::refused("plugin \"", plugin.entry.id, "\": ", plugin.blocked);
}

}  // namespace

PluginManager::PluginManager(HostServices& services, ControlFiber& control,
                             std::vector<std::filesystem::path> search_paths)
    : services_(services), control_(control), search_paths_(std::move(search_paths)) {
    services_.quarantine = [this](Instance& instance, std::string reason) { quarantine(instance, reason); };
}

// --- from the configuration to manifests

Result<PluginStatus> PluginManager::discover(const Config& config, const PluginEntry& entry,
                                             const std::vector<std::filesystem::path>& search_paths) {
    PluginStatus plugin;
    plugin.entry = entry;
    std::string stem = entry.id.substr(entry.id.find('/') + 1);
    std::vector<std::filesystem::path> folders;
    if (!entry.library.empty()) {
        folders.emplace_back(entry.library);
    } else {
        for (const auto& path : search_paths)
            folders.push_back(path / stem);
    }
    std::string looked;
    for (const auto& folder : folders) {
        std::error_code ignored;
        if (std::filesystem::exists(folder / "plugin.json", ignored)) {
            plugin.folder = folder;
            break;
        }
        looked += concat(looked.empty() ? "" : ", ", folder.string());
    }
    if (plugin.folder.empty()) {
        return Error::notFound("plugin \"", entry.id, "\" is not installed; looked in ", looked)
            .withHint("check the id, or name its folder with `library:` or `plugin_paths:`");
    }
    auto manifest = Manifest::fromFile(plugin.folder / "plugin.json");
    if (!manifest) return std::move(manifest).error();
    if (manifest->id != entry.id) {
        return Error::invalidArgument((plugin.folder / "plugin.json").string(), " is of plugin \"", manifest->id,
                                      "\", configured is \"", entry.id, "\"");
    }
    // Blocked, not an error: its stage is known, so one that only has tools does not close the database.
    if (plugin.blocked = abiRefusal(manifest->abi_needs, manifest->id); !plugin.blocked.empty()) {
        plugin.manifest = std::move(*manifest);
        return plugin;
    }
    plugin.run = runOf(entry, *manifest);
    if (auto may = checkRun(entry, *manifest, plugin.run); !may) return std::move(may).error();
    if (auto wrong = manifest->config.validate(entry.section)) return config.errorAt(entry.pointer, *wrong);
    plugin.manifest = std::move(*manifest);
    return plugin;
}

Result<void> PluginManager::check(const Config& config, const std::vector<std::filesystem::path>& search_paths) {
    std::vector<ResolveItem> items;
    for (const PluginEntry& entry : config.plugins) {
        auto plugin = discover(config, entry, search_paths);
        if (!plugin) return std::move(plugin).error();
        if (!plugin->blocked.empty()) return refusalOf(*plugin);
        const Manifest& manifest = *plugin->manifest;
        items.push_back({entry.id, manifest.provides, manifest.requires_services, manifest.optional_services});
    }
    auto resolution = resolve(items, config.services, {HOWDAH_KV_1});
    if (!resolution) return std::move(resolution).error();
    for (const auto& [index, reason] : resolution->blocked) {
        return Error::invalidArgument("plugin \"", items[index].id, "\" ", reason);
    }
    return {};
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
    std::vector<PluginStatus> next;
    std::vector<ResolveItem> items;
    for (const PluginEntry& entry : config.plugins) {
        auto plugin = discover(config, entry, search_paths_);
        if (!plugin) {
            if (strict) return std::move(plugin).error();
            PluginStatus blocked;
            blocked.entry = entry;
            blocked.blocked = plugin.error().message;
            if (!plugin.error().hint.empty()) blocked.blocked += concat("; ", plugin.error().hint);
            next.push_back(std::move(blocked));
            items.push_back({entry.id, {}, {}, {}});
            continue;
        }
        if (strict && !plugin->blocked.empty()) return refusalOf(*plugin);
        const Manifest& manifest = *plugin->manifest;
        items.push_back({entry.id, manifest.provides, manifest.requires_services, manifest.optional_services});
        next.push_back(std::move(*plugin));
    }
    auto resolution = resolve(items, config.services, {HOWDAH_KV_1});
    if (!resolution) return std::move(resolution).error();
    for (const auto& [index, reason] : resolution->blocked) {
        if (next[index].blocked.empty()) next[index].blocked = reason;
    }

    std::vector<std::shared_ptr<Instance>> fresh;
    auto giveUp = [&](Error error) {
        for (auto it = fresh.rbegin(); it != fresh.rend(); ++it)
            (*it)->stop(Deadline::in(kStopLimit));
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
            if (strict) return giveUp(refusalOf(plugin));
            continue;
        }
        if (plugin.instance->generations_.load() == 0) fresh.push_back(plugin.instance);
    }
    if (strict) {
        for (const PluginStatus& plugin : next) {
            if (!plugin.blocked.empty()) return giveUp(refusalOf(plugin));
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
    plugins_ = std::move(next);
    config_ = config;
    publish(std::move(*generation));
    return changes;
}

// --- the end of a generation and of an instance

void PluginManager::publish(GenerationPin next) {
    std::weak_ptr<const Generation> replaced = services_.generations.pin();
    services_.generations.publish(std::move(next));
    // Its requests may end in peace for a while; what is left then is told to stop. One that cannot hear it keeps the
    // generation, and so its plugins stay mapped and are never stopped.
    control_.postAt(Deadline::in(config_->limits.reload_timeout), [this, replaced] {
        GenerationPin late = replaced.lock();
        if (!late) return;
        logWarn("reload", "generation ", late->number, " still serves requests; they are cancelled");
        for (unsigned i = 0; i < services_.runtime.shardCount(); ++i)
            services_.runtime.shard(i).post([generation = late.get()] { Request::cancelAllOn(generation); });
    });
}

void PluginManager::retire(std::vector<std::shared_ptr<Instance>> instances) {
    for (auto it = instances.rbegin(); it != instances.rend(); ++it) {
        if ((*it)->generations_.fetch_sub(1) != 1) continue;
        (*it)->stop(Deadline::in(kStopLimit));
        logInfo((*it)->id(), "stopped");
    }
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
        publish(std::move(*generation));
    });
}

void PluginManager::stop() {
    plugins_.clear();
    services_.generations.clear();  // nobody pins it any more: this posts retire()
}

}  // namespace howdah::kernel
