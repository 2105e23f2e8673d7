// From running instances to the snapshot requests see: hook chains, tools, services, statements.
#include <algorithm>

#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/host/library.hpp"
#include "kernel/host/offerings.hpp"
#include "kernel/host/plugin_manager.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {
namespace {

OnFailure onFailureOf(const PluginEntry& entry, Stage stage) {
    switch (entry.on_failure) {
        case PluginEntry::OnFailure::by_stage: break;
        case PluginEntry::OnFailure::deny: return OnFailure::deny;
        case PluginEntry::OnFailure::ignore: return OnFailure::ignore;
        case PluginEntry::OnFailure::quarantine: return OnFailure::quarantine;
    }
    return stage == Stage::observe || stage == Stage::recall ? OnFailure::ignore : OnFailure::deny;
}

void addHooks(const PluginStatus& plugin, Generation& generation) {
    Instance& instance = *plugin.instance;
    const Manifest& manifest = instance.manifest();
    if (!manifest.stage) return;
    HookSlot slot;
    slot.self = instance.self();
    slot.table = &instance.hooks();
    slot.instance = &instance;
    slot.stage = *manifest.stage;
    slot.mode = plugin.entry.mode == PluginEntry::Mode::audit ? Mode::audit : Mode::enforce;
    slot.on_failure = onFailureOf(plugin.entry, slot.stage);
    slot.worker = instance.onWorker();
    slot.transforms_rows = manifest.rows == RowsUse::transform;
    if (slot.table->before_query || slot.table->after_query || slot.table->on_error)
        generation.before_query.push_back(slot);
    if (slot.table->before_call || slot.table->after_call) generation.around_call.push_back(slot);
    if (slot.table->on_connect) generation.on_connect.push_back(slot);
}

// What the plugin offers under that id; empty when its manifest does not say so.
template <typename Table>
Service<Table> offered(const char* id, const PluginStatus& plugin) {
    const auto& provides = plugin.instance->manifest().provides;
    if (std::find(provides.begin(), provides.end(), id) == provides.end()) return {};
    return {plugin.instance->self(), plugin.instance->interface<Table>(id), plugin.instance.get()};
}

template <typename Table>
void offer(Service<Table>& service, const char* id, const PluginStatus& plugin, const Config& config) {
    if (auto chosen = config.services.find(id); chosen != config.services.end() && chosen->second != plugin.entry.id)
        return;
    if (auto found = offered<Table>(id, plugin)) service = found;
}

// Text of clients reaches no database that nobody guards, unless the operator has written so. Judged by what is in
// force, so that a guard that is absent, in audit, in quarantine or dropped by a reload comes to the same.
void closeUnguarded(const Config& config, Generation& generation) {
    const auto& hooks = generation.before_query;
    generation.guarded = std::any_of(hooks.begin(), hooks.end(), [](const HookSlot& slot) {
        return slot.stage == Stage::guard && slot.mode == Mode::enforce && slot.table->before_query;
    });
    if (generation.guarded) return;
    for (std::size_t i = 0; i < config.databases.size(); ++i) {
        if (!config.databases[i].allow_unguarded) generation.databases[i].closed = kNobodyGuards;
    }
}

// Why queries must be refused: this one was to judge or scope them, and does not. "" where it does, or may be missed.
std::string missingFor(const PluginStatus& plugin) {
    const bool may_miss = plugin.entry.on_failure == PluginEntry::OnFailure::ignore;
    if (!plugin.blocked.empty()) {
        const bool only_tools =
            plugin.manifest && (!plugin.manifest->stage || *plugin.manifest->stage == Stage::observe ||
                                *plugin.manifest->stage == Stage::recall);
        if (may_miss || only_tools) return {};
        return concat("plugin \"", plugin.entry.id, "\" is configured and does not run: ", plugin.blocked);
    }
    // A guard that judges nothing closes text of clients only: closeUnguarded.
    if (!plugin.scopes()) return {};
    if (plugin.quarantined)
        return concat("plugin \"", plugin.entry.id, "\" has failed and is in quarantine until it is configured anew");
    if (plugin.entry.mode == PluginEntry::Mode::audit && !may_miss)
        return concat("plugin \"", plugin.entry.id, "\" ", kScopesNothing);
    return {};
}

void closeUnscoped(const std::vector<PluginStatus>& plugins, Generation& generation) {
    for (const PluginStatus& plugin : plugins) {
        const std::string missing = missingFor(plugin);
        if (generation.closed.empty()) generation.closed = missing;
        if (generation.unscoped.empty() && plugin.scopes()) generation.unscoped = missing;
    }
}

}  // namespace

// Texts the plugins registered are judged once, by the statement service, against what their manifests permit.
Result<void> PluginManager::judgeStatements(Generation& generation) {
    if (!generation.statement) return {};
    for (const auto& instance : generation.instances) {
        for (const auto& [sql, registered] : instance->statements()) {
            Request request;
            request.transport = "control";
            howdah_ctx ctx(generation.statement.instance, request);
            const howdah_facts* facts = nullptr;
            howdah_status status = HOWDAH_OK;
            auto judge = [&] {
                status = generation.statement.table->facts(generation.statement.self, &ctx, toAbi(sql),
                                                           registered.access, &facts);
            };
            auto entered = generation.statement.instance->enter(judge, nullptr, Deadline::in(std::chrono::seconds(30)));
            if (!entered) return entered;
            if (status < 0) {
                return Error::refused("plugin \"", instance->id(), "\": its statement \"",
                                      std::string_view{sql}.substr(0, 80), "...\" is refused: ", ctx.error.message);
            }
            generation.facts.emplace(&registered, std::make_shared<const Facts>(*facts));
        }
    }
    return {};
}

Result<GenerationPin> PluginManager::build(const Config& config, std::vector<PluginStatus>& plugins) {
    auto generation = std::make_unique<Generation>();
    generation->number = next_number_++;
    for (const DatabaseConfig& database : config.databases) {
        generation->databases.push_back({database.name, database.access == Access::read_write});
    }
    for (PluginStatus& plugin : plugins)
        plugin.quarantined = plugin.instance && plugin.instance->quarantined();
    closeUnscoped(plugins, *generation);
    for (const PluginStatus& plugin : plugins) {
        if (!plugin.instance) continue;
        generation->instances.push_back(plugin.instance);
        if (!plugin.quarantined) addHooks(plugin, *generation);
        offer(generation->sql, HOWDAH_SQL_1, plugin, config);
        offer(generation->statement, HOWDAH_STATEMENT_1, plugin, config);
        offer(generation->kv, HOWDAH_KV_1, plugin, config);
        if (auto auth = offered<howdah_auth_v1>(HOWDAH_AUTH_1, plugin)) generation->auth.push_back(auth);
        if (auto added = addOfferings(config, *plugin.instance, *generation); !added) return std::move(added).error();
    }

    auto by_stage = [](const HookSlot& a, const HookSlot& b) { return a.stage < b.stage; };
    for (auto* chain : {&generation->before_query, &generation->around_call, &generation->on_connect}) {
        std::stable_sort(chain->begin(), chain->end(), by_stage);
        if (chain->size() > QueryRun::kHooksMax) {
            return Error::invalidArgument("more than ", QueryRun::kHooksMax, " plugins have the same hook");
        }
    }
    listOfferings(*generation);
    closeUnguarded(config, *generation);
    if (auto judged = judgeStatements(*generation); !judged) return std::move(judged).error();

    std::sort(generation->instances.begin(), generation->instances.end(),
              [](const auto& a, const auto& b) { return a->serial_ < b->serial_; });
    for (const auto& instance : generation->instances)
        instance->generations_.fetch_add(1);
    {
        std::lock_guard lock(alive_mutex_);
        ++alive_;
    }
    // The last request that pins a generation lets go of it on some shard; its instances are stopped on the control
    // fiber, where waiting is allowed.
    return GenerationPin(generation.release(), [this](const Generation* ended) {
        std::unique_ptr<const Generation> owner(ended);
        control_.post([this, instances = ended->instances] { retire(instances); });
    });
}

Json PluginManager::list() const {
    Json out = Json::array();
    for (const PluginStatus& plugin : plugins_) {
        Json line{{"id", plugin.entry.id}, {"run", runModeName(plugin.run)}};
        line["state"] = !plugin.blocked.empty() ? "blocked" : plugin.quarantined ? "quarantined" : "running";
        if (!plugin.blocked.empty()) line["reason"] = plugin.blocked;
        if (plugin.manifest) {
            line["version"] = plugin.manifest->version;
            line["summary"] = plugin.manifest->summary;
            line["provides"] = plugin.manifest->provides;
            if (plugin.manifest->stage) line["stage"] = stageName(*plugin.manifest->stage);
            Json tools = Json::array();
            for (const ToolManifest& tool : plugin.manifest->tools)
                tools.push_back(tool.name);
            line["tools"] = std::move(tools);
        }
        if (plugin.instance) {
            line["faults"] = plugin.instance->faults();
            line["sha256"] = plugin.instance->library().sha256();
        }
        out.push_back(std::move(line));
    }
    return out;
}

Json PluginManager::hookOrder() const {
    Json out = Json::array();
    GenerationPin pin = services_.generations.pin();
    if (!pin) return out;
    for (const HookSlot& slot : pin->before_query) {
        out.push_back({{"stage", stageName(slot.stage)},
                       {"plugin", slot.instance->id()},
                       {"mode", slot.mode == Mode::audit ? "audit" : "enforce"},
                       {"on_failure", slot.on_failure == OnFailure::deny     ? "deny"
                                      : slot.on_failure == OnFailure::ignore ? "ignore"
                                                                             : "quarantine"}});
    }
    return out;
}

}  // namespace howdah::kernel
