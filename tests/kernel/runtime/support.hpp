// What the runtime's tests share: a started Runtime and a way to run a piece of code on a fiber and wait for it.
#pragma once

#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include <doctest/doctest.h>

#include "kernel/runtime/runtime.hpp"
#include "kernel/runtime/task.hpp"

namespace howdah::kernel {

inline Deadline inMicroseconds(long count) {
    return Deadline(Deadline::Clock::now() + std::chrono::microseconds(count));
}

// Reached only by a test that hangs, and ctest's limit ends that first: a slow or paused machine must not fail a test.
inline Deadline hang() {
    return Deadline::in(std::chrono::minutes(10));
}

// The code of a failure; nothing for a success, so that a check of an unexpected success fails instead of crashing.
template <typename T>
std::optional<Code> codeOf(const Result<T>& result) {
    if (result) return std::nullopt;
    return result.error().code;
}

inline std::unique_ptr<Runtime> startRuntime(Runtime::Config config = {}) {
    auto runtime = Runtime::start(std::move(config));
    REQUIRE(runtime);
    return std::move(*runtime);
}

inline void await(std::future<void> future) {
    if (future.wait_until(hang().at()) == std::future_status::ready) return;
    MESSAGE("a fiber did not come back");
    std::abort();  // the test's frame is borrowed by that fiber: no way to go on
}

// Runs `body` on a fiber of the shard; the caller's thread waits until it has finished.
inline void onFiber(Shard& shard, FunctionRef body, const char* label = "test") {
    std::promise<void> done;
    shard.post([&] {
        const bool started = shard.spawn(
            [&] {
                body();
                done.set_value();
            },
            label);
        if (!started) done.set_value();
        CHECK(started);
    });
    await(done.get_future());
}

// The same on the bare loop.
inline void onLoop(Shard& shard, FunctionRef body) {
    std::promise<void> done;
    shard.post([&] {
        body();
        done.set_value();
    });
    await(done.get_future());
}

}  // namespace howdah::kernel
