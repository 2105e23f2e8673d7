#include <atomic>
#include <exception>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include "kernel/runtime/event.hpp"
#include "support.hpp"

using namespace howdah::kernel;

namespace {

// Starts the bodies in order, as fibers of one shard, and waits for all of them.
void onFibers(Shard& shard, std::vector<Task> bodies) {
    std::promise<void> done;
    std::size_t left = bodies.size();
    shard.post([&] {
        for (Task& body : bodies) {
            const bool started = shard.spawn([&] {
                body();
                if (--left == 0) done.set_value();
            });
            CHECK(started);
        }
    });
    await(done.get_future());
}

struct ParksWhileUnwinding {
    Event& event;
    int& uncaught_after;
    ~ParksWhileUnwinding() {
        event.wait(nullptr, Deadline::never());
        uncaught_after = std::uncaught_exceptions();
    }
};

// Recursion with an exception from its far end through every frame, parking on the way down and in each catch.
int deep(int level, Shard& shard) {
    volatile char frame[512];
    frame[0] = static_cast<char>(level);
    if (level == 0) throw std::runtime_error("bottom");
    try {
        return deep(level - 1, shard) + frame[0];
    } catch (const std::runtime_error& error) {
        if (level % 8 == 0) sleepUntil(nullptr, inMicroseconds(1));
        if (level < 40) throw;
        return std::string(error.what()) == "bottom" ? level : -1;
    }
}

}  // namespace

TEST_CASE("fiber: each of two fibers suspended in a catch block gets its own exception back") {
    auto runtime = startRuntime();
    Event first, second;
    std::string rethrown[2];
    std::string current[2];
    auto body = [&](int number, Event& mine) {
        try {
            try {
                throw std::runtime_error("of fiber " + std::to_string(number));
            } catch (...) {
                mine.wait(nullptr, Deadline::never());
                try {
                    std::rethrow_exception(std::current_exception());
                } catch (const std::exception& error) {
                    current[number] = error.what();
                }
                throw;
            }
        } catch (const std::exception& error) {
            rethrown[number] = error.what();
        }
    };
    std::vector<Task> bodies;
    bodies.emplace_back([&] { body(0, first); });
    bodies.emplace_back([&] { body(1, second); });
    // The first to be suspended goes on first: the order in which a shared exception stack gets it wrong.
    bodies.emplace_back([&] {
        first.set();
        sleepUntil(nullptr, inMicroseconds(100));
        second.set();
    });
    onFibers(runtime->shard(0), std::move(bodies));
    for (int number : {0, 1}) {
        CHECK(rethrown[number] == "of fiber " + std::to_string(number));
        CHECK(current[number] == "of fiber " + std::to_string(number));
    }
}

TEST_CASE("fiber: an exception in flight counts in its own fiber only, also when a destructor parks") {
    auto runtime = startRuntime();
    Event event;
    int after_in_unwinding = -1;
    int in_other = -1;
    std::vector<Task> bodies;
    bodies.emplace_back([&] {
        try {
            ParksWhileUnwinding guard{event, after_in_unwinding};
            throw std::runtime_error("unwinds");
        } catch (const std::runtime_error&) {  // NOLINT(bugprone-empty-catch): the way here is what is tested
        }
    });
    bodies.emplace_back([&] {
        in_other = std::uncaught_exceptions();
        event.set();
    });
    onFibers(runtime->shard(0), std::move(bodies));
    CHECK(after_in_unwinding == 1);
    CHECK(in_other == 0);
}

TEST_CASE("fiber: a cancelled wait returns through noexcept frames, catch-all blocks and destructors") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    bool destroyed = false;
    bool caught = false;
    WaitStatus status{};
    onFiber(shard, [&] {
        auto cancellation = Cancellation::create(shard);
        CHECK(cancellation->cancel(CancelReason::client_gone));
        auto inNoexcept = [&]() noexcept {
            struct Sets {
                bool& flag;
                ~Sets() { flag = true; }
            } sets{destroyed};
            try {
                status = sleepUntil(cancellation.get(), Deadline::never());
            } catch (...) {
                caught = true;
            }
        };
        inNoexcept();
    });
    CHECK(status == WaitStatus::cancelled);
    CHECK(destroyed);
    CHECK_FALSE(caught);
}

TEST_CASE("fiber: a finished fiber is used again, and only as many exist as ran at once") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    std::set<Fiber*> seen;
    for (int i = 0; i < 600; ++i) {  // past the number after which a stack is trimmed
        onFiber(shard, [&] {
            volatile char touched[100 << 10];
            for (std::size_t at = 0; at < sizeof touched; at += 4096)
                touched[at] = 1;
            seen.insert(shard.running());
        });
    }
    CHECK(seen.size() == 1);
    onLoop(shard, [&] { CHECK(shard.fiberCount() == 0); });
}

TEST_CASE("fiber: a label belongs to one job and is replaced by the next") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    onFiber(shard, [&] { CHECK(std::string(shard.running()->label()) == "pool"); }, "pool");
    onFiber(shard, [&] { CHECK(std::string(shard.running()->label()) == "cache"); }, "cache");
}

TEST_CASE("fiber: at the cap a spawn is refused, one below it is admitted") {
    auto runtime = startRuntime({.shard_limits = {.fibers_max = 3}});
    Shard& shard = runtime->shard(0);
    Event go_on[3];
    std::atomic<int> finished{0};
    onLoop(shard, [&] {
        for (Event& event : go_on) {
            CHECK(shard.spawn([&] {
                event.wait(nullptr, Deadline::never());
                ++finished;
            }));
        }
        CHECK_FALSE(shard.spawn([] {}));
        CHECK(shard.fiberCount() == 3);
        go_on[0].set();
    });
    onLoop(shard, [] {});  // the woken one has had its turn
    onFiber(shard, [&] { CHECK(finished == 1); });
    go_on[1].set();
    go_on[2].set();
    CHECK(runtime->stop(hang()).clean());
    CHECK(finished == 3);
}

TEST_CASE("fiber: from the loop a spawn runs until the first wait, from a fiber it waits its turn") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    std::string order;
    std::promise<void> done;
    onLoop(shard, [&] {
        shard.spawn([&] {
            order += "a";
            shard.spawn([&] {
                order += "c";
                done.set_value();
            });
            order += "b";
        });
        order += "|";
    });
    await(done.get_future());
    CHECK(order == "ab|c");
}

TEST_CASE("fiber: it stays on the thread of its shard") {
    auto runtime = startRuntime({.shards = 2});
    for (unsigned index : {0u, 1u}) {
        Shard& shard = runtime->shard(index);
        onFiber(shard, [&] {
            const pid_t before = ::gettid();
            int moved = 0;
            for (int i = 0; i < 200; ++i) {
                sleepUntil(nullptr, inMicroseconds(1));
                moved += ::gettid() != before || Shard::current() != &shard;
            }
            CHECK(moved == 0);
        });
    }
}

TEST_CASE("fiber: fifty fibers on each of two shards recurse, throw and park at the same time") {
    auto runtime = startRuntime({.shards = 2});
    std::atomic<int> wrong{0};
    std::atomic<int> left{100};
    std::promise<void> done;
    for (unsigned index : {0u, 1u}) {
        Shard& shard = runtime->shard(index);
        shard.post([&, index] {
            for (int i = 0; i < 50; ++i) {
                const bool started = runtime->shard(index).spawn([&, index] {
                    for (int round = 0; round < 5; ++round) {
                        // 40 is the level that stops the exception; 41..64 each add theirs.
                        int expected = 40;
                        for (int level = 41; level <= 64; ++level)
                            expected += level;
                        wrong += deep(64, runtime->shard(index)) != expected;
                    }
                    if (--left == 0) done.set_value();
                });
                wrong += !started;
            }
        });
    }
    await(done.get_future());
    CHECK(wrong == 0);
}
