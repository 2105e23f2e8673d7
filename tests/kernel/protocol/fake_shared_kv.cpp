#include "kernel/protocol/fake_shared_kv.hpp"

#include "kernel/host/shared_kv.hpp"

namespace howdah::kernel {
namespace {

using test::FakeSharedKv;

template <typename Use>
auto with(Use&& use) -> decltype(use(*FakeSharedKv::current.load())) {
    FakeSharedKv* const kv = FakeSharedKv::current;
    if (!kv) return Error::unavailable("no plugin offers a howdah.kv/1 that instances share");
    ++kv->asked;
    if (kv->away) return Error::unavailable("the store is away");
    return use(*kv);
}

bool forgets(FakeSharedKv& kv, std::string_view key) {
    if (!kv.forgets || !key.starts_with("session/")) return false;
    ++kv.forgotten;
    return true;
}

KvStore::Clock::time_point storeNow() {
    return KvStore::Clock::now();
}

}  // namespace

std::vector<std::string> FakeSharedKv::written() {
    const std::lock_guard lock(mutex_);
    return written_;
}
void FakeSharedKv::noteWritten(std::string_view key) {
    const std::lock_guard lock(mutex_);
    written_.emplace_back(key);
}

bool SharedKv::offered() const {
    return FakeSharedKv::current != nullptr;
}
Result<std::optional<std::string>> SharedKv::get(std::string_view key) const {
    return with([&](FakeSharedKv& kv) -> Result<std::optional<std::string>> {
        kv.answers_read += key.find("/answer/") != std::string_view::npos ? 1 : 0;
        return kv.store.get(key, storeNow());
    });
}
Result<void> SharedKv::set(std::string_view key, std::string_view value, std::chrono::milliseconds ttl) const {
    return with([&](FakeSharedKv& kv) -> Result<void> {
        if (forgets(kv, key)) return {};
        if (key.starts_with("instance/")) {
            if (kv.refuses_leases) {
                ++kv.leases_refused;
                return Error::unavailable("the store is away");
            }
            ++kv.leases;
        }
        if (key.find("/answer/") != std::string_view::npos) kv.answer_life = ttl;
        kv.noteWritten(key);
        kv.kept += key.starts_with("session/") ? 1 : 0;
        return kv.store.set(key, value, ttl, storeNow());
    });
}
Result<bool> SharedKv::setIfAbsent(std::string_view key, std::string_view value, std::chrono::milliseconds ttl) const {
    return with([&](FakeSharedKv& kv) -> Result<bool> {
        if (forgets(kv, key)) return true;
        return kv.store.setIfAbsent(key, value, ttl, storeNow());
    });
}
Result<bool> SharedKv::replace(std::string_view key, std::string_view expected, std::string_view value,
                               std::chrono::milliseconds ttl) const {
    return with([&](FakeSharedKv& kv) -> Result<bool> {
        for (kv.held += kv.holds ? 1 : 0; kv.holds;)
            (void)sleepUntil(nullptr, Deadline::in(std::chrono::milliseconds(1)));
        if (kv.refuses_changes) {
            ++kv.changes_refused;
            return Error::unavailable("the store is away");
        }
        ++kv.changes;
        auto done = kv.store.replace(key, expected, value, ttl, storeNow());
        for (const bool mine = kv.is_late && !kv.late.exchange(true); mine && kv.is_late;)
            (void)sleepUntil(nullptr, Deadline::in(std::chrono::milliseconds(1)));
        return done;
    });
}
Result<void> SharedKv::remove(std::string_view key) const {
    return with([&](FakeSharedKv& kv) -> Result<void> {
        kv.store.remove(key);
        return {};
    });
}
Result<void> SharedKv::publish(std::string_view channel, std::string_view message) const {
    return with([&](FakeSharedKv& kv) -> Result<void> {
        if (!kv.is_mute) return kv.channels.publish(channel, message);
        ++kv.unheard;
        return {};
    });
}

Result<SharedKv::Listener::Heard> SharedKv::Listener::next(std::string& message, Cancellation* cancellation,
                                                           std::chrono::milliseconds limit) {
    return with([&](FakeSharedKv& kv) -> Result<Heard> {
        if (kv.is_deaf) return Error::unavailable("the store is away");
        if (subscription_ == 0) {
            auto made = kv.channels.subscribe(channel_);
            if (!made) return std::move(made).error();
            subscription_ = *made;
            return Heard::missed;
        }
        auto received = kv.channels.receive(subscription_, cancellation, Deadline::in(limit));
        if (!received && received.error().code == Code::timeout) return Heard::nothing;
        if (!received) return std::move(received).error();
        message.assign(received->message);
        return received->missed ? Heard::missed : Heard::message;
    });
}

void SharedKv::Listener::end() {
    FakeSharedKv* const kv = FakeSharedKv::current;
    if (kv && subscription_ != 0) kv->channels.unsubscribe(std::exchange(subscription_, 0));
}

}  // namespace howdah::kernel
