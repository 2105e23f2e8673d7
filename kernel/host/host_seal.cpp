// howdah.seal/1: bound to the plugin, its purpose and the principal of the request.
#include <algorithm>

#include <howdah/host.hpp>

#include "kernel/host/host_services.hpp"
#include "kernel/host/host_tables.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {
namespace {

std::string boundTo(const howdah_ctx& ctx, std::string_view purpose) {
    const Principal& principal = *ctx.request->principal;
    return Sealer::bindingOf({ctx.instance->id(), purpose, principal.subject, principal.tenant});
}

howdah_status give(howdah_ctx* ctx, Result<std::string> made, howdah_str* out) {
    if (!made) return ctx->fail(std::move(made).error());
    std::string_view copy = ctx->request->arena.copy(*made);
    if (!copy.data()) return ctx->fail(outOfMemory());
    *out = toAbi(copy);
    return HOWDAH_OK;
}

howdah_status seal(howdah_ctx* ctx, howdah_str purpose, howdah_str text, std::uint64_t ttl_ms,
                   howdah_str* sealed) noexcept {
    constexpr std::uint64_t kLongestMs = 366ULL * 24 * 3600 * 1000;
    const auto expires = Sealer::Clock::now() + std::chrono::milliseconds(std::min(ttl_ms, kLongestMs));
    const Sealer& sealer = ctx->instance->services().sealer;
    return give(ctx, sealer.seal(fromAbi(text), boundTo(*ctx, fromAbi(purpose)), expires), sealed);
}

howdah_status unseal(howdah_ctx* ctx, howdah_str purpose, howdah_str sealed, howdah_str* text) noexcept {
    const Sealer& sealer = ctx->instance->services().sealer;
    return give(ctx, sealer.open(fromAbi(sealed), boundTo(*ctx, fromAbi(purpose)), Sealer::Clock::now()), text);
}

}  // namespace

const howdah_seal_v1 kHostSeal{sizeof(howdah_seal_v1), 0, &seal, &unseal};

}  // namespace howdah::kernel
