// What a plugin is written with. One class, one macro; plugin.json says what it offers.
//
//     class Hello final : public howdah::Plugin {
//         howdah::Result<void> start(howdah::Offer& offer) override {
//             offer.bind("hello", [](howdah::ToolCall& call) { return call.writeText("hello"); });
//             return {};
//         }
//     };
//     HOWDAH_PLUGIN(Hello)
//
// Every function of a plugin may run on several shards at once: shared state is per shard, atomic, or behind a mutex
// that is never held across a host call. No host call in a catch block or a destructor.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/abi/hooks.h>
#include <howdah/abi/plugin.h>
#include <howdah/feature_calls.hpp>
#include <howdah/host.hpp>
#include <howdah/query.hpp>
#include <howdah/tool_call.hpp>

namespace howdah {

// A result a hook hands over: from a cache, from a recovery. The views must be valid until the hook returns.
struct ReplyData {
    std::vector<howdah_column> columns;
    std::vector<howdah_batch> batches;
    howdah_trailer trailer{};
};

// What a hook decides. proceed() costs nothing; the others carry their payload.
class Verdict {
public:
    static Verdict proceed() { return Verdict(HOWDAH_PROCEED, nullptr); }
    static Verdict deny(Error error) { return Verdict(HOWDAH_DENY, std::move(error)); }
    static Verdict reply(ReplyData data) {
        return Verdict(HOWDAH_REPLY, std::make_unique<Payload>(Payload{{}, std::move(data)}));
    }
    // The hook itself failed: counts as not entered, its on_failure decides.
    static Verdict fault(Error error) { return Verdict(HOWDAH_FAULT, std::move(error)); }

    std::uint32_t kind() const { return kind_; }
    const Error* error() const { return payload_ && kind_ != HOWDAH_REPLY ? &payload_->error : nullptr; }
    const ReplyData* replyData() const { return kind_ == HOWDAH_REPLY ? &payload_->reply : nullptr; }

private:
    struct Payload {
        Error error;
        ReplyData reply;
    };
    Verdict(std::uint32_t kind, std::unique_ptr<Payload> payload) : kind_(kind), payload_(std::move(payload)) {}
    Verdict(std::uint32_t kind, Error error)
        : kind_(kind), payload_(std::make_unique<Payload>(Payload{std::move(error), {}})) {}

    std::uint32_t kind_;
    std::unique_ptr<Payload> payload_;
};

// The code bound to what plugin.json names.
template <typename CallType>
using Handlers = std::vector<std::pair<std::string, std::function<Result<void>(CallType&)>>>;
struct Bound {
    Handlers<ToolCall> tools;
    Handlers<PromptCall> prompts;
    Handlers<ResourceCall> resources;
    Handlers<CompletionCall> completions;
    Handlers<ResourceListCall> resource_lists;
};

// What start() fills in.
class Offer {
public:
    explicit Offer(Context context) : context_(context) {}

    // Binds a tool of plugin.json to its handler.
    void bind(std::string tool, std::function<Result<void>(ToolCall&)> handler) {
        bound_.tools.emplace_back(std::move(tool), std::move(handler));
    }
    void bindPrompt(std::string prompt, std::function<Result<void>(PromptCall&)> handler) {
        bound_.prompts.emplace_back(std::move(prompt), std::move(handler));
    }
    // `uri` as in plugin.json: of a resource, or the uriTemplate of several.
    void bindResource(std::string uri, std::function<Result<void>(ResourceCall&)> handler) {
        bound_.resources.emplace_back(std::move(uri), std::move(handler));
    }
    // Suggestions for the arguments of a prompt, or for the variables of a uriTemplate.
    void bindCompletion(std::string what, std::function<Result<void>(CompletionCall&)> handler) {
        bound_.completions.emplace_back(std::move(what), std::move(handler));
    }
    // What a uriTemplate stands for at the moment, for this client; listed with the resources of plugin.json.
    void bindResourceList(std::string uri_template, std::function<Result<void>(ResourceListCall&)> handler) {
        bound_.resource_lists.emplace_back(std::move(uri_template), std::move(handler));
    }

    // Declares a constant text, judged once against the permissions of plugin.json.
    Result<void> statement(const Statement& statement) {
        return context_.check(
            context_.host().query().register_statement(context_.raw(), toAbi(statement.sql), statement.access));
    }

    // A service of another plugin, named in requires or optional of plugin.json; null when an optional one is absent.
    template <typename Table>
    struct Acquired {
        const Table* table = nullptr;
        void* self = nullptr;
        explicit operator bool() const { return table != nullptr; }
    };
    template <typename Table>
    Result<Acquired<Table>> acquire(std::string_view id) {
        const void* table = nullptr;
        void* self = nullptr;
        const Host& host = context_.host();
        howdah_status status = host.services().acquire(host.raw(), context_.raw(), toAbi(id), &table, &self);
        if (status == HOWDAH_ERROR_NOT_FOUND) return Acquired<Table>{};
        if (status < 0) return context_.lastError();
        return Acquired<Table>{static_cast<const Table*>(table), self};
    }

    const Context& context() const { return context_; }
    Bound&& takeBound() { return std::move(bound_); }

private:
    Context context_;
    Bound bound_;
};

class Plugin {
public:
    Plugin() = default;
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;
    virtual ~Plugin() = default;

    // --- lifecycle, on the control thread
    virtual Result<void> configure(const Json& /*section*/) { return {}; }
    virtual Result<void> start(Offer& /*offer*/) { return {}; }
    virtual void stop() {}

    // --- hooks, called when plugin.json names the event
    virtual Verdict beforeQuery(Query& /*query*/) { return proceed(); }
    virtual Verdict afterQuery(Query& /*query*/, const howdah_result& /*result*/) { return proceed(); }
    virtual Verdict onError(Query& /*query*/, const Error& /*error*/) { return proceed(); }
    virtual Verdict onConnect(Context& /*context*/, const howdah_connect_event& /*event*/) { return proceed(); }
    virtual Verdict beforeCall(Call& /*call*/) { return proceed(); }
    virtual void afterCall(Call& /*call*/, const Error* /*error*/) {}
    virtual Verdict onRows(Query& /*query*/, const howdah_batch& /*in*/, howdah_batch& /*out*/) { return proceed(); }

    // --- work outside requests (howdah.jobs/1)
    virtual void task(Context& /*context*/, std::uint64_t /*token*/) {}  // a fiber of its own
    virtual void work(std::uint64_t /*token*/) {}                        // a plain thread
    virtual void drop(std::uint64_t /*token*/) {}                        // will not run

    // --- what `howdah doctor` and `howdah plugin list` show; an empty object says nothing
    virtual Result<Json> report(Context& /*context*/) { return Json::object(); }

    // A service or interface of the plugin's own; its functions get Plugin::self() as self.
    virtual const void* interface(std::string_view /*id*/) { return nullptr; }

    const Host& host() const { return *host_; }
    // What C functions of this plugin get as self; turn back with `static_cast<Mine*>(static_cast<Plugin*>(self))`.
    void* self() { return this; }

protected:
    static Verdict proceed() { return Verdict::proceed(); }
    static Verdict deny(std::string rule, std::string text) {
        Error error{Code::refused, std::move(text)};
        error.rule = std::move(rule);
        return Verdict::deny(std::move(error));
    }
    static Verdict deny(Error error) { return Verdict::deny(std::move(error)); }
    static Verdict reply(ReplyData data) { return Verdict::reply(std::move(data)); }

private:
    friend struct PluginTables;
    std::unique_ptr<Host> host_;
    Bound bound_;
    howdah_plugin table_{};
};

}  // namespace howdah

#include <howdah/plugin_tables.hpp>

// Exports the plugin. HOWDAH_PLUGIN_ID, _VERSION and HOWDAH_ABI_NEEDS come from plugin.json through
// howdah_add_plugin().
#define HOWDAH_PLUGIN(Class)                                                                              \
    static const howdah_plugin* howdahCreate(const howdah_host* host) {                                   \
        return ::howdah::PluginTables::create<Class>(host);                                               \
    }                                                                                                     \
    extern "C" __attribute__((visibility("default"))) const howdah_entry_v1 howdah_plugin_v1;             \
    extern "C" __attribute__((visibility("default")))                                                     \
    const howdah_entry_v1 howdah_plugin_v1 = {sizeof(howdah_entry_v1),                                    \
                                              HOWDAH_ABI_MINOR,                                           \
                                              HOWDAH_ABI_NEEDS,                                           \
                                              {HOWDAH_PLUGIN_ID, sizeof(HOWDAH_PLUGIN_ID) - 1},           \
                                              {HOWDAH_PLUGIN_VERSION, sizeof(HOWDAH_PLUGIN_VERSION) - 1}, \
                                              &howdahCreate};
