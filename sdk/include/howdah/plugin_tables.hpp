// The C side of Plugin: function tables with the exception barrier in each trampoline. Nothing leaves a plugin by
// throw.
#pragma once

#include <exception>
#include <memory>
#include <new>

#include <howdah/plugin.hpp>

namespace howdah {

struct PluginTables {
    template <typename Class>
    static const howdah_plugin* create(const howdah_host* host) noexcept {
        try {
            auto made = std::make_unique<Class>();
            Plugin& plugin = *made;
            plugin.host_ = std::make_unique<Host>(host);
            plugin.table_ = {sizeof(howdah_plugin), 0, plugin.self(), &configure, &start, &stop, &destroy,
                             &getInterface};
            return &made.release()->table_;
        } catch (...) {
            return nullptr;
        }
    }

    static Plugin& of(void* self) { return *static_cast<Plugin*>(self); }

    // Inside a catch block: what was thrown, as an error. Makes no host call.
    static Error caught() noexcept {
        try {
            throw;
        } catch (const std::exception& thrown) {
            return Error::internal("the plugin threw: ", std::string_view{thrown.what()});
        } catch (...) {
            return Error::internal("the plugin threw something that is not a std::exception");
        }
    }

    // The same off the stack of a hook.
    __attribute__((noinline, cold)) static std::unique_ptr<Error> caughtApart() noexcept {
        return std::make_unique<Error>(caught());
    }

    // Runs a body that returns Result<void>; an exception becomes an internal error.
    template <typename Body>
    static howdah_status guarded(Plugin& plugin, howdah_ctx* ctx, Body&& body) noexcept {
        Result<void> done;
        try {
            done = body();
        } catch (...) {
            done = caught();
        }
        return done ? HOWDAH_OK : Context(*plugin.host_, ctx).fail(done.error());
    }

    // --- lifecycle
    static howdah_status configure(void* self, howdah_ctx* ctx, howdah_str section) noexcept {
        return guarded(of(self), ctx, [&] { return of(self).configure(Json::parse(fromAbi(section))); });
    }
    static howdah_status start(void* self, howdah_ctx* ctx) noexcept {
        return guarded(of(self), ctx, [&]() -> Result<void> {
            Plugin& plugin = of(self);
            Offer offer(Context(*plugin.host_, ctx));
            auto done = plugin.start(offer);
            plugin.bound_ = offer.takeBound();
            return done;
        });
    }
    static void stop(void* self) noexcept {
        try {
            of(self).stop();
        } catch (...) {
            Error error = caught();
            of(self).host_->log(LogLevel::error, "stop: ", error.message);
        }
    }
    static void destroy(void* self) noexcept { delete &of(self); }

    static const void* getInterface(void* self, const char* id) noexcept {
        std::string_view name{id};
        if (name == HOWDAH_HOOKS_1) return &kHooks;
        if (name == HOWDAH_TOOLS_1) return &Answering<&Bound::tools, ToolCall>::kTable;
        if (name == HOWDAH_PROMPTS_1) return &Answering<&Bound::prompts, PromptCall>::kTable;
        if (name == HOWDAH_RESOURCES_1) return &Answering<&Bound::resources, ResourceCall>::kTable;
        if (name == HOWDAH_COMPLETIONS_1) return &Answering<&Bound::completions, CompletionCall>::kTable;
        if (name == HOWDAH_RESOURCE_LISTS_1) return &Answering<&Bound::resource_lists, ResourceListCall>::kTable;
        if (name == HOWDAH_JOBS_1) return &kJobs;
        if (name == HOWDAH_REPORT_1) return &kReport;
        return of(self).interface(name);
    }

    // --- hooks. proceed() is the short way out; a verdict's payload is handed over outside the try.
    static std::uint32_t settle(Plugin& plugin, howdah_ctx* ctx, howdah_query* query, const Verdict& verdict) noexcept {
        if (const Error* error = verdict.error()) Context(*plugin.host_, ctx).fail(*error);
        if (const ReplyData* data = verdict.replyData()) {
            howdah_result result{};
            result.struct_size = sizeof result;
            result.columns = data->columns.data();
            result.column_count = data->columns.size();
            result.batches = data->batches.data();
            result.batch_count = data->batches.size();
            result.trailer = data->trailer;
            result.trailer.struct_size = sizeof result.trailer;
            if (plugin.host_->query().reply(ctx, query, &result) < 0) return HOWDAH_FAULT;
        }
        return verdict.kind();
    }

    template <typename Body>
    static std::uint32_t hook(void* self, howdah_ctx* ctx, howdah_query* query, Body&& body) noexcept {
        std::unique_ptr<Error> error;  // an Error on the stack costs more than the rest of an idle hook
        try {
            const Verdict verdict = body(of(self));
            if (verdict.kind() == HOWDAH_PROCEED) [[likely]]
                return HOWDAH_PROCEED;
            return settle(of(self), ctx, query, verdict);
        } catch (...) {
            error = caughtApart();
        }
        Context(*of(self).host_, ctx).fail(*error);
        return HOWDAH_FAULT;
    }

    static std::uint32_t beforeQuery(void* self, howdah_ctx* ctx, howdah_query* raw) noexcept {
        return hook(self, ctx, raw, [&](Plugin& plugin) {
            Query query(*plugin.host_, ctx, raw);
            return plugin.beforeQuery(query);
        });
    }
    static std::uint32_t afterQuery(void* self, howdah_ctx* ctx, howdah_query* raw,
                                    const howdah_result* result) noexcept {
        return hook(self, ctx, raw, [&](Plugin& plugin) {
            Query query(*plugin.host_, ctx, raw);
            return plugin.afterQuery(query, *result);
        });
    }
    static std::uint32_t onError(void* self, howdah_ctx* ctx, howdah_query* raw, const howdah_error* error) noexcept {
        return hook(self, ctx, raw, [&](Plugin& plugin) {
            Query query(*plugin.host_, ctx, raw);
            return plugin.onError(query, fromAbi(*error));
        });
    }
    static std::uint32_t onConnect(void* self, howdah_ctx* ctx, const howdah_connect_event* event) noexcept {
        return hook(self, ctx, nullptr, [&](Plugin& plugin) {
            Context context(*plugin.host_, ctx);
            return plugin.onConnect(context, *event);
        });
    }
    static std::uint32_t beforeCall(void* self, howdah_ctx* ctx, howdah_call* raw) noexcept {
        return hook(self, ctx, nullptr, [&](Plugin& plugin) {
            Call call(*plugin.host_, ctx, raw);
            return plugin.beforeCall(call);
        });
    }
    static void afterCall(void* self, howdah_ctx* ctx, howdah_call* raw, const howdah_error* error) noexcept {
        Error thrown;
        try {
            Call call(*of(self).host_, ctx, raw);
            if (error) {
                Error copy = fromAbi(*error);
                of(self).afterCall(call, &copy);
            } else {
                of(self).afterCall(call, nullptr);
            }
            return;
        } catch (...) {
            thrown = caught();
        }
        Context(*of(self).host_, ctx).fail(thrown);
    }
    static std::uint32_t onRows(void* self, howdah_ctx* ctx, howdah_query* raw, const howdah_batch* in,
                                howdah_batch* out) noexcept {
        return hook(self, ctx, raw, [&](Plugin& plugin) {
            Query query(*plugin.host_, ctx, raw);
            return plugin.onRows(query, *in, *out);
        });
    }

    // --- tools, prompts, resources, completions, resource lists
    template <auto kHandlers, typename CallType>
    struct Answering {
        static std::uint32_t bind(void* self, howdah_str name) noexcept {
            const auto& handlers = of(self).bound_.*kHandlers;
            for (std::size_t i = 0; i < handlers.size(); ++i) {
                if (handlers[i].first == fromAbi(name)) return static_cast<std::uint32_t>(i + 1);
            }
            return 0;
        }
        static howdah_status call(void* self, howdah_ctx* ctx, std::uint32_t bound, howdah_call* raw) noexcept {
            return guarded(of(self), ctx, [&] {
                CallType call(*of(self).host_, ctx, raw);
                return (of(self).bound_.*kHandlers).at(bound - 1).second(call);
            });
        }
        static constexpr howdah_handlers_v1 kTable{sizeof(howdah_handlers_v1), 0, &bind, &call};
    };

    // --- jobs and report
    static void task(void* self, howdah_ctx* ctx, std::uint64_t token) noexcept {
        Error error;
        try {
            Context context(*of(self).host_, ctx);
            of(self).task(context, token);
            return;
        } catch (...) {
            error = caught();
        }
        of(self).host_->log(LogLevel::error, "task: ", error.message);
    }
    static void work(void* self, std::uint64_t token) noexcept {
        Error error;
        try {
            of(self).work(token);
            return;
        } catch (...) {
            error = caught();
        }
        of(self).host_->log(LogLevel::error, "work: ", error.message);
    }
    static void drop(void* self, std::uint64_t token) noexcept {
        try {
            of(self).drop(token);
        } catch (...) {
            return;  // nothing to tell: the work was given up
        }
    }
    static howdah_status report(void* self, howdah_ctx* ctx, howdah_str* json) noexcept {
        return guarded(of(self), ctx, [&]() -> Result<void> {
            Context context(*of(self).host_, ctx);
            auto made = of(self).report(context);
            if (!made) return std::move(made).error();
            *json = context.keep(made->dump());
            return {};
        });
    }

    static constexpr howdah_hooks_v1 kHooks{
        sizeof(howdah_hooks_v1), 0, &beforeQuery, &afterQuery, &onError, &onConnect, &beforeCall, &afterCall, &onRows};
    static constexpr howdah_jobs_v1 kJobs{sizeof(howdah_jobs_v1), 0, &task, &work, &drop};
    static constexpr howdah_report_v1 kReport{sizeof(howdah_report_v1), 0, &report};
};

}  // namespace howdah
