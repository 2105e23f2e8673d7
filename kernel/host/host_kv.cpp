// howdah.kv/1 as the kernel offers it: this process's memory.
#include <howdah/host.hpp>

#include "kernel/host/host_tables.hpp"
#include "kernel/host/kv_store.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {
namespace {

KvStore& storeOf(void* self) {
    return *static_cast<KvStore*>(self);
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

}  // namespace

const howdah_kv_v1 kKernelKv{sizeof(howdah_kv_v1), 0, &kvGet, &kvSet, &kvSetIfAbsent, &kvAdd, &kvRemove};

}  // namespace howdah::kernel
