// What the runtime's parts cost, in ns: best of five short rounds on one shard. Runs for about two seconds.
// The shard's CPU time means something on a busy machine too; the wall time only on an idle one.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <future>
#include <limits>

#include "kernel/runtime/event.hpp"
#include "kernel/runtime/runtime.hpp"
#include "kernel/runtime/worker_bridge.hpp"

using namespace howdah::kernel;

namespace {

double now(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <typename Body>
void onShard(Shard& shard, bool on_fiber, Body body) {
    std::promise<void> done;
    shard.post([&] {
        auto whole = [&] {
            body();
            done.set_value();
        };
        if (on_fiber) {
            shard.spawn(whole, "bench");
        } else {
            whole();
        }
    });
    done.get_future().wait();
}

// `round(count)` does the thing `count` times, on the loop or on a fiber.
template <typename Round>
void measure(Shard& shard, const char* what, bool on_fiber, int count, Round round) {
    double wall_ns = std::numeric_limits<double>::max();
    double cpu_ns = wall_ns;
    for (int i = 0; i < 5; ++i) {
        onShard(shard, on_fiber, [&] {
            const double wall = now(CLOCK_MONOTONIC);
            const double cpu = now(CLOCK_THREAD_CPUTIME_ID);
            round(count);
            cpu_ns = std::min(cpu_ns, (now(CLOCK_THREAD_CPUTIME_ID) - cpu) / count);
            wall_ns = std::min(wall_ns, (now(CLOCK_MONOTONIC) - wall) / count);
        });
    }
    std::printf("%-58s %9.0f %9.0f\n", what, wall_ns, cpu_ns);
}

}  // namespace

int main() {
    auto started = Runtime::start({});
    if (!started) {
        std::fprintf(stderr, "%s\n", started.error().message.c_str());
        return 1;
    }
    Runtime& runtime = **started;
    Shard& shard = runtime.shard(0);

    std::printf("%-58s %9s %9s\n", "ns, best of 5", "wall", "shard cpu");
    measure(shard, "fiber start and finish, from the loop", false, 200'000, [&](int count) {
        for (int i = 0; i < count; ++i)
            shard.spawn([] {});
    });
    measure(shard, "fiber start and finish, from a fiber (through the loop)", true, 100'000, [&](int count) {
        Event last;
        for (int i = 0; i < count; ++i) {
            shard.spawn([&last] { last.set(); });
            last.wait(nullptr, Deadline::never());
            last.reset();
        }
    });
    measure(shard, "park and wake (through the loop)", true, 200'000, [&](int count) {
        for (int i = 0; i < count; ++i) {
            shard.post([&shard, fiber = shard.running()] { shard.wake(*fiber); });
            shard.park();
        }
    });
    auto waitRound = [&](Deadline deadline, Cancellation* cancellation) {
        return [&shard, deadline, cancellation](int count) {
            for (int i = 0; i < count; ++i) {
                Event event;
                shard.post([&event] { event.set(); });
                event.wait(cancellation, deadline);
            }
        };
    };
    auto cancellation = Cancellation::create(shard);
    measure(shard, "event wait, no deadline", true, 200'000, waitRound(Deadline::never(), nullptr));
    measure(shard, "event wait with a deadline of its own and cancellation", true, 200'000, [&](int count) {
        for (int i = 0; i < count; ++i) {
            Event event;
            shard.post([&event] { event.set(); });
            event.wait(cancellation.get(), Deadline::in(std::chrono::seconds(2)));
        }
    });
    measure(shard, "worker hop (job to a pool thread and back)", true, 5'000, [&](int count) {
        for (int i = 0; i < count; ++i) {
            if (!runtime.workers().run([] {}, nullptr, Deadline::never())) std::abort();
        }
    });
    measure(shard, "worker bridge: function with one host call", true, 5'000, [&](int count) {
        for (int i = 0; i < count; ++i) {
            auto ran =
                WorkerBridge::run(runtime.workers(), [] { WorkerBridge::atHome([] {}); }, nullptr, Deadline::never());
            if (!ran) std::abort();
        }
    });
    return runtime.stop(Deadline::in(std::chrono::seconds(5))).clean() ? 0 : 1;
}
