// howdah.kv/1 as the kernel offers it: this process's memory.
#include <chrono>

#include <howdah/host.hpp>

#include "kernel/host/host_services.hpp"
#include "kernel/host/host_tables.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/query_run.hpp"
#include "kernel/runtime/worker_bridge.hpp"

namespace howdah::kernel {
namespace {

KvStore& storeOf(void* self) {
    return static_cast<HostServices*>(self)->kv;
}
KvChannels& channelsOf(void* self) {
    return static_cast<HostServices*>(self)->kv_channels;
}
std::chrono::milliseconds milliseconds(std::uint64_t ttl) {
    return std::chrono::milliseconds(ttl);
}

howdah_status kvGet(void* self, howdah_ctx* ctx, howdah_str key, howdah_str* value) noexcept {
    auto found = storeOf(self).get(fromAbi(key), KvStore::Clock::now());
    if (!found) return ctx->fail(Error::notFound("no value with this key"));
    std::string_view copy = ctx->request->arena.copy(*found);
    if (!copy.data()) return ctx->fail(outOfMemory());
    *value = toAbi(copy);
    return HOWDAH_OK;
}
howdah_status kvSet(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, std::uint64_t ttl_ms) noexcept {
    auto done = storeOf(self).set(fromAbi(key), fromAbi(value), milliseconds(ttl_ms), KvStore::Clock::now());
    return done ? HOWDAH_OK : ctx->fail(std::move(done).error());
}
howdah_status kvSetIfAbsent(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value,
                            std::uint64_t ttl_ms) noexcept {
    auto done = storeOf(self).setIfAbsent(fromAbi(key), fromAbi(value), milliseconds(ttl_ms), KvStore::Clock::now());
    if (!done) return ctx->fail(std::move(done).error());
    return *done ? 1 : 0;
}
howdah_status kvAdd(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t ttl_ms,
                    std::int64_t* value) noexcept {
    auto done = storeOf(self).add(fromAbi(key), delta, milliseconds(ttl_ms), KvStore::Clock::now());
    if (!done) return ctx->fail(std::move(done).error());
    *value = *done;
    return HOWDAH_OK;
}
howdah_status kvRemove(void* self, howdah_ctx*, howdah_str key) noexcept {
    storeOf(self).remove(fromAbi(key));
    return HOWDAH_OK;
}

howdah_status kvReplace(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected, howdah_str value,
                        std::uint64_t ttl_ms) noexcept {
    auto done = storeOf(self).replace(fromAbi(key), fromAbi(expected), fromAbi(value), milliseconds(ttl_ms),
                                      KvStore::Clock::now());
    if (!done) return ctx->fail(std::move(done).error());
    return *done ? 1 : 0;
}
howdah_status kvRemoveIf(void* self, howdah_ctx*, howdah_str key, howdah_str expected) noexcept {
    return storeOf(self).removeIf(fromAbi(key), fromAbi(expected), KvStore::Clock::now()) ? 1 : 0;
}
howdah_status kvAddLeased(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t ttl_ms,
                          std::int64_t* value) noexcept {
    auto done = storeOf(self).addLeased(fromAbi(key), delta, milliseconds(ttl_ms), KvStore::Clock::now());
    if (!done) return ctx->fail(std::move(done).error());
    *value = *done;
    return HOWDAH_OK;
}
howdah_status kvPublish(void* self, howdah_ctx* ctx, howdah_str channel, howdah_str message) noexcept {
    auto done = channelsOf(self).publish(fromAbi(channel), fromAbi(message));
    return done ? HOWDAH_OK : ctx->fail(std::move(done).error());
}
howdah_status kvSubscribe(void* self, howdah_ctx* ctx, howdah_str channel, std::uint64_t* subscription) noexcept {
    auto made = channelsOf(self).subscribe(fromAbi(channel));
    if (!made) return ctx->fail(std::move(made).error());
    *subscription = *made;
    return HOWDAH_OK;
}
howdah_status kvReceive(void* self, howdah_ctx* ctx, std::uint64_t subscription, std::uint64_t deadline_ns,
                        howdah_str* message) noexcept {
    Deadline deadline = ctx->waitDeadline();
    if (deadline_ns < static_cast<std::uint64_t>(INT64_MAX))
        deadline = deadline.min(Deadline(Deadline::Clock::time_point(std::chrono::nanoseconds(deadline_ns))));
    Result<KvChannels::Received> received{Error{}};
    WorkerBridge::atHome(
        [&] { received = channelsOf(self).receive(subscription, ctx->request->cancellation, deadline); });
    if (!received) {
        if (received.error().code == Code::timeout) ctx->noteTimeout();
        return ctx->fail(std::move(received).error());
    }
    *message = toAbi(received->message);
    return received->missed ? HOWDAH_KV_MISSED : HOWDAH_OK;
}
void kvUnsubscribe(void* self, std::uint64_t subscription) noexcept {
    channelsOf(self).unsubscribe(subscription);
}

}  // namespace

const howdah_kv_v1 kKernelKv{
    sizeof(howdah_kv_v1), HOWDAH_KV_LOCAL, &kvGet,       &kvSet,     &kvSetIfAbsent, &kvAdd,     &kvRemove,
    &kvReplace,           &kvRemoveIf,     &kvAddLeased, &kvPublish, &kvSubscribe,   &kvReceive, &kvUnsubscribe};

}  // namespace howdah::kernel
