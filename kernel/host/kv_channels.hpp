// KvChannels: messages to whoever listens at that moment, inside this process; what the kernel's howdah.kv/1 publishes.
// A listener takes its messages when it likes, within a bound: one that falls behind loses all that waits for it, and
// is told so with its next look.
//
// Threads: publish(), subscribe() and unsubscribe() any; receive() on a fiber, one for each subscription at a time.
// Owns:    the messages that wait, and of each subscription the last one that was taken.
// Errors:  invalid_argument for a channel or message that is too large, unavailable when there are too many
//          subscriptions, not_found, timeout, cancelled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

class KvChannels {
public:
    static constexpr std::size_t kSubscriptionsMax = 1024;
    static constexpr std::size_t kWaitingBytesMax = 1u << 20;  // of one subscription

    Result<void> publish(std::string_view channel, std::string_view message);
    Result<std::uint64_t> subscribe(std::string_view channel);
    void unsubscribe(std::uint64_t subscription);

    struct Received {
        bool missed = false;       // instead of a message
        std::string_view message;  // until the next receive() of that subscription
    };
    Result<Received> receive(std::uint64_t subscription, Cancellation* cancellation, Deadline deadline);

private:
    struct Listener {
        std::string channel;
        std::deque<std::string> waiting;
        std::size_t waiting_bytes = 0;
        bool missed = false;
        std::string taken;
        std::shared_ptr<Event> arrived;  // while somebody waits
    };
    std::shared_ptr<Event> take(Listener& listener, bool& ready, Received& received);

    std::mutex mutex_;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, std::shared_ptr<Listener>> listeners_;
    std::unordered_map<std::string, std::vector<std::shared_ptr<Listener>>> by_channel_;
};

}  // namespace howdah::kernel
