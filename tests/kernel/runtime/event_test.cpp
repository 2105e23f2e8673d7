#include "kernel/runtime/event.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace howdah::kernel;
using namespace std::chrono_literals;

TEST_CASE("event: one that is set already does not park") {
    auto runtime = startRuntime();
    onFiber(runtime->shard(0), [&] {
        Event event;
        event.set();
        event.set();
        CHECK(event.wait(nullptr, Deadline::never()) == WaitStatus::ready);
        event.reset();
        CHECK_FALSE(event.isSet());
        CHECK(event.wait(nullptr, Deadline(Deadline::Clock::now())) == WaitStatus::timeout);
    });
}

TEST_CASE("event: another fiber of the shard sets it") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    onFiber(shard, [&] {
        Event event;
        CHECK(shard.spawn([&] { event.set(); }));
        CHECK(event.wait(nullptr, Deadline::never()) == WaitStatus::ready);
    });
}

TEST_CASE("event: another thread sets it, and it may be destroyed as soon as the wait has ended") {
    auto runtime = startRuntime();
    std::atomic<Event*> offered{nullptr};
    std::atomic<bool> stop{false};
    std::thread setter([&] {
        while (!stop) {
            if (Event* event = offered.exchange(nullptr)) event->set();
        }
    });
    int ready = 0;
    onFiber(runtime->shard(0), [&] {
        for (int i = 0; i < 3000; ++i) {
            auto event = std::make_unique<Event>();
            offered = event.get();
            ready += event->wait(nullptr, Deadline::never()) == WaitStatus::ready;
        }
    });
    stop = true;
    setter.join();
    CHECK(ready == 3000);
}

TEST_CASE("event: a deadline ends the wait not before its time, and the event can be waited for again") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    onFiber(shard, [&] {
        Event event;
        const Deadline deadline = Deadline::in(3ms);
        CHECK(event.wait(nullptr, deadline) == WaitStatus::timeout);
        CHECK(deadline.passed());
        CHECK(shard.spawn([&] { event.set(); }));
        CHECK(event.wait(nullptr, hang()) == WaitStatus::ready);
        CHECK(shard.deadlines().size() == 0);
    });
}

TEST_CASE("event: one that is set after the deadline, but before the fiber runs again, is ready") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    struct Setter : DeadlineQueue::Node {
        Event event;
    } setter;
    onFiber(shard, [&] {
        bool parked = false;
        // On a slow machine the deadline can pass before the wait has begun; then with twice the time.
        for (auto limit = 1ms; !parked; limit *= 2) {
            const Deadline end_of_wait = Deadline::in(limit);
            const Deadline after(end_of_wait.at() + 1ns);
            // Expires in the same round as the wait, right after it: the fiber is woken by then, but has not run.
            setter.deadline = after;
            setter.expired = [](DeadlineQueue::Node& node) { static_cast<Setter&>(node).event.set(); };
            shard.deadlines().add(setter);
            CHECK(shard.spawn([after] {
                while (!after.passed()) {
                }
            }));
            const WaitStatus status = setter.event.wait(nullptr, end_of_wait);
            parked = setter.index == DeadlineQueue::kAbsent;
            if (parked) CHECK(status == WaitStatus::ready);
            shard.deadlines().remove(setter);
        }
    });
}

TEST_CASE("cancellation: it ends every wait that names it and all later ones, the first reason stays") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    auto cancellation = Cancellation::create(shard);
    std::promise<void> done;
    std::atomic<int> cancelled{0};
    onLoop(shard, [&] {
        for (int i = 0; i < 5; ++i) {
            CHECK(shard.spawn([&, i] {
                Event event;
                cancelled +=
                    event.wait(cancellation.get(), i % 2 ? hang() : Deadline::never()) == WaitStatus::cancelled;
                if (cancelled == 5) done.set_value();
            }));
        }
    });
    CHECK(cancellation->cancel(CancelReason::requested));
    CHECK_FALSE(cancellation->cancel(CancelReason::shutdown));
    await(done.get_future());
    CHECK(cancellation->reason() == CancelReason::requested);
    CHECK(cancellation->error().code == howdah::Code::cancelled);
    onFiber(shard, [&] { CHECK(sleepUntil(cancellation.get(), hang()) == WaitStatus::cancelled); });
}

TEST_CASE("cancellation: what is already done wins over it") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    auto cancellation = Cancellation::create(shard);
    cancellation->cancel(CancelReason::client_gone);
    onFiber(shard, [&] {
        Event event;
        event.set();
        CHECK(event.wait(cancellation.get(), Deadline(Deadline::Clock::now())) == WaitStatus::ready);
    });
}

TEST_CASE("event: set, deadline and cancellation race, and each wait ends exactly once") {
    auto runtime = startRuntime({.shards = 2});
    constexpr int kRounds = 1500;
    struct Round {
        Event event;
        std::shared_ptr<Cancellation> cancellation;
        std::atomic<int> parts_left{2};
    };
    std::atomic<int> counts[3]{};
    std::atomic<Round*> to_set{nullptr};
    std::atomic<Round*> to_cancel{nullptr};
    std::atomic<bool> stop{false};
    std::thread setter([&] {
        while (!stop) {
            if (Round* round = to_set.exchange(nullptr)) {
                round->event.set();
                --round->parts_left;
            }
        }
    });
    std::thread canceller([&] {
        while (!stop) {
            if (Round* round = to_cancel.exchange(nullptr)) {
                round->cancellation->cancel(CancelReason::requested);
                --round->parts_left;
            }
        }
    });
    onFiber(runtime->shard(1), [&] {
        for (int i = 0; i < kRounds; ++i) {
            Round round;
            round.cancellation = Cancellation::create(runtime->shard(1));
            // Now and then the timer alone has a chance.
            if (i % 4)
                to_set = &round;
            else
                --round.parts_left;
            if (i % 3)
                to_cancel = &round;
            else
                --round.parts_left;
            const auto status = round.event.wait(round.cancellation.get(), inMicroseconds(i % 60));
            ++counts[static_cast<int>(status)];
            while (round.parts_left > 0)
                sleepUntil(nullptr, inMicroseconds(20));
            CHECK(round.event.isSet() == (i % 4 != 0));
        }
    });
    stop = true;
    setter.join();
    canceller.join();
    CHECK(counts[0] + counts[1] + counts[2] == kRounds);
    CHECK(counts[1] > 0);  // by construction: some rounds have nothing but the deadline
}

TEST_CASE("deadline: never is later than everything, the sooner of two is taken, long durations saturate") {
    const Deadline now(Deadline::Clock::now());
    CHECK(now.passed());
    CHECK(now.remainingNs() == 0);
    CHECK_FALSE(Deadline::never().passed());
    CHECK(Deadline::never().min(now) == now);
    CHECK(now.min(Deadline::never()) == now);
    CHECK(Deadline::in(std::chrono::milliseconds::max()).isNever());
    CHECK(Deadline::in(-1ms).passed());
    CHECK(Deadline::in(10min).remainingNs() > 500'000'000'000);
}
