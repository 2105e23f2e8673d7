#include "kernel/host/kv_channels.hpp"

#include <utility>

#include "kernel/host/kv_store.hpp"

namespace howdah::kernel {
namespace {

Result<void> checkChannel(std::string_view channel) {
    if (!channel.empty() && channel.size() <= KvStore::kKeyBytesMax) return {};
    return Error::invalidArgument("a channel must have 1 to ", KvStore::kKeyBytesMax, " bytes, got ", channel.size());
}

}  // namespace

Result<void> KvChannels::publish(std::string_view channel, std::string_view message) {
    if (auto sound = checkChannel(channel); !sound) return sound;
    if (message.size() > KvStore::kValueBytesMax)
        return Error::invalidArgument("a message must have at most ", KvStore::kValueBytesMax, " bytes, got ",
                                      message.size());
    const std::size_t size = message.size() + sizeof(std::string);
    std::vector<std::shared_ptr<Event>> woken;
    {
        const std::lock_guard lock(mutex_);
        auto found = by_channel_.find(std::string{channel});
        if (found == by_channel_.end()) return {};
        for (const auto& listener : found->second) {
            if (listener->waiting_bytes + size > kWaitingBytesMax) {
                listener->waiting.clear();
                listener->waiting_bytes = 0;
                listener->missed = true;
            } else {
                // What follows a loss is kept: it comes once that has been told.
                listener->waiting.emplace_back(message);
                listener->waiting_bytes += size;
            }
            if (listener->arrived) woken.push_back(std::exchange(listener->arrived, nullptr));
        }
    }
    for (const auto& event : woken)
        event->set();
    return {};
}

Result<std::uint64_t> KvChannels::subscribe(std::string_view channel) {
    if (auto sound = checkChannel(channel); !sound) return std::move(sound).error();
    const std::lock_guard lock(mutex_);
    if (listeners_.size() >= kSubscriptionsMax)
        return Error::unavailable("there are ", kSubscriptionsMax, " subscriptions, as many as there may be");
    auto listener = std::make_shared<Listener>();
    listener->channel = channel;
    by_channel_[listener->channel].push_back(listener);
    listeners_.emplace(++last_, std::move(listener));
    return last_;
}

void KvChannels::unsubscribe(std::uint64_t subscription) {
    const std::lock_guard lock(mutex_);
    auto found = listeners_.extract(subscription);
    if (found.empty()) return;
    const auto channel = by_channel_.find(found.mapped()->channel);
    std::erase(channel->second, found.mapped());
    if (channel->second.empty()) by_channel_.erase(channel);
}

// What there is, or the event that tells of it.
std::shared_ptr<Event> KvChannels::take(Listener& listener, bool& ready, Received& received) {
    const std::lock_guard lock(mutex_);
    ready = true;
    if (std::exchange(listener.missed, false)) {
        received.missed = true;
        return nullptr;
    }
    if (!listener.waiting.empty()) {
        listener.taken = std::move(listener.waiting.front());
        listener.waiting.pop_front();
        listener.waiting_bytes -= listener.taken.size() + sizeof(std::string);
        received.message = listener.taken;
        return nullptr;
    }
    ready = false;
    return listener.arrived = std::make_shared<Event>();
}

Result<KvChannels::Received> KvChannels::receive(std::uint64_t subscription, Cancellation* cancellation,
                                                 Deadline deadline) {
    std::shared_ptr<Listener> listener;
    {
        const std::lock_guard lock(mutex_);
        const auto found = listeners_.find(subscription);
        if (found == listeners_.end()) return Error::notFound("no such subscription");
        listener = found->second;
    }
    for (;;) {
        Received received;
        bool ready = false;
        const std::shared_ptr<Event> arrived = take(*listener, ready, received);
        if (ready) return received;
        const WaitStatus status = arrived->wait(cancellation, deadline);
        if (status != WaitStatus::ready) return waitError(status, cancellation, "a message");
    }
}

}  // namespace howdah::kernel
