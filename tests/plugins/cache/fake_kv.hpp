// howdah.kv/1 that several instances in one test share, as a server of its own would be: the kernel's own store, and
// channels for threads. A test looks at it, changes it, and is called before each operation.
//
// Threads: any; `before` is called on the thread of whoever asks, without the lock.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/abi/auth.h>
#include <howdah/test/fake_host.hpp>

#include "kernel/host/kv_store.hpp"

namespace howdah::cache::test {

class FakeKv {
public:
    explicit FakeKv(std::uint32_t flags = 0)
        : table_{sizeof table_, flags,     &get, &set,     &setIfAbsent, &add,     &remove,
                 &replace,      &removeIf, &add, &publish, &subscribe,   &receive, &unsubscribe} {}
    std::pair<const void*, void*> service() { return {&table_, this}; }

    // Before an operation is done; an error is its answer instead.
    using Before = std::function<std::optional<Error>(std::string_view what, std::string_view key)>;
    void setBefore(Before before) {
        const std::lock_guard lock(mutex_);
        before_ = std::make_shared<const Before>(std::move(before));
    }

    // --- the test as one more instance
    std::optional<std::string> value(std::string_view key) const {
        const std::lock_guard lock(mutex_);
        return store_->get(key, Store::Clock::now());
    }
    void put(std::string_view key, std::string_view value) {
        const std::lock_guard lock(mutex_);
        (void)store_->set(key, value, {}, Store::Clock::now());
    }
    void erase(std::string_view key) {
        const std::lock_guard lock(mutex_);
        store_->remove(key);
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        store_ = std::make_unique<Store>();
    }
    std::int64_t count(std::string_view key, std::int64_t delta) {
        const std::lock_guard lock(mutex_);
        return *store_->add(key, delta, {}, Store::Clock::now());
    }
    void tell(std::string_view channel, std::string_view message) {
        const std::lock_guard lock(mutex_);
        for (auto& [number, listener] : listeners_)
            if (listener.channel == channel) listener.waiting.emplace_back(message);
        told_.emplace_back(channel, message);
        arrived_.notify_all();
    }
    // Whoever listens is told so at once, each time; what was published meanwhile is lost.
    void setDeaf(bool deaf) {
        const std::lock_guard lock(mutex_);
        deaf_ = deaf;
        for (auto& [number, listener] : listeners_) {
            listener.waiting.clear();
            listener.missed = true;
        }
        arrived_.notify_all();
    }
    // How often that was told of channels that are called so, among other things.
    std::size_t failedToHear(std::string_view part) const {
        const std::lock_guard lock(mutex_);
        std::size_t sum = 0;
        for (const auto& [number, listener] : listeners_)
            if (listener.channel.find(part) != std::string::npos) sum += listener.failed;
        return sum;
    }
    // All that waits is lost, and who listens is told so.
    void lose() {
        const std::lock_guard lock(mutex_);
        for (auto& [number, listener] : listeners_) {
            listener.waiting.clear();
            listener.missed = true;
        }
        arrived_.notify_all();
    }
    // How many were received of channels that end so.
    std::size_t taken(std::string_view channel) const {
        const std::lock_guard lock(mutex_);
        std::size_t sum = 0;
        for (const auto& [name, count] : taken_)
            if (name.ends_with(channel)) sum += count;
        return sum;
    }
    // Messages that were published so far, of channels that end so.
    std::vector<std::string> told(std::string_view channel) const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> all;
        for (const auto& [name, message] : told_)
            if (name.ends_with(channel)) all.push_back(message);
        return all;
    }

private:
    using Store = kernel::KvStore;
    struct Listener {
        std::string channel;
        std::deque<std::string> waiting;
        std::string taken;
        bool missed = false;
        std::size_t failed = 0;
    };

    static FakeKv& of(void* self) { return *static_cast<FakeKv*>(self); }
    static std::chrono::milliseconds lifeOf(std::uint64_t ttl_ms) { return std::chrono::milliseconds(ttl_ms); }
    // With the lock, unless the test or the end of the request says no.
    template <typename Body>
    static howdah_status with(void* self, howdah_ctx* ctx, std::string_view what, howdah_str key, Body&& body) {
        FakeKv& own = of(self);
        const auto fail = [&](Error error) {
            ctx->error = std::move(error);
            return static_cast<howdah_status>(ctx->error.code);
        };
        std::shared_ptr<const Before> before;
        {
            const std::lock_guard lock(own.mutex_);
            before = own.before_;
        }
        if (before && *before)
            if (auto error = (*before)(what, fromAbi(key))) return fail(std::move(*error));
        howdah_status status = HOWDAH_OK;
        {
            const std::lock_guard lock(own.mutex_);
            status = body(own);
        }
        // What is sent by a request that is over is done, and its answer not waited for.
        if (ctx->cancelled) return fail(Error::cancelled("the request was cancelled"));
        if (howdah::test::monotonicNs() >= ctx->deadline_ns) return fail(Error::timeout("the deadline has passed"));
        return status;
    }

    static howdah_status get(void* self, howdah_ctx* ctx, howdah_str key, howdah_str* value) {
        return with(self, ctx, "get", key, [&](FakeKv& own) -> howdah_status {
            const auto found = own.store_->get(fromAbi(key), Store::Clock::now());
            if (!found) {
                ctx->error = Error::notFound("no value with this key");
                return HOWDAH_ERROR_NOT_FOUND;
            }
            ctx->arena.push_back(std::make_unique<unsigned char[]>(found->size() + 1));
            std::memcpy(ctx->arena.back().get(), found->data(), found->size());
            *value = {reinterpret_cast<const char*>(ctx->arena.back().get()), found->size()};
            return HOWDAH_OK;
        });
    }
    static howdah_status set(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, std::uint64_t ttl_ms) {
        return with(self, ctx, "set", key, [&](FakeKv& own) -> howdah_status {
            const auto done = own.store_->set(fromAbi(key), fromAbi(value), lifeOf(ttl_ms), Store::Clock::now());
            if (!done) ctx->error = done.error();
            return done ? HOWDAH_OK : static_cast<howdah_status>(done.error().code);
        });
    }
    static howdah_status setIfAbsent(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value,
                                     std::uint64_t ttl_ms) {
        return with(self, ctx, "set_if_absent", key, [&](FakeKv& own) -> howdah_status {
            return *own.store_->setIfAbsent(fromAbi(key), fromAbi(value), lifeOf(ttl_ms), Store::Clock::now());
        });
    }
    static howdah_status add(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t,
                             std::int64_t* value) {
        return with(self, ctx, "add", key, [&](FakeKv& own) -> howdah_status {
            *value = *own.store_->add(fromAbi(key), delta, {}, Store::Clock::now());
            return HOWDAH_OK;
        });
    }
    static howdah_status remove(void* self, howdah_ctx* ctx, howdah_str key) {
        return with(self, ctx, "remove", key, [&](FakeKv& own) -> howdah_status {
            own.store_->remove(fromAbi(key));
            return HOWDAH_OK;
        });
    }
    static howdah_status replace(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected, howdah_str value,
                                 std::uint64_t ttl_ms) {
        return with(self, ctx, "replace", key, [&](FakeKv& own) -> howdah_status {
            return *own.store_->replace(fromAbi(key), fromAbi(expected), fromAbi(value), lifeOf(ttl_ms),
                                        Store::Clock::now());
        });
    }
    static howdah_status removeIf(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected) {
        return with(self, ctx, "remove_if", key, [&](FakeKv& own) -> howdah_status {
            return own.store_->removeIf(fromAbi(key), fromAbi(expected), Store::Clock::now());
        });
    }
    static howdah_status publish(void* self, howdah_ctx* ctx, howdah_str channel, howdah_str message) {
        const howdah_status asked =
            with(self, ctx, "publish", channel, [](FakeKv&) -> howdah_status { return HOWDAH_OK; });
        if (asked >= 0) of(self).tell(fromAbi(channel), fromAbi(message));
        return asked;
    }
    static howdah_status subscribe(void* self, howdah_ctx* ctx, howdah_str channel, std::uint64_t* subscription) {
        return with(self, ctx, "subscribe", channel, [&](FakeKv& own) -> howdah_status {
            *subscription = ++own.last_;
            own.listeners_[own.last_].channel = fromAbi(channel);
            return HOWDAH_OK;
        });
    }
    static howdah_status receive(void* self, howdah_ctx* ctx, std::uint64_t subscription, std::uint64_t deadline_ns,
                                 howdah_str* message) {
        FakeKv& own = of(self);
        std::unique_lock lock(own.mutex_);
        for (;;) {
            Listener& listener = own.listeners_.at(subscription);
            if (own.deaf_) {
                ++listener.failed;
                ctx->error = Error::unavailable("nothing is heard at the moment");
                return HOWDAH_ERROR_UNAVAILABLE;
            }
            if (std::exchange(listener.missed, false)) return HOWDAH_KV_MISSED;
            if (!listener.waiting.empty()) {
                listener.taken = std::move(listener.waiting.front());
                listener.waiting.pop_front();
                ++own.taken_[listener.channel];
                *message = toAbi(listener.taken);
                return HOWDAH_OK;
            }
            if (ctx->cancelled) {
                ctx->error = Error::cancelled("the request was cancelled");
                return HOWDAH_ERROR_CANCELLED;
            }
            if (howdah::test::monotonicNs() >= deadline_ns) {
                ctx->error = Error::timeout("no message came in time");
                return HOWDAH_ERROR_TIMEOUT;
            }
            // A cancel has no way to this condition: it is looked for every few milliseconds.
            own.arrived_.wait_for(lock, std::chrono::milliseconds(2));
        }
    }
    static void unsubscribe(void* self, std::uint64_t subscription) {
        const std::lock_guard lock(of(self).mutex_);
        of(self).listeners_.erase(subscription);
    }

    const howdah_kv_v1 table_;
    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::unique_ptr<Store> store_ = std::make_unique<Store>();
    std::map<std::uint64_t, Listener> listeners_;
    std::vector<std::pair<std::string, std::string>> told_;
    std::map<std::string, std::size_t> taken_;
    std::uint64_t last_ = 0;
    bool deaf_ = false;
    std::shared_ptr<const Before> before_;
};

}  // namespace howdah::cache::test
