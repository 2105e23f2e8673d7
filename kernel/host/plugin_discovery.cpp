// From the configuration to manifests: what can be known of it without loading a plugin's code.
#include <algorithm>

#include <howdah/abi/auth.h>
#include <howdah/abi/sql.h>

#include "kernel/base/nearest.hpp"
#include "kernel/host/plugin_manager.hpp"

namespace howdah::kernel {
namespace {

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

Error processRefusal(const PluginStatus& plugin) {
    return Error::refused("plugin \"", plugin.entry.id,
                          "\" would run in a process of its own, which this version does not do yet")
        .withHint(plugin.manifest->community()
                      ? "if you trust its code inside the server, write run: worker (or shard) for it"
                      : "write run: shard or run: worker for it");
}

Result<void> checkRun(const PluginEntry& entry, const Manifest& manifest, RunMode run) {
    const auto& allowed = manifest.run_allowed;
    if (std::find(allowed.begin(), allowed.end(), run) != allowed.end()) return {};
    std::string list;
    for (RunMode mode : allowed)
        list += concat(list.empty() ? "" : ", ", runModeName(mode));
    return Error::invalidArgument("plugin \"", entry.id, "\" cannot run as ", runModeName(run),
                                  "; its manifest allows ", list);
}

Result<std::filesystem::path> folderOf(const PluginEntry& entry,
                                       const std::vector<std::filesystem::path>& search_paths) {
    const std::string stem = entry.id.substr(entry.id.find('/') + 1);
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
        if (std::filesystem::exists(folder / "plugin.json", ignored)) return folder;
        looked += concat(looked.empty() ? "" : ", ", folder.string());
    }
    return Error::notFound("plugin \"", entry.id, "\" is not installed; looked in ", looked)
        .withHint("check the id, or name its folder with `library:` or `plugin_paths:`");
}

// Of one that asks for a process of its own no more is looked at: it is refused by whoever asked.
Result<PluginStatus> discover(const Config& config, const PluginEntry& entry,
                              const std::vector<std::filesystem::path>& search_paths) {
    PluginStatus plugin;
    plugin.entry = entry;
    auto folder = folderOf(entry, search_paths);
    if (!folder) return std::move(folder).error();
    plugin.folder = std::move(*folder);
    auto manifest = Manifest::fromFile(plugin.folder / "plugin.json");
    if (!manifest) return std::move(manifest).error();
    if (manifest->id != entry.id) {
        return Error::invalidArgument((plugin.folder / "plugin.json").string(), " is of plugin \"", manifest->id,
                                      "\", configured is \"", entry.id, "\"");
    }
    plugin.manifest = std::move(*manifest);
    // Blocked, not an error: its stage is known, so one that only has tools does not close the database.
    plugin.blocked = abiRefusal(plugin.manifest->abi_needs, entry.id);
    if (!plugin.blocked.empty()) return plugin;
    plugin.run = runOf(entry, *plugin.manifest);
    if (plugin.run == RunMode::process) return plugin;
    if (auto may = checkRun(entry, *plugin.manifest, plugin.run); !may) return std::move(may).error();
    if (auto wrong = plugin.manifest->config.validate(entry.section)) return config.errorAt(entry.pointer, *wrong);
    return plugin;
}

PluginStatus blockedBy(const PluginEntry& entry, const Error& error) {
    PluginStatus plugin;
    plugin.entry = entry;
    plugin.blocked = error.hint.empty() ? error.message : concat(error.message, "; ", error.hint);
    return plugin;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

// "; plugin "x" has it and is not listed under plugins:" when one that is installed has a tool of that name.
std::string whoElseHas(const std::string& tool, const std::vector<std::filesystem::path>& search_paths) {
    for (const auto& path : search_paths) {
        std::error_code ignored;
        for (const auto& folder : std::filesystem::directory_iterator(path, ignored)) {
            auto manifest = Manifest::fromFile(folder.path() / "plugin.json");
            if (!manifest) continue;
            const auto& tools = manifest->tools;
            if (std::none_of(tools.begin(), tools.end(), [&](const auto& one) { return one.name == tool; })) continue;
            return concat("; plugin \"", manifest->id, "\" has it and is not listed under plugins:");
        }
    }
    return {};
}

// A mistyped name in tools: would silently list or hide the wrong thing.
Result<void> checkTools(const Config& config, const char* key, const std::vector<std::string>& names,
                        const std::vector<std::string_view>& known,
                        const std::vector<std::filesystem::path>& search_paths) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (std::find(known.begin(), known.end(), names[i]) != known.end()) continue;
        std::string instead = whoElseHas(names[i], search_paths);
        if (instead.empty()) instead = didYouMean(names[i], known);
        return Error::invalidArgument(config.describe(concat("/tools/", key, "/", i),
                                                      concat("no plugin has a tool \"", names[i], "\"", instead)));
    }
    return {};
}

Result<void> checkToolScopes(const Config& config, const std::vector<std::string_view>& known) {
    for (const auto& [tool, scopes] : config.tools.scopes) {
        if (std::find(known.begin(), known.end(), tool) != known.end()) continue;
        return Error::invalidArgument(config.describe(
            "/tools/scopes/" + tool, concat("no plugin has a tool \"", tool, "\"", didYouMean(tool, known))));
    }
    return {};
}

Result<void> checkProfile(const Config& config, const std::vector<PluginStatus>& plugins) {
    std::vector<std::string_view> known{"core", "all"};
    for (const PluginStatus& plugin : plugins) {
        for (const ToolManifest& tool : plugin.manifest->tools)
            known.insert(known.end(), tool.profiles.begin(), tool.profiles.end());
    }
    const std::string& profile = config.tools.profile;
    if (std::find(known.begin(), known.end(), profile) != known.end()) return {};
    return Error::invalidArgument(config.describe(
        "/tools/profile", concat("no tool has the profile \"", profile, "\"", didYouMean(profile, known))));
}

// That the plugin named at `pointer` is listed and offers the service it is named for.
Result<void> checkProvider(const Config& config, const std::vector<PluginStatus>& plugins, const std::string& pointer,
                           const std::string& id, std::string_view service) {
    std::vector<std::string_view> ids;
    for (const PluginStatus& plugin : plugins) {
        ids.push_back(plugin.entry.id);
        if (plugin.entry.id != id) continue;
        if (!plugin.manifest || contains(plugin.manifest->provides, service)) return {};
        return Error::invalidArgument(
            config.describe(pointer, concat("plugin \"", id, "\" does not offer ", service, ", name one that does")));
    }
    return Error::invalidArgument(
        config.describe(pointer, concat("plugin \"", id, "\" is not listed under plugins:", didYouMean(id, ids))));
}

bool isGuard(const PluginStatus& plugin) {
    return plugin.manifest && plugin.manifest->stage == Stage::guard && plugin.manifest->hasEvent("beforeQuery") &&
           plugin.entry.mode == PluginEntry::Mode::enforce;
}

std::vector<std::string> unguarded(const Config& config, const std::vector<PluginStatus>& plugins) {
    std::vector<std::string> warnings;
    if (std::any_of(plugins.begin(), plugins.end(), isGuard)) return warnings;
    for (const DatabaseConfig& database : config.databases) {
        const std::string_view what =
            database.allow_unguarded
                ? "queries of clients pass unjudged: allow_unguarded is true and no plugin of stage guard enforces"
                : "queries of clients will be refused: no plugin of stage guard with mode: enforce judges them; list "
                  "one under plugins:, or write allow_unguarded: true to let them through unjudged";
        warnings.push_back(config.describe("/databases/" + database.name, what));
    }
    return warnings;
}

std::vector<std::string> unscoped(const Config& config, const std::vector<PluginStatus>& plugins) {
    std::vector<std::string> warnings;
    for (const PluginStatus& plugin : plugins) {
        if (!plugin.scopes() || plugin.entry.mode != PluginEntry::Mode::audit) continue;
        const std::string_view comes_of_it =
            plugin.entry.on_failure == PluginEntry::OnFailure::ignore
                ? ", and on_failure: ignore lets queries and calls through: nobody keeps tenants apart"
                : ", so queries and calls will be refused: take mode: enforce, or write on_failure: ignore to let them "
                  "through unscoped";
        warnings.push_back(config.describe(plugin.entry.pointer, concat("it ", kScopesNothing, comes_of_it)));
    }
    return warnings;
}

Result<void> addCommands(std::vector<CommandManifest>& all, const Manifest& manifest) {
    for (const CommandManifest& command : manifest.commands) {
        const auto same = [&](const CommandManifest& other) { return other.name == command.name; };
        if (const auto other = std::find_if(all.begin(), all.end(), same); other != all.end())
            return Error::refused("plugins \"", other->plugin, "\" and \"", command.plugin,
                                  "\" both bring the command \"", command.name, "\"")
                .withHint("leave one of them out of plugins:");
        all.push_back(command);
    }
    return {};
}

}  // namespace

Error blockedError(const PluginStatus& plugin) {
    return Error::refused("plugin \"", plugin.entry.id, "\": ", plugin.blocked);
}

Result<std::vector<PluginStatus>> PluginManager::discoverAll(const Config& config,
                                                             const std::vector<std::filesystem::path>& search_paths,
                                                             bool strict) {
    std::vector<PluginStatus> plugins;
    for (const PluginEntry& entry : config.plugins) {
        auto plugin = discover(config, entry, search_paths);
        if (!plugin && strict) return std::move(plugin).error();
        if (!plugin) {
            plugins.push_back(blockedBy(entry, plugin.error()));
            continue;
        }
        // At a start, too: a plugin that was to be kept out of this process is no reason to serve without it.
        if (plugin->run == RunMode::process) return processRefusal(*plugin);
        if (strict && !plugin->blocked.empty()) return blockedError(*plugin);
        plugins.push_back(std::move(*plugin));
    }
    return plugins;
}

Result<Resolution> PluginManager::resolveAll(const Config& config, const std::vector<PluginStatus>& plugins) {
    std::vector<ResolveItem> items;
    for (const PluginStatus& plugin : plugins) {
        ResolveItem& item = items.emplace_back();
        item.id = plugin.entry.id;
        item.known = plugin.manifest.has_value();
        if (!item.known) continue;
        item.provides = plugin.manifest->provides;
        item.requires_services = plugin.manifest->requires_services;
        item.optional_services = plugin.manifest->optional_services;
    }
    return resolve(items, config.services, {HOWDAH_KV_1});
}

Result<void> PluginManager::checkNames(const Config& config, const std::vector<PluginStatus>& plugins,
                                       const std::vector<std::filesystem::path>& search_paths) {
    std::vector<std::string_view> tools;
    bool all_known = true;
    for (const PluginStatus& plugin : plugins) {
        all_known = all_known && plugin.manifest;
        if (!plugin.manifest) continue;
        for (const ToolManifest& tool : plugin.manifest->tools)
            tools.push_back(tool.name);
    }
    // A manifest that cannot be read may have had the tool.
    if (all_known) {
        if (auto sound = checkTools(config, "include", config.tools.include, tools, search_paths); !sound) return sound;
        if (auto sound = checkTools(config, "exclude", config.tools.exclude, tools, search_paths); !sound) return sound;
        if (auto sound = checkProfile(config, plugins); !sound) return sound;
        if (auto sound = checkToolScopes(config, tools); !sound) return sound;
    }
    for (const DatabaseConfig& database : config.databases) {
        if (database.source.empty()) continue;
        const std::string pointer = concat("/databases/", database.name, "/source");
        if (auto sound = checkProvider(config, plugins, pointer, database.source, HOWDAH_SOURCE_1); !sound)
            return sound;
    }
    const auto& http = config.transports.http;
    if (!http || http->auth == "none") return {};
    auto sound = checkProvider(config, plugins, "/transports/http/auth", http->auth, HOWDAH_AUTH_1);
    if (sound) return sound;
    return std::move(sound).error().withHint(
        "add that plugin to plugins:, or write auth: none for a server only this machine reaches");
}

Result<std::vector<CommandManifest>> PluginManager::commands(const Config& config,
                                                             const std::vector<std::filesystem::path>& search_paths) {
    std::vector<CommandManifest> found;
    for (const PluginEntry& entry : config.plugins) {
        auto plugin = discover(config, entry, search_paths);
        if (!plugin) return std::move(plugin).error();
        if (auto sound = addCommands(found, *plugin->manifest); !sound) return std::move(sound).error();
    }
    return found;
}

Result<std::vector<std::string>> PluginManager::check(const Config& config,
                                                      const std::vector<std::filesystem::path>& search_paths) {
    auto plugins = discoverAll(config, search_paths, true);
    if (!plugins) return std::move(plugins).error();
    auto resolution = resolveAll(config, *plugins);
    if (!resolution) return std::move(resolution).error();
    for (const auto& [index, reason] : resolution->blocked) {
        return Error::invalidArgument("plugin \"", (*plugins)[index].entry.id, "\" ", reason);
    }
    if (auto sound = checkNames(config, *plugins, search_paths); !sound) return std::move(sound).error();
    std::vector<CommandManifest> commands;
    for (const PluginStatus& plugin : *plugins)
        if (auto sound = addCommands(commands, *plugin.manifest); !sound) return std::move(sound).error();
    std::vector<std::string> warnings = unguarded(config, *plugins);
    std::ranges::move(unscoped(config, *plugins), std::back_inserter(warnings));
    return warnings;
}

}  // namespace howdah::kernel
