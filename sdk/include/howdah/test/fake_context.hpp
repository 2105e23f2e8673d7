// What a fake kernel keeps for one request, and the interfaces that need nothing else: howdah.context/1, howdah.seal/1.
//
// Threads: the one that made the context, except cancel().
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include <howdah/abi/runtime.h>
#include <howdah/host.hpp>
#include <howdah/result.hpp>

namespace howdah::test {
class FakeHost;
}

// What the kernel keeps for one request; opaque to plugins.
struct howdah_ctx {
    explicit howdah_ctx(howdah::test::FakeHost& its_host) : host(&its_host), cancel_signal(eventfd(0, EFD_CLOEXEC)) {}
    howdah_ctx(const howdah_ctx&) = delete;
    howdah_ctx& operator=(const howdah_ctx&) = delete;
    ~howdah_ctx() { close(cancel_signal); }

    howdah::test::FakeHost* host;
    std::uint64_t deadline_ns = UINT64_MAX;
    std::uint32_t shard = 0;
    std::atomic<bool> cancelled{false};
    int cancel_signal;  // readable once cancelled, for poll()
    howdah::Error error;
    std::vector<std::unique_ptr<unsigned char[]>> arena;
};

namespace howdah::test {

inline std::uint64_t monotonicNs() {
    auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

namespace fake {

inline howdah_status failWith(howdah_ctx* ctx, Error error) {
    ctx->error = std::move(error);
    return static_cast<howdah_status>(ctx->error.code);
}
inline howdah_status over(howdah_ctx* ctx) {
    if (ctx->cancelled) return failWith(ctx, Error::cancelled("the request was cancelled"));
    if (monotonicNs() >= ctx->deadline_ns) return failWith(ctx, Error::timeout("the deadline has passed"));
    return HOWDAH_OK;
}
inline int pollMs(std::uint64_t until_ns) {
    if (until_ns == UINT64_MAX) return -1;
    std::uint64_t now = monotonicNs();
    return until_ns <= now ? 0 : static_cast<int>(std::min<std::uint64_t>((until_ns - now) / 1'000'000 + 1, 60'000));
}

// From any thread.
inline void cancel(howdah_ctx& ctx) {
    ctx.cancelled = true;
    std::uint64_t one = 1;
    if (write(ctx.cancel_signal, &one, sizeof one) < 0) std::abort();
}

// --- howdah.context/1
inline howdah_status fail(howdah_ctx* ctx, const howdah_error* error) {
    return failWith(ctx, fromAbi(*error));
}
inline void lastError(howdah_ctx* ctx, howdah_error* out) {
    *out = toAbi(ctx->error);
}
inline void* alloc(howdah_ctx* ctx, std::uint64_t size) {
    ctx->arena.push_back(std::make_unique<unsigned char[]>(size + 1));
    return ctx->arena.back().get();
}
inline howdah_status status(howdah_ctx* ctx) {
    if (ctx->cancelled) return HOWDAH_ERROR_CANCELLED;
    return monotonicNs() >= ctx->deadline_ns ? HOWDAH_ERROR_TIMEOUT : HOWDAH_OK;
}
inline std::uint64_t deadlineNs(howdah_ctx* ctx) {
    return ctx->deadline_ns;
}
inline std::uint64_t nowNs(const howdah_host*) {
    return monotonicNs();
}

inline howdah_status keep(howdah_ctx* ctx, std::string_view text, howdah_str* out) {
    auto* place = static_cast<char*>(alloc(ctx, text.size()));
    std::char_traits<char>::copy(place, text.data(), text.size());
    *out = {place, text.size()};
    return HOWDAH_OK;
}

// --- howdah.seal/1. Readable, for a test to look at: "purpose text".
inline howdah_status seal(howdah_ctx* ctx, howdah_str purpose, howdah_str text, std::uint64_t, howdah_str* sealed) {
    return keep(ctx, concat(fromAbi(purpose), ' ', fromAbi(text)), sealed);
}
inline howdah_status unseal(howdah_ctx* ctx, howdah_str purpose, howdah_str sealed, howdah_str* text) {
    std::string_view given = fromAbi(sealed);
    const std::string prefix = concat(fromAbi(purpose), ' ');
    if (!given.starts_with(prefix)) return failWith(ctx, Error::notFound("unknown or expired handle"));
    return keep(ctx, given.substr(prefix.size()), text);
}

}  // namespace fake

}  // namespace howdah::test
