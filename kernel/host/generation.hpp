// A generation: everything the running plugins offer, as one immutable snapshot. A request pins it once; enable,
// disable, reload and reconfigure publish a new one beside it and drain the old.
//
// Threads: a published Generation is read by every thread; GenerationStore::publish() is called by the control thread.
// Owns:    its plugin instances (shared with later generations that kept them).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <howdah/abi/auth.h>
#include <howdah/abi/call.h>
#include <howdah/abi/hooks.h>
#include <howdah/abi/sql.h>
#include <howdah/abi/statement.h>

#include "kernel/base/uri_template.hpp"
#include "kernel/host/mirrored.hpp"
#include "kernel/pipeline/facts.hpp"
#include "kernel/schema/schema.hpp"

namespace howdah::kernel {

// An argument of a prompt; its value is text.
struct PromptArgument {
    std::string name;
    bool required = false;
};

class Instance;  // kernel/host/instance.hpp: one loaded, configured, started plugin

enum class Stage : std::uint8_t { observe, admit, scope, rewrite, guard, recall };
constexpr std::string_view stageName(Stage stage) {
    constexpr std::string_view kNames[] = {"observe", "admit", "scope", "rewrite", "guard", "recall"};
    return kNames[static_cast<std::size_t>(stage)];
}

enum class Mode : std::uint8_t { enforce, audit };
enum class OnFailure : std::uint8_t { deny, ignore, quarantine };

// One plugin's place in the hook chain.
struct HookSlot {
    void* self = nullptr;
    const howdah_hooks_v1* table = nullptr;  // only members its manifest names are non-null
    Instance* instance = nullptr;
    Stage stage = Stage::observe;
    Mode mode = Mode::enforce;
    OnFailure on_failure = OnFailure::deny;
    bool worker = false;           // run: worker
    bool transforms_rows = false;  // "rows": "transform": a batch it hands on takes the place of the one it got

    // Whether its failure ends the query. What keeps a query from others' rows is not gone on without, not even by the
    // one that finds out that it must leave.
    bool failureDenies() const {
        const bool keeps_apart = stage == Stage::scope || stage == Stage::guard;
        return mode == Mode::enforce &&
               (on_failure == OnFailure::deny || (on_failure == OnFailure::quarantine && keeps_apart));
    }
};

// A plugin's function that answers a kind of call.
struct Handler {
    void* self = nullptr;
    const howdah_handlers_v1* table = nullptr;
    std::uint32_t bound = 0;  // 0 = none
    Instance* instance = nullptr;
    explicit operator bool() const { return bound != 0; }
};

// Whether a call of a tool may, or must, go on as a task.
enum class TaskSupport : std::uint8_t { forbidden, optional, required };

// Each listing is the JSON of tools/list, prompts/list, ... (2026-07-28 form), ready to be spliced.
struct Tool : Handler {
    std::string name;
    std::string listing;
    Schema arguments;
    std::optional<Schema> output;  // what structured content is held against, where that is checked
    bool listed = true;            // by the operator's profile and filters
    bool read_only = true;
    TaskSupport task_support = TaskSupport::forbidden;
    std::vector<MirroredParameter> mirrored;
    std::vector<std::string> scopes;  // all of them are needed to call it
};

struct Prompt : Handler {
    std::string name;
    std::string listing;
    std::string description;
    std::vector<PromptArgument> arguments;
    Handler completion;
};

// How long the contents of a resource may be kept, and whether they are the same for everybody (2026-07-28 "Caching").
struct CacheHint {
    std::chrono::milliseconds time_to_live{0};
    bool same_for_all = false;
};

struct Resource : Handler {
    std::string uri;
    std::string listing;
    std::string mime_type;
    CacheHint cache;
};

struct ResourceTemplate : Handler {
    UriTemplate uri;
    std::string listing;
    std::string mime_type;
    CacheHint cache;
    Handler completion;
    Handler list;  // what it stands for at the moment
};

// What a list method answers from: listings in the order of their keys, which cursors name.
struct Listed {
    std::string_view key;
    std::string_view json;
    TaskSupport task_support = TaskSupport::forbidden;  // of a tool
    friend bool operator==(const Listed&, const Listed&) = default;
};

template <typename Table>
struct Service {
    void* self = nullptr;
    const Table* table = nullptr;  // null = nobody offers it
    Instance* instance = nullptr;
    explicit operator bool() const { return table != nullptr; }
};

struct DatabaseInfo {
    std::string name;
    bool writable = false;  // access: read_write
    std::string closed;     // not empty: why text of clients is refused here; plugins' own texts still run
};

struct Generation {
    bool hasResource(std::string_view uri) const;  // itself or by a template

    std::uint64_t number = 0;
    std::string closed;                   // not empty: why every query is refused, plugins' own as well
    std::string unscoped;                 // not empty: why calls are refused too: nobody keeps tenants apart
    bool guarded = false;                 // a hook of stage guard judges text of clients, and not in audit
    std::vector<DatabaseInfo> databases;  // as configured; the first is the default unless one is called "main"
    std::vector<HookSlot> before_query;   // in stage order; afterQuery and onError walk it in reverse
    std::vector<HookSlot> around_call;    // slots with beforeCall / afterCall
    std::vector<HookSlot> on_connect;
    std::vector<Tool> tools;  // sorted by name
    std::vector<Prompt> prompts;
    std::vector<Resource> resources;  // sorted by URI
    std::vector<ResourceTemplate> resource_templates;
    std::unordered_map<std::string_view, const Tool*> tools_by_name;
    std::vector<Listed> tools_list;
    std::vector<Listed> prompts_list;
    std::vector<Listed> resources_list;
    std::vector<Listed> resource_templates_list;
    Service<howdah_sql_v1> sql;
    Service<howdah_statement_v1> statement;
    Service<howdah_kv_v1> kv;  // of a plugin, so that instances may share it; the kernel's own is not here
    std::vector<Service<howdah_auth_v1>> auth;  // of every plugin that offers it: transports.http.auth says which one
    std::unordered_map<const void*, std::shared_ptr<const Facts>> facts;  // by Instance::Registered
    std::vector<std::shared_ptr<Instance>> instances;                     // in start order
};

// Keeps a generation alive while a request uses it.
using GenerationPin = std::shared_ptr<const Generation>;

class GenerationStore {
public:
    GenerationPin pin() const {
        std::lock_guard lock(current_mutex_);
        return current_;
    }
    void publish(const GenerationPin& next);
    void clear() { (void)exchange(nullptr); }  // the server ends; nobody is told
    // Called after each publish with (old, new), on the control thread; used for list_changed.
    void onPublish(std::function<void(const Generation* old, const Generation& fresh)> listener);

private:
    GenerationPin exchange(GenerationPin next);

    // Not an atomic<shared_ptr>: the standard library's lets go of its lock without release order on load (g++ 12).
    mutable std::mutex current_mutex_;
    GenerationPin current_;
    std::mutex listeners_mutex_;
    std::vector<std::function<void(const Generation*, const Generation&)>> listeners_;
};

}  // namespace howdah::kernel
