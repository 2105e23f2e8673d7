// howdah.reactor/1 of a fake kernel, as far as it is of one thread that waits: sockets by poll(), events by a
// condition.
//
// Threads: each call blocks the thread that makes it.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include <poll.h>

#include <howdah/test/fake_context.hpp>

namespace howdah::test::fake {

struct Event {
    std::mutex mutex;
    std::condition_variable changed;
    bool set = false;
};

// --- howdah.reactor/1. A socket's handle is descriptor + 1.
inline std::uint32_t shard(howdah_ctx* ctx) {
    return ctx->shard;
}
inline howdah_status socketAdopt(howdah_ctx* ctx, std::int32_t descriptor, std::uint64_t* socket) {
    if (descriptor < 0) return failWith(ctx, Error::invalidArgument("no descriptor"));
    *socket = static_cast<std::uint64_t>(descriptor) + 1;
    return HOWDAH_OK;
}
inline howdah_status socketWait(howdah_ctx* ctx, std::uint64_t socket, std::uint32_t mask, std::uint64_t until_ns) {
    std::uint64_t limit = std::min(until_ns, ctx->deadline_ns);
    auto events = static_cast<short>((mask & HOWDAH_READABLE ? POLLIN : 0) | (mask & HOWDAH_WRITABLE ? POLLOUT : 0));
    for (;;) {
        if (ctx->cancelled) return over(ctx);
        pollfd watched[2] = {{static_cast<int>(socket - 1), events, 0}, {ctx->cancel_signal, POLLIN, 0}};
        int ready = poll(watched, 2, pollMs(limit));
        if (ready > 0 && watched[0].revents) {
            bool failed = (watched[0].revents & (POLLERR | POLLHUP)) != 0;
            std::uint32_t bits = (watched[0].revents & POLLIN ? HOWDAH_READABLE : 0u) |
                                 (watched[0].revents & POLLOUT ? HOWDAH_WRITABLE : 0u);
            return static_cast<howdah_status>(failed ? mask : bits);
        }
        if (monotonicNs() >= limit) return failWith(ctx, Error::timeout("the wait for a socket timed out"));
    }
}
inline void socketRelease(const howdah_host*, std::uint64_t) {}

inline howdah_status eventCreate(const howdah_host*, std::uint64_t* event) {
    *event = reinterpret_cast<std::uintptr_t>(new Event);
    return HOWDAH_OK;
}
inline howdah_status eventWait(howdah_ctx* ctx, std::uint64_t handle, std::uint64_t until_ns) {
    Event& event = *reinterpret_cast<Event*>(static_cast<std::uintptr_t>(handle));
    std::uint64_t limit = std::min(until_ns, ctx->deadline_ns);
    std::unique_lock lock(event.mutex);
    for (;;) {
        if (std::exchange(event.set, false)) return HOWDAH_OK;
        if (ctx->cancelled) return over(ctx);
        std::uint64_t now = monotonicNs();
        if (now >= limit) return failWith(ctx, Error::timeout("the wait for an event timed out"));
        // A cancel has no way to this condition: it is looked for every few milliseconds.
        event.changed.wait_for(lock, std::chrono::nanoseconds(std::min<std::uint64_t>(limit - now, 5'000'000)));
    }
}
inline void eventSet(const howdah_host*, std::uint64_t handle) {
    Event& event = *reinterpret_cast<Event*>(static_cast<std::uintptr_t>(handle));
    std::lock_guard lock(event.mutex);
    event.set = true;
    event.changed.notify_one();
}
inline void eventDestroy(const howdah_host*, std::uint64_t handle) {
    delete reinterpret_cast<Event*>(static_cast<std::uintptr_t>(handle));
}

}  // namespace howdah::test::fake
