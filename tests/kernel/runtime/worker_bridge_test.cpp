#include "kernel/runtime/worker_bridge.hpp"

#include <atomic>
#include <string>
#include <thread>

#include <unistd.h>

#include "kernel/runtime/event.hpp"
#include "support.hpp"

using namespace howdah::kernel;

namespace {

struct Trace {
    pid_t function = 0;
    pid_t host_call = 0;
    int sum = 0;
};

// Stands for a plugin's function: it makes host calls and knows nothing of where it runs.
void pluginFunction(Trace& trace, int calls) {
    trace.function = ::gettid();
    for (int i = 0; i < calls; ++i) {
        int answer = 0;
        WorkerBridge::atHome([&] {
            trace.host_call = ::gettid();
            sleepUntil(nullptr, inMicroseconds(5));  // a host call may park
            answer = i;
        });
        trace.sum += answer;
    }
}

}  // namespace

TEST_CASE("worker_bridge: one function runs on a fiber or on a worker, its host calls always on the fiber") {
    auto runtime = startRuntime();
    onFiber(runtime->shard(0), [&] {
        const pid_t home = ::gettid();
        Trace direct;
        pluginFunction(direct, 10);
        CHECK(direct.function == home);
        CHECK(direct.host_call == home);
        CHECK(direct.sum == 45);

        Trace bridged;
        CHECK(WorkerBridge::run(runtime->workers(), [&] { pluginFunction(bridged, 10); }, nullptr, hang()));
        CHECK(bridged.function != home);
        CHECK(bridged.host_call == home);
        CHECK(bridged.sum == 45);
    });
}

TEST_CASE("worker_bridge: a host call may lead to another function on the same worker, and back") {
    auto runtime = startRuntime();
    onFiber(runtime->shard(0), [&] {
        const pid_t home = ::gettid();
        pid_t outer = 0, inner = 0, inner_call = 0;
        auto done = WorkerBridge::run(
            runtime->workers(),
            [&] {
                outer = ::gettid();
                WorkerBridge::atHome([&] {
                    CHECK_FALSE(WorkerBridge::onWorker());
                    auto nested = WorkerBridge::run(
                        runtime->workers(),
                        [&] {
                            inner = ::gettid();
                            WorkerBridge::atHome([&] { inner_call = ::gettid(); });
                        },
                        nullptr, hang());
                    CHECK(nested);
                });
            },
            nullptr, hang());
        CHECK(done);
        CHECK(outer != home);
        CHECK(inner == outer);
        CHECK(inner_call == home);
    });
}

TEST_CASE("worker_bridge: nesting takes no further thread, so requests that fill the pool never wait for each other") {
    constexpr unsigned kThreads = 2, kRequests = 8;
    auto runtime = startRuntime({.shards = 2, .workers = {.threads_max = kThreads, .queue_max = kRequests}});
    std::atomic<int> failed{0}, deepest{0}, left{kRequests};
    std::promise<void> done;
    for (unsigned i = 0; i < kRequests; ++i) {
        Shard& home = runtime->shard(i % 2);
        home.post([&] {
            home.spawn([&] {
                const pid_t fiber_thread = ::gettid();
                auto run = [&](FunctionRef function) {
                    if (!WorkerBridge::run(runtime->workers(), function, nullptr, hang())) ++failed;
                };
                run([&] {
                    // Twice in a row and three levels deep; between the levels the fiber parks.
                    for (int round = 0; round < 2; ++round) {
                        WorkerBridge::atHome([&] {
                            sleepUntil(nullptr, inMicroseconds(5));
                            run([&] {
                                WorkerBridge::atHome([&] {
                                    run([&] { WorkerBridge::atHome([&] { deepest += ::gettid() == fiber_thread; }); });
                                });
                            });
                        });
                    }
                });
                if (--left == 0) done.set_value();
            });
        });
    }
    await(done.get_future());
    CHECK(failed == 0);
    CHECK(deepest == 2 * kRequests);
}

TEST_CASE("worker_bridge: a nested function of another pool has a thread of that pool") {
    auto runtime = startRuntime();
    WorkerPool other({.name = "other", .threads_max = 1, .queue_max = 1});
    onFiber(runtime->shard(0), [&] {
        pid_t outer = 0, inner = 0;
        auto done = WorkerBridge::run(
            runtime->workers(),
            [&] {
                outer = ::gettid();
                WorkerBridge::atHome(
                    [&] { CHECK(WorkerBridge::run(other, [&] { inner = ::gettid(); }, nullptr, hang())); });
            },
            nullptr, hang());
        CHECK(done);
        CHECK(inner != 0);
        CHECK(inner != outer);
    });
}

TEST_CASE("worker_bridge: a started function is waited for beyond deadline and cancellation, its host calls see both") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    auto cancellation = Cancellation::create(shard);
    onFiber(shard, [&] {
        WaitStatus seen{};
        bool returned = false;
        auto done = WorkerBridge::run(
            runtime->workers(),
            [&] {
                cancellation->cancel(CancelReason::requested);
                onLoop(shard, [] {});  // the fiber's wait has ended by now
                WorkerBridge::atHome([&] { seen = sleepUntil(cancellation.get(), hang()); });
                returned = true;
            },
            cancellation.get(), hang());
        CHECK(done);
        CHECK(seen == WaitStatus::cancelled);
        CHECK(returned);
    });
}

TEST_CASE("worker_bridge: fibers of two shards bridge at the same time without mixing up their calls") {
    auto runtime = startRuntime({.shards = 2, .workers = {.threads_max = 4, .queue_max = 100}});
    std::atomic<int> wrong{0};
    std::atomic<int> left{20};
    std::promise<void> done;
    for (unsigned index : {0u, 1u}) {
        runtime->shard(index).post([&, index] {
            for (int i = 0; i < 10; ++i) {
                runtime->shard(index).spawn([&] {
                    const pid_t home = ::gettid();
                    for (int round = 0; round < 5; ++round) {
                        Trace trace;
                        auto ran =
                            WorkerBridge::run(runtime->workers(), [&] { pluginFunction(trace, 5); }, nullptr, hang());
                        wrong += !ran || trace.host_call != home || trace.sum != 10;
                    }
                    if (--left == 0) done.set_value();
                });
            }
        });
    }
    await(done.get_future());
    CHECK(wrong == 0);
}
