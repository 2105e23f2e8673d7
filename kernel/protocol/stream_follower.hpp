// StreamFollowers: streams that another instance began and whose client came back to this one. A fiber for each says
// here what the other one writes into the shared kv, and when that one has died, ends the call with an error: whether
// it took effect nobody knows, and nothing is done again by itself.
//
// Threads: follow() on a fiber; said() and unknown() any; stop() on a thread that is no shard.
// Owns:    the fibers and the streams they say things on.
// Errors:  a stream whose events cannot be read ends without a last word; its client may come again.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/protocol/instance_link.hpp"
#include "kernel/protocol/session.hpp"
#include "kernel/protocol/shared_texts.hpp"

namespace howdah::kernel {

class StreamFollowers {
public:
    // The other instance tells when there is more; this is for when that was lost, and for its death.
    static constexpr std::chrono::milliseconds kLook{150};
    // The other instance is asked to tell, and again whenever nothing has come for as long: the request may be lost,
    // and what it wrote may not have been kept.
    static constexpr std::chrono::seconds kAskAgain{1};
    static constexpr std::string_view kGone = "gone";  // how a stream ended whose instance died

    static constexpr std::chrono::minutes kEventLife{10};  // of what was said, in the shared kv

    StreamFollowers(const SharedTexts& texts, InstanceLink& link) : texts_(texts), link_(link) {}

    static std::string keyOfEvent(std::string_view session_key, std::string_view instance, StreamLog::Number stream,
                                  std::uint64_t event);
    static std::string keyOfEnd(std::string_view session_key, std::string_view instance, StreamLog::Number stream);

    // False when as many streams of the session are followed as may be open.
    bool follow(const std::shared_ptr<Session>& session, std::string session_key, StreamLog::Position position,
                StreamLog::Link link, std::size_t limit);
    void said(std::string_view session_id, std::string_view instance, StreamLog::Number stream);
    // Its instance knows nothing of it, or no longer.
    void unknown(std::string_view session_id, std::string_view instance, StreamLog::Number stream);
    void stop();

private:
    struct Follower {
        std::shared_ptr<Session> session;
        std::string session_key;
        StreamLog::Position position;  // the event that was said last
        StreamLog::Link link;
        std::atomic<bool> unknown{false};
        Deadline ask_at;  // when to ask (again)
        std::mutex mutex;
        bool more = false;
        std::shared_ptr<Event> wake;  // a new one for each wait
    };
    enum class Step : std::uint8_t { again, wait, over };

    void run(Follower& follower);
    Step step(Follower& follower);
    Step atEnd(Follower& follower, const std::string& how, bool was_unknown);
    void askToTell(Follower& follower);
    bool say(Follower& follower, const std::string& json);
    void fail(Follower& follower, std::string_view why);
    void wait(Follower& follower);
    void wakeThose(std::string_view session_id, std::string_view instance, StreamLog::Number stream, bool unknown);

    const SharedTexts& texts_;
    InstanceLink& link_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<Follower>> followers_;
};

}  // namespace howdah::kernel
