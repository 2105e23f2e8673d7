// The kernel's interfaces for every plugin: context, log, services, kernel, seal, notify, health.
#include <string_view>

#include <howdah/abi/health.h>
#include <howdah/abi/seal.h>

#include "tests/abi/loopback/link.hpp"

namespace howdah::loopback {
namespace {

struct ContextTable {
    static const howdah_context_v1& real(const Link& link) { return link.host<howdah_context_v1>(HOWDAH_CONTEXT_1); }

    static howdah_status fail(howdah_ctx* ctx, const howdah_error* error) {
        Outward way(ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_error& given) { put(out, real(way.link()).fail(way.ctx(), &given)); }, *error);
        return settle(answer, way.results());
    }
    static void lastError(howdah_ctx* ctx, howdah_error* out) {
        Outward way(ctx);
        Bytes answer = carry([&](Writer& answered) {
            howdah_error made{};
            made.struct_size = sizeof made;
            real(way.link()).last_error(way.ctx(), &made);
            put(answered, made);
        });
        way.near().last_error.clear();
        Reader in(answer);
        get(in, way.near().last_error, *out);
    }
    // The plugin's own memory, as in a process of its own; the host hears of it only.
    static void* alloc(howdah_ctx* ctx, std::uint64_t size) { return Outward(ctx).results().take(size); }
    static howdah_status status(howdah_ctx* ctx) {
        Outward way(ctx);
        return settle(carry([&](Writer& out) { put(out, real(way.link()).status(way.ctx())); }), way.results());
    }
    static std::uint64_t deadlineNs(howdah_ctx* ctx) {
        Outward way(ctx);
        const Bytes answer = carry([&](Writer& out) { put(out, real(way.link()).deadline_ns(way.ctx())); });
        return Reader(answer).number<std::uint64_t>();
    }
    static std::uint64_t nowNs(const howdah_host* host) {
        Link& link = Link::of(host);
        const Bytes answer = carry([&](Writer& out) { put(out, real(link).now_ns(link.far())); });
        return Reader(answer).number<std::uint64_t>();
    }
    static constexpr howdah_context_v1 kTable{
        sizeof(howdah_context_v1), 0, &fail, &lastError, &alloc, &status, &deadlineNs, &nowNs};
};

void writeLog(const howdah_host* host, std::int32_t level, howdah_str line) {
    Link& link = Link::of(host);
    carry([&](Writer&, std::int32_t given,
              howdah_str text) { link.host<howdah_log_v1>(HOWDAH_LOG_1).write(link.far(), given, text); },
          level, line);
}

// The table and self of the other side stay there; the plugin gets a Service in their place.
howdah_status acquire(const howdah_host* host, howdah_ctx* ctx, howdah_str id, const void** table, void** self) {
    Link& link = Link::of(host);
    Outward way(ctx);
    Bytes answer = carry(
        [&](Writer& out, howdah_str given) {
            const void* real_table = nullptr;
            void* real_self = nullptr;
            put(out, link.host<howdah_services_v1>(HOWDAH_SERVICES_1)
                         .acquire(link.far(), way.ctx(), given, &real_table, &real_self));
            Service* service = real_table ? link.acquired(real_table, real_self) : nullptr;
            put(out, reinterpret_cast<std::uintptr_t>(service));
        },
        id);
    std::uintptr_t service = 0;
    howdah_status status = settle(answer, way.results(), service);
    if (status < 0) return status;
    *table = outwardTable({id.data, static_cast<std::size_t>(id.size)});
    *self = reinterpret_cast<void*>(service);
    return status;
}

struct KernelTable {
    static const howdah_kernel_v1& real(const Link& link) { return link.host<howdah_kernel_v1>(HOWDAH_KERNEL_1); }

    static howdah_status databases(const howdah_host* host, howdah_ctx* ctx, howdah_str* json) {
        return read(host, ctx, json, [](Link& link, howdah_ctx* far, howdah_str* made) {
            return real(link).databases(link.far(), far, made);
        });
    }
    static howdah_status path(const howdah_host* host, howdah_ctx* ctx, std::uint32_t which, howdah_str* out) {
        Link& link = Link::of(host);
        Outward way(ctx);
        Bytes answer = carry(
            [&](Writer& answered, std::uint32_t given) {
                howdah_str made{};
                put(answered, real(link).path(link.far(), way.ctx(), given, &made));
                put(answered, made);
            },
            which);
        return settle(answer, way.results(), *out);
    }
    static howdah_status describe(const howdah_host* host, howdah_ctx* ctx, howdah_str* json) {
        return read(host, ctx, json, [](Link& link, howdah_ctx* far, howdah_str* made) {
            return real(link).describe(link.far(), far, made);
        });
    }
    static constexpr howdah_kernel_v1 kTable{sizeof(howdah_kernel_v1), 0, &databases, &path, &describe};

private:
    template <typename Function>
    static howdah_status read(const howdah_host* host, howdah_ctx* ctx, howdah_str* json, Function function) {
        Link& link = Link::of(host);
        Outward way(ctx);
        Bytes answer = carry([&](Writer& out) {
            howdah_str made{};
            put(out, function(link, way.ctx(), &made));
            put(out, made);
        });
        return settle(answer, way.results(), *json);
    }
};

struct SealTable {
    static howdah_status seal(howdah_ctx* ctx, howdah_str purpose, howdah_str text, std::uint64_t ttl_ms,
                              howdah_str* sealed) {
        Outward way(ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given_purpose, howdah_str given, std::uint64_t given_ttl) {
                howdah_str made{};
                put(out, real(way.link()).seal(way.ctx(), given_purpose, given, given_ttl, &made));
                put(out, made);
            },
            purpose, text, ttl_ms);
        return settle(answer, way.results(), *sealed);
    }
    static howdah_status unseal(howdah_ctx* ctx, howdah_str purpose, howdah_str sealed, howdah_str* text) {
        Outward way(ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given_purpose, howdah_str given) {
                howdah_str made{};
                put(out, real(way.link()).unseal(way.ctx(), given_purpose, given, &made));
                put(out, made);
            },
            purpose, sealed);
        return settle(answer, way.results(), *text);
    }
    static constexpr howdah_seal_v1 kTable{sizeof(howdah_seal_v1), 0, &seal, &unseal};

private:
    static const howdah_seal_v1& real(const Link& link) { return link.host<howdah_seal_v1>(HOWDAH_SEAL_1); }
};

void resourceUpdated(const howdah_host* host, howdah_str uri) {
    Link& link = Link::of(host);
    carry([&](Writer&,
              howdah_str given) { link.host<howdah_notify_v1>(HOWDAH_NOTIFY_1).resource_updated(link.far(), given); },
          uri);
}
void resourceListChanged(const howdah_host* host) {
    Link& link = Link::of(host);
    carry([&](Writer&) { link.host<howdah_notify_v1>(HOWDAH_NOTIFY_1).resource_list_changed(link.far()); });
}

void tellHealth(const howdah_host* host, std::uint32_t health) {
    Link& link = Link::of(host);
    carry([&](Writer&, std::uint32_t given) { link.host<howdah_health_v1>(HOWDAH_HEALTH_1).tell(link.far(), given); },
          health);
}

constexpr howdah_log_v1 kLog{sizeof(howdah_log_v1), 0, &writeLog};
constexpr howdah_notify_v1 kNotify{sizeof(howdah_notify_v1), 0, &resourceUpdated, &resourceListChanged};
constexpr howdah_health_v1 kHealth{sizeof(howdah_health_v1), 0, &tellHealth};
constexpr howdah_services_v1 kServices{sizeof(howdah_services_v1), 0, &acquire};

}  // namespace

const void* basicTable(const std::string& id) {
    if (id == HOWDAH_CONTEXT_1) return &ContextTable::kTable;
    if (id == HOWDAH_LOG_1) return &kLog;
    if (id == HOWDAH_SERVICES_1) return &kServices;
    if (id == HOWDAH_KERNEL_1) return &KernelTable::kTable;
    if (id == HOWDAH_SEAL_1) return &SealTable::kTable;
    if (id == HOWDAH_NOTIFY_1) return &kNotify;
    if (id == HOWDAH_HEALTH_1) return &kHealth;
    return nullptr;
}

}  // namespace howdah::loopback
