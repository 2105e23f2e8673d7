#include "kernel/host/host_api.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include <howdah/abi/health.h>
#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/host/host_services.hpp"
#include "kernel/host/host_tables.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/query_run.hpp"

// Everything in this file answers at once. What may wait stands in host_query.cpp and host_runtime.cpp.
namespace howdah::kernel {
namespace {

// --- howdah.context/1

howdah_status contextFail(howdah_ctx* ctx, const howdah_error* error) noexcept {
    return ctx->fail(fromAbi(*error));
}

void contextLastError(howdah_ctx* ctx, howdah_error* out) noexcept {
    *out = toAbi(ctx->error);
}

void* contextAlloc(howdah_ctx* ctx, std::uint64_t size) noexcept {
    return ctx->request->arena.allocate(static_cast<std::size_t>(size));
}

howdah_status contextStatus(howdah_ctx* ctx) noexcept {
    const Cancellation* cancellation = ctx->request->cancellation;
    if (cancellation && cancellation->requested()) return ctx->fail(cancellation->error());
    if (ctx->deadline.passed()) return ctx->fail(Error::timeout("the request's deadline has passed"));
    return HOWDAH_OK;
}

std::uint64_t contextDeadline(howdah_ctx* ctx) noexcept {
    Deadline deadline = ctx->waitDeadline();
    if (deadline.isNever()) return UINT64_MAX;
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.at().time_since_epoch()).count());
}

std::uint64_t contextNow(const howdah_host*) noexcept {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

constexpr howdah_context_v1 kContext{
    sizeof(howdah_context_v1), 0,          &contextFail, &contextLastError, &contextAlloc, &contextStatus,
    &contextDeadline,          &contextNow};

// --- howdah.log/1

void logWrite(const howdah_host* host, std::int32_t level, howdah_str line) noexcept {
    LogLevel mapped = level <= HOWDAH_LOG_DEBUG  ? LogLevel::debug
                      : level == HOWDAH_LOG_INFO ? LogLevel::info
                      : level == HOWDAH_LOG_WARN ? LogLevel::warn
                                                 : LogLevel::error;
    log(mapped, instanceOf(host).id(), fromAbi(line));
}

constexpr howdah_log_v1 kLog{sizeof(howdah_log_v1), 0, &logWrite};

// --- howdah.notify/1

void resourceUpdated(const howdah_host* host, howdah_str uri) noexcept {
    instanceOf(host).services().resource_updated(fromAbi(uri));
}

void resourceListChanged(const howdah_host* host) noexcept {
    instanceOf(host).services().resource_list_changed();
}

constexpr howdah_notify_v1 kNotify{sizeof(howdah_notify_v1), 0, &resourceUpdated, &resourceListChanged};

// --- howdah.health/1

void healthTell(const howdah_host* host, std::uint32_t health) noexcept {
    instanceOf(host).setHealth(std::min(health, HOWDAH_HEALTH_NOT_READY));
}

constexpr howdah_health_v1 kHealth{sizeof(howdah_health_v1), 0, &healthTell};

// --- howdah.services/1

// The kernel's own howdah.kv/1 is there for everybody who asks and has no provider among the plugins.
howdah_status servicesAcquire(const howdah_host* host, howdah_ctx* ctx, howdah_str id, const void** table,
                              void** self) noexcept {
    Instance& instance = instanceOf(host);
    std::string service{fromAbi(id)};
    const Manifest& manifest = instance.manifest();
    auto names = [&](const std::vector<std::string>& list) {
        return std::find(list.begin(), list.end(), service) != list.end();
    };
    if (!names(manifest.requires_services) && !names(manifest.optional_services)) {
        return ctx->fail(Error::refused("service ", service, " stands in neither requires nor optional of ",
                                        manifest.id, "'s plugin.json"));
    }
    if (auto provider = instance.provider(service)) {
        *table = provider->interface<void>(service.c_str());
        *self = provider->self();
        if (*table) return HOWDAH_OK;
        return ctx->fail(
            Error::internal("plugin \"", provider->id(), "\" promises ", service, " and does not give it"));
    }
    if (service == HOWDAH_KV_1) {
        *table = &kKernelKv;
        *self = &instance.services();
        return HOWDAH_OK;
    }
    return ctx->fail(Error::notFound("no plugin offers ", service));
}

constexpr howdah_services_v1 kServices{sizeof(howdah_services_v1), 0, &servicesAcquire};

// --- howdah.kernel/1

howdah_status keep(howdah_ctx* ctx, std::string_view text, howdah_str* out) noexcept {
    std::string_view copy = ctx->request->arena.copy(text);
    if (!copy.data()) return ctx->fail(outOfMemory());
    *out = toAbi(copy);
    return HOWDAH_OK;
}

howdah_status kernelDatabases(const howdah_host* host, howdah_ctx* ctx, howdah_str* json) noexcept {
    const Instance& instance = instanceOf(host);
    const HostServices& services = instance.services();
    bool may_see = instance.manifest().permits("databases.credentials");
    return keep(ctx, may_see ? services.databases_json : services.databases_public_json, json);
}

howdah_status kernelPath(const howdah_host* host, howdah_ctx* ctx, std::uint32_t which, howdah_str* path) noexcept {
    const Instance& instance = instanceOf(host);
    if (which == HOWDAH_PATH_PLUGIN) return keep(ctx, instance.folder(), path);
    if (which != HOWDAH_PATH_STATE) return ctx->fail(Error::invalidArgument("unknown path ", which));
    auto folder = instance.stateFolder();
    if (!folder) return ctx->fail(std::move(folder).error());
    return keep(ctx, *folder, path);
}

howdah_status kernelDescribe(const howdah_host* host, howdah_ctx* ctx, howdah_str* json) noexcept {
    return keep(ctx, instanceOf(host).services().describe(), json);
}

constexpr howdah_kernel_v1 kKernel{sizeof(howdah_kernel_v1), 0, &kernelDatabases, &kernelPath, &kernelDescribe};

}  // namespace

const void* hostInterface(const howdah_host* host, const char* id) {
    std::string_view name{id};
    if (name == HOWDAH_CONTEXT_1) return &kContext;
    if (name == HOWDAH_LOG_1) return &kLog;
    if (name == HOWDAH_SERVICES_1) return &kServices;
    if (name == HOWDAH_KERNEL_1) return &kKernel;
    if (name == HOWDAH_ROWS_1) return &kHostRows;
    if (name == HOWDAH_QUERY_1) return &kHostQuery;
    if (name == HOWDAH_CALL_1) return &kHostCall;
    if (name == HOWDAH_REACTOR_1) return &kHostReactor;
    if (name == HOWDAH_OFFLOAD_1) return &kHostOffload;
    if (name == HOWDAH_SEAL_1) return &kHostSeal;
    if (name == HOWDAH_NOTIFY_1) return &kNotify;
    if (name == HOWDAH_HEALTH_1) return &kHealth;
    if (name == HOWDAH_TRANSPORT_1) {
        const Instance& instance = instanceOf(host);
        if (instance.services().channels && instance.manifest().permits("transport")) return &kHostTransport;
    }
    return nullptr;
}

}  // namespace howdah::kernel
