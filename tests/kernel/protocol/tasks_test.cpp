#include "kernel/protocol/tasks.hpp"

#include <future>
#include <thread>

#include <doctest/doctest.h>

#include "kernel/runtime/runtime.hpp"

using namespace howdah::kernel;
using namespace howdah;
using namespace std::chrono_literals;

namespace {

struct Tasks {
    explicit Tasks(TaskLimits limits = {}) : store(limits) {
        auto started = Runtime::start({.shards = 1});
        REQUIRE(started);
        runtime = std::move(*started);
    }
    ~Tasks() { runtime->stop(Deadline::in(5s)); }

    Result<std::shared_ptr<CallTask>> create(const Principal& owner, std::chrono::milliseconds time_to_live = 1h) {
        return store.create(owner, time_to_live, runtime->shard(0));
    }
    // On a fiber, as a call is.
    void run(std::function<void()> body) {
        std::promise<void> ended;
        runtime->shard(0).post([&] {
            runtime->shard(0).spawn([&] {
                body();
                ended.set_value();
            });
        });
        ended.get_future().get();
    }

    TaskStore store;
    std::unique_ptr<Runtime> runtime;
};

const Principal kAda{.subject = "ada", .tenant = "t"};

}  // namespace

TEST_CASE("tasks: an id opens nothing for another principal or another tenant") {
    Tasks tasks;
    auto task = *tasks.create(kAda);
    CHECK(task->id.size() == 48);
    CHECK(tasks.store.find(task->id, kAda) == task);
    CHECK(tasks.store.find(task->id, {.subject = "bob", .tenant = "t"}) == nullptr);
    CHECK(tasks.store.find(task->id, {.subject = "ada"}) == nullptr);
    CHECK(tasks.store.of({.subject = "bob"}).empty());
    CHECK(tasks.store.of(kAda).size() == 1);
}

TEST_CASE("tasks: as many as may be, of one principal and of all") {
    Tasks tasks({.tasks_max = 3, .of_one_principal_max = 2});
    REQUIRE(tasks.create(kAda));
    REQUIRE(tasks.create(kAda));
    CHECK(tasks.create(kAda).error().message.find("you have 2 tasks") != std::string::npos);
    REQUIRE(tasks.create({.subject = "bob"}));
    CHECK(tasks.create({.subject = "eve"}).error().message.find("keeps 3 tasks") != std::string::npos);
}

TEST_CASE("tasks: one that has ended is forgotten after its time, one that works is not") {
    Tasks tasks;
    auto task = *tasks.create(kAda, 0ms);
    CHECK(tasks.store.find(task->id, kAda) == task);
    tasks.store.complete(*task, "{}");
    CHECK(tasks.store.find(task->id, kAda) == nullptr);
    auto kept = *tasks.create(kAda, 1h);
    tasks.store.complete(*kept, "{}");
    CHECK(tasks.store.find(kept->id, kAda) == kept);
}

TEST_CASE("tasks: what has ended stays as it is") {
    Tasks tasks;
    auto task = *tasks.create(kAda);
    CHECK(task->cancel());
    CHECK_FALSE(task->cancel());
    CHECK_FALSE(task->complete("{}"));
    task->fail("{}", "late");
    task->say("late");
    CHECK(task->view().status == TaskStatus::cancelled);
    CHECK(task->view().message == "cancelled by its client");
    CHECK(task->cancellation->reason() == CancelReason::requested);
}

TEST_CASE("tasks: results beyond the room for all of them fail their task, and room comes back") {
    Tasks tasks({.results_bytes_max = 10});
    auto first = *tasks.create(kAda, 0ms), second = *tasks.create(kAda), third = *tasks.create(kAda);
    tasks.store.complete(*first, std::string(8, ' '));
    tasks.store.complete(*second, std::string(8, ' '));
    CHECK(second->view().status == TaskStatus::completed);  // the first had had its time
    tasks.store.complete(*third, std::string(8, ' '));
    CHECK(third->view().status == TaskStatus::failed);
    CHECK(third->view().message.find("call again") != std::string::npos);
}

TEST_CASE("tasks: questions are answered one by one, and unknown keys change nothing") {
    Tasks tasks;
    auto task = *tasks.create(kAda);
    Result<Json> answers{Error{}};
    std::thread client([&] {
        while (task->view().status != TaskStatus::input_required)
            std::this_thread::yield();
        task->answer({{"other", Json::object()}, {"a", 7}});
        CHECK(task->view().questions.size() == 2);
        task->answer({{"a", {{"x", 1}}}});
        CHECK(task->view().questions.size() == 1);
        CHECK(task->view().status == TaskStatus::input_required);
        task->answer({{"a", {{"x", 2}}}, {"b", {{"y", 3}}}});
    });
    tasks.run([&] { answers = task->ask({{"a", {{"method", "m"}}}, {"b", {{"method", "m"}}}}, Deadline::never()); });
    client.join();
    REQUIRE(answers);
    CHECK(*answers == Json{{"a", {{"x", 1}}}, {"b", {{"y", 3}}}});
    CHECK(task->view().status == TaskStatus::working);
}

TEST_CASE("tasks: a question ends with its time, a refusal or the task") {
    Tasks tasks;
    auto task = *tasks.create(kAda);
    const Json question{{"a", {{"method", "m"}}}};
    Result<Json> answers{Error{}};
    tasks.run([&] { answers = task->ask(question, Deadline::in(1ms)); });
    CHECK(answers.error().code == Code::timeout);

    std::thread client([&] {
        while (task->view().status != TaskStatus::input_required)
            std::this_thread::yield();
        task->refuseToAnswer("a", "not now");
    });
    tasks.run([&] { answers = task->ask(question, Deadline::never()); });
    client.join();
    CHECK(answers.error().message.find("not now") != std::string::npos);

    std::thread other([&] {
        while (task->view().status != TaskStatus::input_required)
            std::this_thread::yield();
        task->cancel();
    });
    tasks.run([&] { answers = task->ask(question, Deadline::never()); });
    other.join();
    CHECK(answers.error().code == Code::cancelled);
}

TEST_CASE("tasks: the end of the server cancels them and takes no more") {
    Tasks tasks;
    auto task = *tasks.create(kAda);
    tasks.store.entered();
    CHECK_FALSE(tasks.store.stop(Deadline::in(1ms)));
    CHECK(task->view().status == TaskStatus::cancelled);
    tasks.store.left();
    CHECK(tasks.store.stop(Deadline::in(1h)));
    CHECK(tasks.create(kAda).error().code == Code::unavailable);
}
