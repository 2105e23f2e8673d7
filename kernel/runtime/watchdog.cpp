#include "kernel/runtime/watchdog.hpp"

#include <cstdint>
#include <utility>

#include <pthread.h>

#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {

Watchdog::Watchdog(std::vector<Shard*> shards, Config config)
    : shards_(std::move(shards)), config_(std::move(config)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stop_changed_.notify_one();
    thread_.join();
}

void Watchdog::watch() {
    using Clock = std::chrono::steady_clock;
    struct Seen {
        std::uint64_t stretch = 0;
        Clock::time_point since;
        std::int64_t samples = 0;
        bool told = false;
    };
    ::pthread_setname_np(::pthread_self(), "watchdog");
    // Time alone proves nothing: if the whole process was paused (SIGSTOP, a suspended machine), all of it would be
    // put down to whoever ran just then. So the stretch must also have been met again and again.
    const std::int64_t samples_needed = config_.stall_limit / config_.interval / 2;
    std::vector<Seen> seen(shards_.size());
    bool is_idle = false;  // nothing has run between the last two looks: a server without work is seldom looked at
    std::unique_lock lock(mutex_);
    while (!stop_changed_.wait_for(lock, is_idle ? config_.stall_limit : config_.interval, [this] { return stop_; })) {
        const auto now = Clock::now();
        is_idle = true;
        for (std::size_t i = 0; i < shards_.size(); ++i) {
            const std::uint64_t stretch = shards_[i]->stretch();
            const bool is_running = stretch % 2 == 1;
            if (is_running || stretch != seen[i].stretch) is_idle = false;
            if (stretch != seen[i].stretch) {
                seen[i] = {stretch, now, 0, false};
                continue;
            }
            if (++seen[i].samples < samples_needed) continue;
            if (!is_running || seen[i].told || now - seen[i].since < config_.stall_limit) continue;
            Fiber* fiber = shards_[i]->running();
            if (!fiber) continue;  // it waits after all, just now
            seen[i].told = true;
            const auto running_for = std::chrono::duration_cast<std::chrono::milliseconds>(now - seen[i].since);
            const Stall stall{shards_[i]->index(), fiber->label(), running_for};
            lock.unlock();
            config_.on_stall(stall);
            lock.lock();
        }
    }
}

}  // namespace howdah::kernel
