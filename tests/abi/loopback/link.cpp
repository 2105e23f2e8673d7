// The lifecycle, and what the plugin offers to the host: hooks, tools, jobs, report.
#include "tests/abi/loopback/link.hpp"

#include <string_view>

namespace howdah::loopback {
namespace {

template <typename Function>
howdah_status lifecycle(void* self, howdah_ctx* ctx, howdah_str section, Function function) {
    Link& link = Link::of(self);
    howdah_status status = HOWDAH_OK;
    {
        Inward way(link, ctx);
        Bytes answer =
            carry([&](Writer& out, howdah_str given) { put(out, function(link, way.ctx(), given)); }, section);
        status = settle(answer, way.results());
    }
    link.endRequest(ctx);
    return status;
}
howdah_status configure(void* self, howdah_ctx* ctx, howdah_str section) {
    return lifecycle(self, ctx, section, [](Link& link, howdah_ctx* near, howdah_str given) {
        return link.plugin().configure(link.plugin().self, near, given);
    });
}
howdah_status start(void* self, howdah_ctx* ctx) {
    return lifecycle(self, ctx, {}, [](Link& link, howdah_ctx* near, howdah_str) {
        return link.plugin().start(link.plugin().self, near);
    });
}
void stop(void* self) {
    const howdah_plugin& plugin = Link::of(self).plugin();
    plugin.stop(plugin.self);
}
void destroy(void* self) {
    const howdah_plugin& plugin = Link::of(self).plugin();
    plugin.destroy(plugin.self);
}

struct Hooks {
    static const howdah_hooks_v1& real(const Link& link) { return link.offered<howdah_hooks_v1>(HOWDAH_HOOKS_1); }
    static void* plugin(const Link& link) { return link.plugin().self; }

    // A hook about a query: the query is copied, and the copy stands for the real one while the hook runs.
    template <typename Function, typename... Arguments>
    static std::uint32_t aboutQuery(void* self, howdah_ctx* ctx, howdah_query* query, Function function,
                                    const Arguments&... arguments) {
        Link& link = Link::of(self);
        Inward way(link, ctx);
        const Bytes answer = carry(
            [&](Writer& out, howdah_query& copy, auto&... given) {
                way.near().near_query = &copy;
                way.near().far_query = query;
                put(out, function(link, way.ctx(), &copy, given...));
            },
            *query, arguments...);
        return Reader(answer).number<std::uint32_t>();
    }
    static std::uint32_t beforeQuery(void* self, howdah_ctx* ctx, howdah_query* query) {
        return aboutQuery(self, ctx, query, [](Link& link, howdah_ctx* near, howdah_query* copy) {
            return real(link).before_query(plugin(link), near, copy);
        });
    }
    static std::uint32_t afterQuery(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_result* result) {
        return aboutQuery(
            self, ctx, query,
            [](Link& link, howdah_ctx* near, howdah_query* copy, howdah_result& given) {
                return real(link).after_query(plugin(link), near, copy, &given);
            },
            *result);
    }
    static std::uint32_t onError(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_error* error) {
        return aboutQuery(
            self, ctx, query,
            [](Link& link, howdah_ctx* near, howdah_query* copy, howdah_error& given) {
                return real(link).on_error(plugin(link), near, copy, &given);
            },
            *error);
    }
    static std::uint32_t onRows(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_batch* in,
                                howdah_batch* out) {
        Link& link = Link::of(self);
        Inward way(link, ctx);
        const Bytes answer = carry(
            [&](Writer& answered, howdah_query& copy, howdah_batch& given) {
                way.near().near_query = &copy;
                way.near().far_query = query;
                howdah_batch made = given;
                put(answered, real(link).on_rows(plugin(link), way.ctx(), &copy, &given, &made));
                put(answered, made);
            },
            *query, *in);
        Reader reader(answer);
        auto verdict = reader.number<std::uint32_t>();
        get(reader, way.results(), *out);
        return verdict;
    }
    static std::uint32_t onConnect(void* self, howdah_ctx* ctx, const howdah_connect_event* event) {
        Link& link = Link::of(self);
        Inward way(link, ctx);
        const Bytes answer = carry(
            [&](Writer& out, howdah_connect_event& given) {
                put(out, real(link).on_connect(plugin(link), way.ctx(), &given));
            },
            *event);
        return Reader(answer).number<std::uint32_t>();
    }
    static std::uint32_t beforeCall(void* self, howdah_ctx* ctx, howdah_call* call) {
        Link& link = Link::of(self);
        Inward way(link, ctx);
        const Bytes answer = carry(
            [&](Writer& out, howdah_call& copy) {
                way.near().near_call = &copy;
                way.near().far_call = call;
                put(out, real(link).before_call(plugin(link), way.ctx(), &copy));
            },
            *call);
        return Reader(answer).number<std::uint32_t>();
    }
    static void afterCall(void* self, howdah_ctx* ctx, howdah_call* call, const howdah_error* error) {
        Link& link = Link::of(self);
        Inward way(link, ctx);
        carry(
            [&](Writer&, howdah_call& copy, Optional<howdah_error>& given) {
                way.near().near_call = &copy;
                way.near().far_call = call;
                real(link).after_call(plugin(link), way.ctx(), &copy, given.value);
            },
            *call, Optional<howdah_error>{error});
    }
    static constexpr howdah_hooks_v1 kTable{
        sizeof(howdah_hooks_v1), 0, &beforeQuery, &afterQuery, &onError, &onConnect, &beforeCall, &afterCall, &onRows};
};

// The handlers under one id.
template <const char* kId>
struct Handlers {
    static std::uint32_t bind(void* self, howdah_str name) {
        Link& link = Link::of(self);
        const Bytes answer = carry(
            [&](Writer& out, howdah_str given) {
                put(out, link.offered<howdah_handlers_v1>(kId).bind(link.plugin().self, given));
            },
            name);
        return Reader(answer).number<std::uint32_t>();
    }
    static howdah_status call(void* self, howdah_ctx* ctx, std::uint32_t bound, howdah_call* call) {
        Link& link = Link::of(self);
        Inward way(link, ctx);
        Bytes answer = carry(
            [&](Writer& out, std::uint32_t number, howdah_call& copy) {
                way.near().near_call = &copy;
                way.near().far_call = call;
                put(out, link.offered<howdah_handlers_v1>(kId).call(link.plugin().self, way.ctx(), number, &copy));
            },
            bound, *call);
        return settle(answer, way.results());
    }
    static constexpr howdah_handlers_v1 kTable{sizeof(howdah_handlers_v1), 0, &bind, &call};
};
constexpr char kToolsId[] = HOWDAH_TOOLS_1;
constexpr char kPromptsId[] = HOWDAH_PROMPTS_1;
constexpr char kResourcesId[] = HOWDAH_RESOURCES_1;
constexpr char kCompletionsId[] = HOWDAH_COMPLETIONS_1;
constexpr char kResourceListsId[] = HOWDAH_RESOURCE_LISTS_1;

void task(void* self, howdah_ctx* ctx, std::uint64_t token) {
    Link& link = Link::of(self);
    {
        Inward way(link, ctx);
        carry(
            [&](Writer&, std::uint64_t given) {
                link.offered<howdah_jobs_v1>(HOWDAH_JOBS_1).task(link.plugin().self, way.ctx(), given);
            },
            token);
    }
    link.endRequest(ctx);
}
void work(void* self, std::uint64_t token) {
    Link& link = Link::of(self);
    carry([&](Writer&,
              std::uint64_t given) { link.offered<howdah_jobs_v1>(HOWDAH_JOBS_1).work(link.plugin().self, given); },
          token);
}
void drop(void* self, std::uint64_t token) {
    Link& link = Link::of(self);
    carry([&](Writer&,
              std::uint64_t given) { link.offered<howdah_jobs_v1>(HOWDAH_JOBS_1).drop(link.plugin().self, given); },
          token);
}
howdah_status report(void* self, howdah_ctx* ctx, howdah_str* json) {
    Link& link = Link::of(self);
    Inward way(link, ctx);
    Bytes answer = carry([&](Writer& out) {
        howdah_str made{};
        put(out, link.offered<howdah_report_v1>(HOWDAH_REPORT_1).report(link.plugin().self, way.ctx(), &made));
        put(out, made);
    });
    return settle(answer, way.results(), *json);
}

constexpr howdah_jobs_v1 kJobs{sizeof(howdah_jobs_v1), 0, &task, &work, &drop};
constexpr howdah_report_v1 kReport{sizeof(howdah_report_v1), 0, &report};

}  // namespace

Link* Link::creating_ = nullptr;

Link::Link(const howdah_entry_v1& plugin) : real_(plugin), entry_(plugin) {
    entry_.create = &Link::create;
    creating_ = this;
}

const howdah_plugin* Link::create(const howdah_host* host) {
    Link& link = *creating_;
    link.far_ = host;
    link.near_ = {sizeof(howdah_host), host->abi_major, host->abi_minor, &link, &Link::hostInterface};
    link.plugin_ = link.real_.create(&link.near_);
    link.table_ = {sizeof(howdah_plugin), 0, &link, &configure, &start, &stop, &destroy, &Link::pluginInterface};
    return link.plugin_ ? &link.table_ : nullptr;
}

const void* Link::hostInterface(const howdah_host* near, const char* id) {
    const howdah_host* far = of(near).far_;
    if (!far->get_interface(far, id)) return nullptr;
    if (const void* table = basicTable(id)) return table;
    if (const void* table = queryTable(id)) return table;
    if (const void* table = transportTable(id)) return table;
    return runtimeTable(id);
}

const void* Link::pluginInterface(void* self, const char* id) {
    const howdah_plugin& plugin = of(self).plugin();
    if (!plugin.get_interface(plugin.self, id)) return nullptr;
    std::string_view name(id);
    if (name == HOWDAH_HOOKS_1) return &Hooks::kTable;
    if (name == HOWDAH_TOOLS_1) return &Handlers<kToolsId>::kTable;
    if (name == HOWDAH_PROMPTS_1) return &Handlers<kPromptsId>::kTable;
    if (name == HOWDAH_RESOURCES_1) return &Handlers<kResourcesId>::kTable;
    if (name == HOWDAH_COMPLETIONS_1) return &Handlers<kCompletionsId>::kTable;
    if (name == HOWDAH_RESOURCE_LISTS_1) return &Handlers<kResourceListsId>::kTable;
    if (name == HOWDAH_JOBS_1) return &kJobs;
    if (name == HOWDAH_REPORT_1) return &kReport;
    return inwardTable(id);
}

void Link::endRequest(howdah_ctx* far) {
    std::lock_guard lock(mutex_);
    arenas_.erase(far);
}

Room& Link::arena(howdah_ctx* far) {
    std::lock_guard lock(mutex_);
    return arenas_[far];
}

Service* Link::acquired(const void* table, void* self) {
    std::lock_guard lock(mutex_);
    acquired_.push_back(std::make_unique<Service>());
    Service& made = *acquired_.back();
    made.link = this, made.table = table, made.self = self;
    return &made;
}

Service& Link::ownService(const char* id) {
    std::lock_guard lock(mutex_);
    auto& service = own_[id];
    if (!service) {
        service = std::make_unique<Service>();
        service->link = this, service->table = plugin_->get_interface(plugin_->self, id), service->self = plugin_->self;
    }
    return *service;
}

}  // namespace howdah::loopback
