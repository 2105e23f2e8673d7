// Watchdog: notices a fiber that keeps its shard to itself, and says whose code it is.
//
// Threads: its own; the callback runs there.
// Owns:    its thread; the shards must outlive it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace howdah::kernel {

class Shard;

class Watchdog {
public:
    struct Stall {
        unsigned shard = 0;
        const char* label = "";                   // of the running fiber
        std::chrono::milliseconds running_for{};  // at least; sampled
    };
    struct Config {
        std::chrono::milliseconds interval{10};      // between two looks; stall_limit while nothing runs
        std::chrono::milliseconds stall_limit{100};  // between two waits of one fiber
        std::function<void(const Stall&)> on_stall;  // once per stretch of running
    };

    Watchdog(std::vector<Shard*> shards, Config config);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

private:
    void watch();

    const std::vector<Shard*> shards_;
    const Config config_;
    std::mutex mutex_;
    std::condition_variable stop_changed_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace howdah::kernel
