// Waiting without holding a shard: sockets, events, tasks and work on plain threads, as RAII over abi/runtime.h.
#pragma once

#include <cstdint>
#include <utility>

#include <howdah/abi/runtime.h>
#include <howdah/host.hpp>

namespace howdah {

inline constexpr std::uint64_t kNoDeadline = UINT64_MAX;

// Watches one descriptor on the shard that made it. The descriptor stays the plugin's; release before closing it.
class Socket {
public:
    Socket() = default;
    Socket(Socket&& other) noexcept : host_(other.host_), handle_(std::exchange(other.handle_, 0)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(host_, other.host_);
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Socket() { release(); }

    static Result<Socket> adopt(const Context& context, int descriptor) {
        Socket socket;
        std::uint64_t handle = 0;
        if (context.host().reactor().socket_adopt(context.raw(), descriptor, &handle) < 0) return context.lastError();
        socket.host_ = &context.host();
        socket.handle_ = handle;
        return socket;
    }

    // The ready bits, or HOWDAH_ERROR_TIMEOUT / CANCELLED.
    howdah_status wait(const Context& context, std::uint32_t mask, std::uint64_t deadline_ns = kNoDeadline) const {
        return context.host().reactor().socket_wait(context.raw(), handle_, mask, deadline_ns);
    }

    void release() {
        if (handle_) host_->reactor().socket_release(host_->raw(), std::exchange(handle_, 0));
    }
    explicit operator bool() const { return handle_ != 0; }

private:
    const Host* host_ = nullptr;
    std::uint64_t handle_ = 0;
};

// A flag that wakes one waiter; set() may come from any thread, before or after the wait begins.
class Event {
public:
    explicit Event(const Host& host) : host_(&host) { host.reactor().event_create(host.raw(), &handle_); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { host_->reactor().event_destroy(host_->raw(), handle_); }

    howdah_status wait(const Context& context, std::uint64_t deadline_ns = kNoDeadline) const {
        return host_->reactor().event_wait(context.raw(), handle_, deadline_ns);
    }
    void set() const { host_->reactor().event_set(host_->raw(), handle_); }

private:
    const Host* host_;
    std::uint64_t handle_ = 0;
};

}  // namespace howdah
