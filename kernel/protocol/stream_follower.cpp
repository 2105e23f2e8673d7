#include "kernel/protocol/stream_follower.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "kernel/protocol/errors.hpp"
#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {
namespace {

constexpr std::string_view kInstanceGone =
    "the server instance that ran this call is gone; whether the call took effect is not known, and nothing is done "
    "again by itself: look, then call again if it did not";
constexpr std::string_view kNotKept =
    "the answer to this call is no longer kept; the call may have taken effect: look at what it was to change, then "
    "call again if it did not";

std::string baseOf(std::string_view session_key, std::string_view instance, StreamLog::Number stream) {
    return concat(session_key, '/', instance, '.', stream, '/');
}

}  // namespace

std::string StreamFollowers::keyOfEvent(std::string_view session_key, std::string_view instance,
                                        StreamLog::Number stream, std::uint64_t event) {
    return baseOf(session_key, instance, stream) + std::to_string(event);
}

std::string StreamFollowers::keyOfEnd(std::string_view session_key, std::string_view instance,
                                      StreamLog::Number stream) {
    return baseOf(session_key, instance, stream) + "end";
}

bool StreamFollowers::follow(const std::shared_ptr<Session>& session, std::string session_key,
                             StreamLog::Position position, StreamLog::Link link, std::size_t limit) {
    auto follower = std::make_shared<Follower>();
    follower->session = session;
    follower->session_key = std::move(session_key);
    follower->position = std::move(position);
    follower->link = std::move(link);
    follower->unknown = follower->position.instance == link_.tag();  // else its log had said it
    {
        const std::lock_guard lock(mutex_);
        const auto same =
            std::ranges::count_if(followers_, [&](const auto& other) { return other->session->id == session->id; });
        if (stopping_ || static_cast<std::size_t>(same) >= limit) return false;
        followers_.push_back(follower);
    }
    const auto leave = [this, follower] {
        follower->link = {};
        const std::lock_guard lock(mutex_);
        std::erase(followers_, follower);
        changed_.notify_all();
    };
    // Its client's going away is seen on the shard that it came to.
    const bool started = Shard::current()->spawn(
        [this, follower, leave] {
            run(*follower);
            leave();
        },
        "stream of another instance");
    if (!started) leave();
    return started;
}

void StreamFollowers::run(Follower& follower) {
    askToTell(follower);
    while (!stopping_ && !follower.session->shared->over && follower.link.open()) {
        switch (step(follower)) {
            case Step::again: follower.ask_at = Deadline::in(kAskAgain); break;
            case Step::wait:
                if (follower.ask_at.passed()) askToTell(follower);
                wait(follower);
                break;
            case Step::over: return;
        }
    }
}

void StreamFollowers::askToTell(Follower& follower) {
    const StreamLog::Position& at = follower.position;
    if (at.instance == link_.tag()) return;
    link_.sayLater({{"k", "follow"},
                    {"to", at.instance},
                    {"s", follower.session->id},
                    {"n", at.stream},
                    {"r", at.request},
                    {"after", at.event}});
    follower.ask_at = Deadline::in(kAskAgain);
}

StreamFollowers::Step StreamFollowers::step(Follower& follower) {
    StreamLog::Position& at = follower.position;
    const std::string next = keyOfEvent(follower.session_key, at.instance, at.stream, at.event + 1);
    const bool was_unknown = follower.unknown;
    const auto event = texts_.get(next);
    if (!event) return Step::over;
    if (*event) return say(follower, **event) ? Step::again : Step::over;
    const std::string end_key = keyOfEnd(follower.session_key, at.instance, at.stream);
    const auto end = texts_.get(end_key);
    if (!end) return Step::over;
    if (*end) return atEnd(follower, **end, was_unknown);
    if (was_unknown) {
        fail(follower, kNotKept);
        return Step::over;
    }
    const auto lives = link_.lives(at.instance);
    if (!lives || *lives) return Step::wait;
    // If it lives after all, and has ended the stream by now, then that counts.
    if (!texts_.putIfAbsent(end_key, kGone, kEventLife)) return Step::over;
    return Step::again;
}

// The end is written behind the events before it: what is missing now was not kept, and only its own instance may have
// it still.
StreamFollowers::Step StreamFollowers::atEnd(Follower& follower, const std::string& how, bool was_unknown) {
    const StreamLog::Position& at = follower.position;
    if (how == kGone) {
        fail(follower, kInstanceGone);
        return Step::over;
    }
    std::uint64_t last = 0;
    const auto read = std::from_chars(how.data(), how.data() + how.size(), last);
    if (read.ec == std::errc() && at.event >= last) return Step::over;
    const auto event = texts_.get(keyOfEvent(follower.session_key, at.instance, at.stream, at.event + 1));
    if (!event) return Step::over;
    if (*event) return say(follower, **event) ? Step::again : Step::over;
    if (!was_unknown)
        if (const auto lives = link_.lives(at.instance); !lives || *lives) return Step::wait;
    fail(follower, kNotKept);
    return Step::over;
}

bool StreamFollowers::say(Follower& follower, const std::string& json) {
    ++follower.position.event;
    return follower.link.peer->pushEvent(json, concat(follower.position.stream_name, '-', follower.position.event));
}

void StreamFollowers::fail(Follower& follower, std::string_view why) {
    (void)say(follower, errorResponse(follower.position.request,
                                      {.code = kInternalError, .http_status = 200, .message = std::string(why)}));
}

void StreamFollowers::wait(Follower& follower) {
    std::shared_ptr<Event> wake;
    {
        const std::lock_guard lock(follower.mutex);
        if (std::exchange(follower.more, false)) return;
        wake = follower.wake = std::make_shared<Event>();
    }
    (void)wake->wait(follower.link.gone.get(), Deadline::in(kLook));
    const std::lock_guard lock(follower.mutex);
    follower.wake = nullptr;
    follower.more = false;
}

void StreamFollowers::wakeThose(std::string_view session_id, std::string_view instance, StreamLog::Number stream,
                                bool unknown) {
    std::vector<std::shared_ptr<Follower>> meant;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& follower : followers_) {
            const StreamLog::Position& at = follower->position;
            if (follower->session->id == session_id && at.instance == instance && at.stream == stream)
                meant.push_back(follower);
        }
    }
    for (const auto& follower : meant) {
        if (unknown) follower->unknown = true;
        std::shared_ptr<Event> wake;
        {
            const std::lock_guard lock(follower->mutex);
            follower->more = true;
            wake = std::exchange(follower->wake, nullptr);
        }
        if (wake) wake->set();
    }
}

void StreamFollowers::said(std::string_view session_id, std::string_view instance, StreamLog::Number stream) {
    wakeThose(session_id, instance, stream, false);
}

void StreamFollowers::unknown(std::string_view session_id, std::string_view instance, StreamLog::Number stream) {
    wakeThose(session_id, instance, stream, true);
}

void StreamFollowers::stop() {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.wait(lock, [this] { return followers_.empty(); });
}

}  // namespace howdah::kernel
