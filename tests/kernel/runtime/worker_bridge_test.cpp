#include "kernel/runtime/worker_bridge.hpp"

#include <atomic>
#include <string>
#include <thread>

#include <unistd.h>

#include "kernel/runtime/event.hpp"
#include "support.hpp"

using namespace howdah::kernel;
using howdah::Code;

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

TEST_CASE("worker_bridge: a host call may lead to another function on a worker, and back") {
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
        CHECK(inner != home);
        CHECK(inner != outer);
        CHECK(inner_call == home);
    });
}

TEST_CASE("worker_bridge: nesting in a pool without a free thread ends with the deadline") {
    auto runtime = startRuntime({.workers = {.threads_max = 1, .queue_max = 1}});
    onFiber(runtime->shard(0), [&] {
        Code nested_code{};
        bool called = false;
        auto done = WorkerBridge::run(
            runtime->workers(),
            [&] {
                WorkerBridge::atHome([&] {
                    auto nested =
                        WorkerBridge::run(runtime->workers(), [&] { called = true; }, nullptr, inMicroseconds(300));
                    if (!nested) nested_code = nested.error().code;
                });
            },
            nullptr, hang());
        CHECK(done);
        CHECK(nested_code == Code::timeout);
        CHECK_FALSE(called);
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
