#include "kernel/runtime/worker_pool.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include <unistd.h>

#include "kernel/runtime/event.hpp"
#include "support.hpp"

using namespace howdah::kernel;
using howdah::Code;

namespace {

// A door that holds worker threads up until the test opens it.
class Door {
public:
    void open() {
        {
            std::lock_guard lock(mutex_);
            open_ = true;
        }
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex_);
        ++arrived_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return open_; });
    }
    void awaitArrivals(int count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return arrived_ >= count; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int arrived_ = 0;
    bool open_ = false;
};

int recurse(int level) {
    volatile char frame[16 << 10];
    frame[0] = 1;
    return level == 0 ? 0 : recurse(level - 1) + frame[0];
}

Runtime::Config smallPool(std::size_t threads, std::size_t queue) {
    return {.workers = {.threads_max = threads, .queue_max = queue}};
}

}  // namespace

TEST_CASE("worker_pool: the job has run on another thread when run() returns, and the shard went on meanwhile") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    onFiber(shard, [&] {
        pid_t worker = 0;
        bool shard_went_on = false;
        Door door;
        CHECK(shard.spawn([&] {
            shard_went_on = true;
            door.open();
        }));
        auto done = runtime->workers().run(
            [&] {
                worker = ::gettid();
                door.pass();
            },
            nullptr, hang());
        CHECK(done);
        CHECK(worker != ::gettid());
        CHECK(shard_went_on);
        CHECK(runtime->workers().stats().busy == 0);
    });
}

TEST_CASE("worker_pool: beyond its threads and its queue a job is refused, one less is admitted") {
    auto runtime = startRuntime(smallPool(1, 1));
    WorkerPool& pool = runtime->workers();
    Door door;
    std::atomic<int> ran{0};
    auto job = [&] {
        door.pass();
        ++ran;
    };
    CHECK(pool.runDetached(job));
    door.awaitArrivals(1);
    CHECK(pool.runDetached(job));
    auto refused = pool.runDetached(job);
    CHECK_FALSE(refused);
    CHECK(codeOf(refused) == Code::unavailable);
    CHECK(pool.stats().refused == 1);
    CHECK(pool.stats().threads == 1);
    door.open();
    door.awaitArrivals(2);
    onFiber(runtime->shard(0), [&] { CHECK(pool.run([] {}, nullptr, hang())); });
    CHECK(ran == 2);
}

TEST_CASE("worker_pool: a job whose deadline passes in the queue is never run and frees its place") {
    auto runtime = startRuntime(smallPool(1, 1));
    WorkerPool& pool = runtime->workers();
    Door door;
    CHECK(pool.runDetached([&] { door.pass(); }));
    door.awaitArrivals(1);
    bool ran = false;
    onFiber(runtime->shard(0), [&] {
        auto late = pool.run([&] { ran = true; }, nullptr, inMicroseconds(500));
        CHECK_FALSE(late);
        CHECK(codeOf(late) == Code::timeout);
    });
    CHECK(pool.stats().queued == 0);
    door.open();
    onFiber(runtime->shard(0), [&] { CHECK(pool.run([] {}, nullptr, hang())); });
    CHECK_FALSE(ran);
}

TEST_CASE("worker_pool: a started job outlives its caller's wait, keeps its state and its slot") {
    auto runtime = startRuntime(smallPool(1, 0));
    Shard& shard = runtime->shard(0);
    WorkerPool& pool = runtime->workers();
    auto state = std::make_shared<std::pair<Door, std::promise<int>>>();
    auto result = state->second.get_future();
    onFiber(shard, [&] {
        auto cancellation = Cancellation::create(shard);
        // The job itself ends its caller's wait: it has surely started then.
        auto left = pool.run(
            [state, cancellation] {
                cancellation->cancel(CancelReason::requested);
                state->first.pass();
                state->second.set_value(7);
            },
            cancellation.get(), hang());
        CHECK(codeOf(left) == Code::cancelled);
        auto refused = pool.run([] {}, nullptr, hang());
        CHECK_FALSE(refused);
        CHECK(codeOf(refused) == Code::unavailable);
    });
    CHECK(pool.stats().busy == 1);
    state->first.open();
    CHECK(result.get() == 7);
}

TEST_CASE("worker_pool: a cancelled caller gets cancelled") {
    auto runtime = startRuntime(smallPool(1, 4));
    Shard& shard = runtime->shard(0);
    Door door;
    CHECK(runtime->workers().runDetached([&] { door.pass(); }));
    door.awaitArrivals(1);
    auto cancellation = Cancellation::create(shard);
    shard.post([&] { cancellation->cancel(CancelReason::client_gone); });
    onFiber(shard, [&] {
        auto left = runtime->workers().run([] {}, cancellation.get(), hang());
        CHECK_FALSE(left);
        CHECK(codeOf(left) == Code::cancelled);
    });
    door.open();
}

TEST_CASE("worker_pool: a deep worker recurses where a fiber could not") {
    auto runtime = startRuntime();
    onFiber(runtime->shard(0), [&] {
        int depth = 0;
        CHECK(runtime->deepWorkers().run([&] { depth = recurse(3000); }, nullptr, hang()));  // 48 MiB of frames
        CHECK(depth == 3000);
    });
}

TEST_CASE("worker_pool: many fibers of two shards share few threads and each job runs once") {
    auto runtime = startRuntime({.shards = 2, .workers = {.threads_max = 3, .queue_max = 1000}});
    std::atomic<int> ran{0};
    std::atomic<int> failed{0};
    std::atomic<int> left{100};
    std::promise<void> done;
    for (unsigned index : {0u, 1u}) {
        Shard& shard = runtime->shard(index);
        shard.post([&, index] {
            for (int i = 0; i < 50; ++i) {
                runtime->shard(index).spawn([&] {
                    for (int round = 0; round < 10; ++round) {
                        if (!runtime->workers().run([&] { ++ran; }, nullptr, hang())) ++failed;
                    }
                    if (--left == 0) done.set_value();
                });
            }
        });
    }
    await(done.get_future());
    CHECK(ran == 1000);
    CHECK(failed == 0);
    CHECK(runtime->workers().stats().threads <= 3);
}

TEST_CASE("worker_pool: stopping drops queued jobs and reports a thread that does not come back") {
    auto state = std::make_shared<std::pair<Door, std::promise<void>>>();
    auto finished = state->second.get_future();
    bool dropped_ran = false;
    {
        WorkerPool pool({.name = "stuck", .threads_max = 1, .queue_max = 1});
        CHECK(pool.runDetached([state] {
            state->first.pass();
            state->second.set_value();
        }));
        state->first.awaitArrivals(1);
        CHECK(pool.runDetached([&] { dropped_ran = true; }));
        CHECK_FALSE(pool.stop(Deadline(Deadline::Clock::now())));
        auto after = pool.runDetached([] {});
        CHECK_FALSE(after);
        CHECK(codeOf(after) == Code::unavailable);
    }
    state->first.open();  // the thread goes on after the pool is gone
    finished.wait();
    CHECK_FALSE(dropped_ran);
}
