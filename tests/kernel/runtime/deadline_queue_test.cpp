#include "kernel/runtime/deadline_queue.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace howdah::kernel;
using namespace std::chrono_literals;

namespace {

struct Expiring : DeadlineQueue::Node {
    explicit Expiring(std::vector<Expiring*>& log, Deadline at) : expired_log(log) {
        deadline = at;
        expired = [](Node& node) {
            auto& self = static_cast<Expiring&>(node);
            self.expired_log.push_back(&self);
        };
    }
    std::vector<Expiring*>& expired_log;
};

}  // namespace

TEST_CASE("deadline_queue: what was not removed expires in order, whatever the order of adding and removing") {
    std::mt19937 random(7);
    const auto start = Deadline::Clock::now() - 1s;  // all have passed: nothing has to be waited for
    for (int trial = 0; trial < 300; ++trial) {
        boost::asio::io_context io(1);
        DeadlineQueue queue(io);
        std::vector<Expiring*> log;
        std::vector<std::unique_ptr<Expiring>> nodes;
        for (int i = 0; i < 60; ++i) {
            const auto offset = std::chrono::microseconds(random() % 1000);
            nodes.push_back(std::make_unique<Expiring>(log, Deadline(start + offset)));
            queue.add(*nodes.back());
        }
        std::shuffle(nodes.begin(), nodes.end(), random);
        for (int i = 0; i < 30; ++i)
            queue.remove(*nodes[i]);
        queue.remove(*nodes[0]);  // absent: nothing happens
        CHECK(queue.size() == 30);
        io.run();
        CHECK(log.size() == 30);
        CHECK(queue.size() == 0);
        CHECK(std::is_sorted(log.begin(), log.end(), [](auto* a, auto* b) { return a->deadline < b->deadline; }));
        auto expired = [&](const auto& node) { return std::find(log.begin(), log.end(), node.get()) != log.end(); };
        CHECK(std::none_of(nodes.begin(), nodes.begin() + 30, expired));
    }
}

TEST_CASE("deadline_queue: a sooner deadline that comes later is served at its own time") {
    boost::asio::io_context io(1);
    DeadlineQueue queue(io);
    std::vector<Expiring*> log;
    Expiring late(log, Deadline::in(10min));
    Expiring soon(log, Deadline::in(1ms));
    queue.add(late);
    queue.add(soon);
    while (log.empty())
        io.run_one();
    CHECK(log == std::vector<Expiring*>{&soon});
    CHECK(soon.deadline.passed());
    CHECK(queue.size() == 1);
    queue.remove(late);
}

TEST_CASE("deadline_queue: one added by an expiry is served too") {
    boost::asio::io_context io(1);
    DeadlineQueue queue(io);
    struct Chain : DeadlineQueue::Node {
        DeadlineQueue* queue;
        int left = 3;
    } chain;
    chain.queue = &queue;
    chain.deadline = Deadline::in(1ms);
    chain.expired = [](DeadlineQueue::Node& node) {
        auto& self = static_cast<Chain&>(node);
        if (--self.left == 0) return;
        self.deadline = Deadline::in(1ms);
        self.queue->add(self);
    };
    queue.add(chain);
    io.run();
    CHECK(chain.left == 0);
}
