// Work on the kernel's worker threads that several requests may wait for: at most one of a kind at a time.
//
// Threads: any; wait() a fiber or a worker that serves a request.
// Owns:    the knowledge of what runs; a token is taken back once, whatever order the kernel's calls come in.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <howdah/waiting.hpp>

namespace howdah::auth {

class Background {
public:
    enum Kind : std::uint8_t { keys, tokens };

    explicit Background(const Host& host) : host_(host) {}

    // False when it cannot run; one of that kind that runs already is as good.
    bool start(Kind kind) {
        std::uint64_t token;
        {
            std::lock_guard lock(mutex_);
            if (stopping_) return false;
            if (slots_[kind].token != 0) return true;
            token = slots_[kind].token = ++last_ * 2 + kind;
        }
        if (host_.offload().start(host_.raw(), token, HOWDAH_OFFLOAD_BLOCKING) >= 0) return true;
        finish(token);
        return false;
    }

    // Until what runs of that kind has ended; at once when nothing does.
    Result<void> wait(Kind kind, const Context& context) {
        std::shared_ptr<Event> event;
        {
            std::lock_guard lock(mutex_);
            if (slots_[kind].token == 0) return {};
            event = std::make_shared<Event>(host_);
            slots_[kind].waiting.push_back(event);
        }
        return context.check(event->wait(context));
    }

    static Kind kindOf(std::uint64_t token) { return static_cast<Kind>(token & 1); }

    // By the kernel's work() or drop(), whichever comes. False when it was finished before.
    bool finish(std::uint64_t token) {
        std::vector<std::shared_ptr<Event>> waiting;
        {
            std::lock_guard lock(mutex_);
            Slot& slot = slots_[kindOf(token)];
            if (slot.token != token) return false;
            slot.token = 0;
            waiting.swap(slot.waiting);
            if (idle()) over_.notify_all();
        }
        for (const auto& event : waiting)
            event->set();
        return true;
    }

    // In stop(): what runs is asked to end, and waited for.
    void stop() {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        over_.wait(lock, [this] { return idle(); });
    }
    bool isStopping() const {
        std::lock_guard lock(mutex_);
        return stopping_;
    }

private:
    struct Slot {
        std::uint64_t token = 0;  // 0 = nothing runs
        std::vector<std::shared_ptr<Event>> waiting;
    };
    bool idle() const { return slots_[keys].token == 0 && slots_[tokens].token == 0; }

    const Host& host_;
    mutable std::mutex mutex_;
    std::condition_variable over_;
    std::array<Slot, 2> slots_;
    std::uint64_t last_ = 0;
    bool stopping_ = false;
};

}  // namespace howdah::auth
