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
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <howdah/abi/auth.h>
#include <howdah/abi/hooks.h>
#include <howdah/abi/sql.h>
#include <howdah/abi/statement.h>
#include <howdah/abi/tools.h>

#include "kernel/pipeline/facts.hpp"
#include "kernel/schema/schema.hpp"

namespace howdah::kernel {

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
};

struct Tool {
    std::string name;
    std::string listing;  // the tool's JSON as in tools/list (2026-07-28 form), ready to be spliced
    Schema arguments;
    bool listed = true;  // by the operator's profile and filters
    bool read_only = true;
    void* self = nullptr;
    const howdah_tools_v1* table = nullptr;
    std::uint32_t bound = 0;
    Instance* instance = nullptr;
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
    std::uint64_t number = 0;
    std::string closed;                   // not empty: why every client query is refused
    bool guarded = false;                 // a hook of stage guard judges text of clients, and not in audit
    std::vector<DatabaseInfo> databases;  // as configured; the first is the default unless one is called "main"
    std::vector<HookSlot> before_query;   // in stage order; afterQuery and onError walk it in reverse
    std::vector<HookSlot> around_call;    // slots with beforeCall / afterCall
    std::vector<HookSlot> on_connect;
    std::vector<Tool> tools;  // sorted by name
    std::unordered_map<std::string_view, const Tool*> tools_by_name;
    Service<howdah_sql_v1> sql;
    Service<howdah_statement_v1> statement;
    std::vector<Service<howdah_auth_v1>> auth;  // of every plugin that offers it: transports.http.auth says which one
    std::unordered_map<const void*, std::shared_ptr<const Facts>> facts;  // by Instance::Registered
    std::vector<std::shared_ptr<Instance>> instances;                     // in start order
    std::string tools_json;  // the listed tools, comma-separated, sorted by name: the inside of tools/list
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
