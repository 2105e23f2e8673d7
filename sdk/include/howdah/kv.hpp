// howdah.kv/1 for a plugin that names it in requires or optional of its plugin.json: values, leases, counters, and
// channels between instances.
//
//     auto kv = Kv::acquire(offer);              // in start()
//     auto heard = kv->subscribe(context, "x");  // in a task of the plugin's own (Jobs::spawn)
//     while (context.goOn()) {
//         auto received = heard->receive(context);
//         if (!received) ...                     // unavailable: messages are being missed; the next call waits for the
//                                                // connection and then says missed
//         else if (received->missed) ...         // messages may have been lost; from now on they come again
//         else use(received->message);           // until the next receive()
//     }
//
// Threads: functions that take a Context in its call. A Subscription is received from by one at a time.
// Owns:    a Subscription ends with its object, which must go before the plugin's stop() returns.
// Errors:  of the provider: unavailable, with retry_after_ms where it is known; invalid_argument for sizes; refused
//          where a provider has no leases or channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <howdah/abi/auth.h>
#include <howdah/plugin.hpp>
#include <howdah/waiting.hpp>

namespace howdah {

class Kv {
public:
    class Subscription;

    Kv() = default;
    Kv(const howdah_kv_v1* table, void* self) : table_(table), self_(self) {}
    // None is set where no plugin offers it and the kernel does not either.
    static Result<Kv> acquire(Offer& offer) {
        auto found = offer.acquire<howdah_kv_v1>(HOWDAH_KV_1);
        if (!found) return found.error();
        return Kv(found->table, found->self);
    }
    explicit operator bool() const { return table_ != nullptr; }
    // By other processes, too; the kernel's own is this one's memory.
    bool isShared() const { return table_ && !(table_->reserved & HOWDAH_KV_LOCAL); }
    // Leases, and channels.
    bool isWhole() const { return table_ && table_->struct_size >= sizeof(howdah_kv_v1) && table_->unsubscribe; }

    // not_found when absent or expired.
    Result<std::string> get(const Context& context, std::string_view key) const {
        howdah_str value{};
        if (table_->get(self_, context.raw(), toAbi(key), &value) < 0) return context.lastError();
        return std::string(fromAbi(value));
    }
    Result<void> set(const Context& context, std::string_view key, std::string_view value, std::uint64_t ttl_ms) const {
        return context.check(table_->set(self_, context.raw(), toAbi(key), toAbi(value), ttl_ms));
    }
    Result<bool> setIfAbsent(const Context& context, std::string_view key, std::string_view value,
                             std::uint64_t ttl_ms) const {
        return answered(context, table_->set_if_absent(self_, context.raw(), toAbi(key), toAbi(value), ttl_ms));
    }
    Result<std::int64_t> add(const Context& context, std::string_view key, std::int64_t delta,
                             std::uint64_t ttl_ms) const {
        std::int64_t value = 0;
        if (table_->add(self_, context.raw(), toAbi(key), delta, ttl_ms, &value) < 0) return context.lastError();
        return value;
    }
    Result<void> remove(const Context& context, std::string_view key) const {
        return context.check(table_->remove(self_, context.raw(), toAbi(key)));
    }

    // --- refused unless isWhole()

    // False when the value is another one or absent; the time to live begins anew.
    Result<bool> replace(const Context& context, std::string_view key, std::string_view expected,
                         std::string_view value, std::uint64_t ttl_ms) const {
        if (!isWhole()) return lacking();
        return answered(context,
                        table_->replace(self_, context.raw(), toAbi(key), toAbi(expected), toAbi(value), ttl_ms));
    }
    // A lease: false when somebody else holds it, or nobody.
    Result<bool> renew(const Context& context, std::string_view key, std::string_view holder,
                       std::uint64_t ttl_ms) const {
        return replace(context, key, holder, holder, ttl_ms);
    }
    Result<bool> removeIf(const Context& context, std::string_view key, std::string_view expected) const {
        if (!isWhole()) return lacking();
        return answered(context, table_->remove_if(self_, context.raw(), toAbi(key), toAbi(expected)));
    }
    // A counter whose time to live begins anew with each use.
    Result<std::int64_t> addLeased(const Context& context, std::string_view key, std::int64_t delta,
                                   std::uint64_t ttl_ms) const {
        if (!isWhole()) return lacking();
        std::int64_t value = 0;
        if (table_->add_leased(self_, context.raw(), toAbi(key), delta, ttl_ms, &value) < 0) return context.lastError();
        return value;
    }
    Result<void> publish(const Context& context, std::string_view channel, std::string_view message) const {
        if (!isWhole()) return lacking();
        return context.check(table_->publish(self_, context.raw(), toAbi(channel), toAbi(message)));
    }
    Result<Subscription> subscribe(const Context& context, std::string_view channel) const;

private:
    static Error lacking() {
        return Error::refused("what offers howdah.kv/1 was built before it had leases and channels");
    }
    static Result<bool> answered(const Context& context, howdah_status status) {
        if (status < 0) return context.lastError();
        return status == 1;
    }

    const howdah_kv_v1* table_ = nullptr;
    void* self_ = nullptr;
};

class Kv::Subscription {
public:
    Subscription() = default;
    Subscription(Subscription&& other) noexcept : kv_(std::exchange(other.kv_, Kv())), number_(other.number_) {}
    Subscription& operator=(Subscription&& other) noexcept {
        std::swap(kv_, other.kv_);
        std::swap(number_, other.number_);
        return *this;
    }
    ~Subscription() {
        if (kv_) kv_.table_->unsubscribe(kv_.self_, number_);
    }
    explicit operator bool() const { return static_cast<bool>(kv_); }

    struct Received {
        bool missed = false;       // instead of a message
        std::string_view message;  // until the next receive()
    };
    Result<Received> receive(const Context& context, std::uint64_t deadline_ns = kNoDeadline) const {
        howdah_str message{};
        const howdah_status status = kv_.table_->receive(kv_.self_, context.raw(), number_, deadline_ns, &message);
        if (status < 0) return context.lastError();
        if (status == HOWDAH_KV_MISSED) return Received{.missed = true, .message = {}};
        return Received{.missed = false, .message = fromAbi(message)};
    }

private:
    friend class Kv;
    Subscription(const Kv& kv, std::uint64_t number) : kv_(kv), number_(number) {}

    Kv kv_;
    std::uint64_t number_ = 0;
};

inline Result<Kv::Subscription> Kv::subscribe(const Context& context, std::string_view channel) const {
    if (!isWhole()) return lacking();
    std::uint64_t number = 0;
    if (table_->subscribe(self_, context.raw(), toAbi(channel), &number) < 0) return context.lastError();
    return Subscription(*this, number);
}

}  // namespace howdah
