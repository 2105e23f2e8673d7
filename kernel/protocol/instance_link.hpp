// InstanceLink: this process as one of several that share a kv. It has a name that others find in ids, a lease that
// says that it lives, a channel on which all say things to each other, and a queue of what is to be written in order.
//
//   lease     instance/<tag>, sealed, kLease long and renewed long before: without it an instance counts as dead
//   channel   "instances"; each message is a JSON object, sealed; "to" names one instance, else it is for all others
//
// Threads: start() and stop() on a thread that is no shard; later() any; the rest on a fiber.
// Owns:    four fibers of the first shard (lease, ticks, channel, queue) between start() and stop(). The lease
//          has one to itself: nothing that waits for something else may keep it from being renewed.
// Errors:  those of kv.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/host/shared_kv.hpp"
#include "kernel/protocol/shared_texts.hpp"
#include "kernel/runtime/event.hpp"
#include "kernel/runtime/runtime.hpp"

namespace howdah::kernel {

class InstanceLink {
public:
    // A dead instance is found dead within kLease and one look of whoever waits for it, which together are under 2 s.
    static constexpr std::chrono::milliseconds kLease{1'500};
    static constexpr std::chrono::milliseconds kRenewal{400};
    // Who could not renew its own lease (the kv was away) judges nobody dead for so long after its last failure: the
    // others could not either, and may be let wait by their client of the kv before they try again (redis: up to 5 s).
    static constexpr std::chrono::milliseconds kJudgesAgain{5'000 + 2 * kLease.count()};
    static constexpr std::size_t kTagBytes = 16;
    static constexpr std::size_t kQueueBytesMax = 8u << 20;

    struct Listener {
        std::function<void(const Json&)> message;  // on the channel's fiber; must not wait
        std::function<void()> missed;              // messages may have been lost; the same
        std::function<void()> tick;                // each kRenewal, on a fiber of its own; may wait
    };

    InstanceLink(Runtime& runtime, const GenerationStore& generations, const SharedKv& kv, const SharedTexts& texts);

    void start(Listener listener);
    // Writes what is queued, within a second, and gives the lease back.
    void stop();

    const std::string& tag() const { return tag_; }
    static bool isTag(std::string_view text);

    // Before anything is given out that names this instance.
    Result<void> holdLease();
    // Also true while this instance is in no position to tell.
    Result<bool> lives(std::string_view tag);

    Result<void> say(Json message);
    // [any] In order; dropped, and told in the log, when kQueueBytesMax are queued. Whatever it does may fail, and then
    // is not done again.
    void later(std::size_t bytes, std::function<void()> work);
    void sayLater(Json message);

private:
    using Clock = std::chrono::steady_clock;
    struct Work {
        std::size_t bytes;
        std::function<void()> run;
    };

    void spawn(std::promise<void>& ended, void (InstanceLink::*loop)(), const char* label);
    void lease();
    Result<void> publish(std::string_view text);
    Result<void> renewLease();
    bool mayJudge() const;
    void tick();
    void listen();
    void write();
    void hear(std::string_view sealed);
    bool stopping() const { return cancellation_->requested(); }

    Shard& shard_;
    const GenerationStore& generations_;
    const SharedKv& kv_;
    const SharedTexts& texts_;
    const std::string tag_;  // "" when the system gave no randomness: then nothing is shared
    Listener listener_;
    std::shared_ptr<Cancellation> cancellation_;  // null before start() and when it has stopped
    std::promise<void> lease_ended_;
    std::promise<void> ticks_ended_;
    std::promise<void> channel_ended_;
    std::promise<void> queue_ended_;
    std::atomic<std::int64_t> leased_until_ns_{0};
    std::atomic<std::int64_t> judges_at_ns_{0};

    std::mutex queue_mutex_;
    std::deque<Work> queue_;
    std::size_t queue_bytes_ = 0;
    std::uint64_t queue_lost_ = 0;  // since it was empty
    bool queue_closed_ = false;
    std::shared_ptr<Event> queue_wake_;  // a new one for each wait, so that a late set() meets nothing of the next

    struct Look {
        Clock::time_point at;
        bool lives;
    };
    std::mutex looks_mutex_;
    std::unordered_map<std::string, Look> looks_;  // at other instances' leases, for a moment
};

}  // namespace howdah::kernel
