#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/runtime/event.hpp"
#include "support.hpp"

using namespace howdah::kernel;
using namespace std::chrono_literals;
using howdah::Code;

TEST_CASE("runtime: numbers out of range are refused, those at the edge are not") {
    CHECK(codeOf(Runtime::start({.shards = 0})) == Code::invalid_argument);
    CHECK(codeOf(Runtime::start({.shards = 65})) == Code::invalid_argument);
    CHECK(codeOf(Runtime::start({.shard_limits = {.fibers_max = 0}})) == Code::invalid_argument);
    CHECK(codeOf(Runtime::start({.shard_limits = {.stack_bytes = 64u << 10}})) == Code::invalid_argument);
    CHECK(codeOf(Runtime::start({.shard_limits = {.stack_bytes = (1u << 20) + 1}})) == Code::invalid_argument);
    CHECK(codeOf(Runtime::start({.workers = {.threads_max = 0}})) == Code::invalid_argument);
    CHECK(Runtime::start({.shard_limits = {.fibers_max = 1, .stack_bytes = 128u << 10}}));
}

TEST_CASE("runtime: shards are handed out in turn, each with its own thread") {
    auto runtime = startRuntime({.shards = 3});
    std::vector<unsigned> order;
    order.reserve(6);
    for (int i = 0; i < 6; ++i)
        order.push_back(runtime->nextShard().index());
    CHECK(order == std::vector<unsigned>{0, 1, 2, 0, 1, 2});
    CHECK(Shard::current() == nullptr);
    for (unsigned index : {0u, 1u, 2u}) {
        Shard& shard = runtime->shard(index);
        onLoop(shard, [&] { CHECK(Shard::current() == &shard); });
    }
}

TEST_CASE("runtime: draining lets running fibers finish and refuses new ones") {
    auto runtime = startRuntime({.shards = 2});
    Shard& shard = runtime->shard(0);
    bool refused_while_draining = false;
    bool finished = false;
    std::promise<void> waiting;
    shard.post([&] {
        shard.spawn([&] {
            waiting.set_value();
            while (shard.spawn([] {}))
                sleepUntil(nullptr, inMicroseconds(100));
            refused_while_draining = true;
            sleepUntil(nullptr, Deadline::in(2ms));
            finished = true;
        });
    });
    await(waiting.get_future());
    CHECK(runtime->stop(hang()).clean());
    CHECK(refused_while_draining);
    CHECK(finished);
}

TEST_CASE("runtime: at the drain deadline fibers are left parked, counted and not unwound") {
    // Static: the fiber that is left refers to them until the process ends.
    static Event never_set;
    static bool unwound = false;
    auto runtime = startRuntime();
    onLoop(runtime->shard(0), [&] {
        runtime->shard(0).spawn([] {
            struct Sets {
                ~Sets() { unwound = true; }
            } sets;
            never_set.wait(nullptr, Deadline::never());
        });
    });
    const Runtime::Drain drain = runtime->stop(Deadline::in(10ms));
    CHECK(drain.fibers_left == 1);
    CHECK_FALSE(drain.workers_left);
    runtime.reset();
    CHECK_FALSE(unwound);
    never_set.set();  // from outside, late: queued for a loop that no longer runs
    CHECK_FALSE(unwound);
}

TEST_CASE("runtime: a cancelled shutdown ends the waits, so that the drain is clean") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    auto cancellation = Cancellation::create(shard);
    WaitStatus status{};
    onLoop(shard, [&] { shard.spawn([&] { status = sleepUntil(cancellation.get(), Deadline::never()); }); });
    cancellation->cancel(CancelReason::shutdown);
    CHECK(runtime->stop(hang()).clean());
    CHECK(status == WaitStatus::cancelled);
}

TEST_CASE("watchdog: a fiber that does not wait is named once, one that waits is not") {
    struct Seen {
        std::mutex mutex;
        std::vector<std::string> labels;
        std::atomic<int> count{0};
    } seen;
    Watchdog::Config watchdog{.interval = 1ms, .stall_limit = 200ms};
    watchdog.on_stall = [&](const Watchdog::Stall& stall) {
        std::lock_guard lock(seen.mutex);
        seen.labels.emplace_back(stall.label);
        CHECK(stall.running_for >= 200ms);
        ++seen.count;
    };
    auto runtime = startRuntime({.watchdog = watchdog});
    Shard& shard = runtime->shard(0);
    onFiber(
        shard,
        [&] {
            // Made here and now on the heap, as for a plugin that was just loaded: the watchdog must see its bytes.
            const std::string label = "acme/busy-in-a-plugin-just-loaded";
            shard.running()->setLabel(label.c_str());
            const Deadline limit = hang();
            while (seen.count == 0 && !limit.passed()) {
            }
            const Deadline on = Deadline::in(250ms);  // still the same stretch: not told twice
            while (!on.passed()) {
            }
            shard.running()->setLabel("");
        },
        "");
    onFiber(shard, [&] { sleepUntil(nullptr, Deadline::in(250ms)); }, "acme/idle");
    CHECK(runtime->stop(hang()).clean());
    CHECK(seen.labels == std::vector<std::string>{"acme/busy-in-a-plugin-just-loaded"});
}
