// DeadlineQueue: all deadlines of one shard over one timer. A wait that ends early costs two heap operations and no
// system call: the timer is armed only for a deadline sooner than the armed one and never disarmed; a spurious
// expiry finds nothing to do.
//
// Threads: [shard].
// Owns:    nothing but the timer; a Node lives in its waiter and must be removed before it goes away.
#pragma once

#include <cstddef>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "kernel/runtime/deadline.hpp"

namespace howdah::kernel {

class DeadlineQueue {
public:
    struct Node {
        Deadline deadline;
        void (*expired)(Node& node) = nullptr;  // called from the loop, the node already removed
        std::size_t index = kAbsent;
    };
    static constexpr std::size_t kAbsent = ~std::size_t{0};

    explicit DeadlineQueue(boost::asio::io_context& io) : timer_(io) {}

    void add(Node& node);     // deadline and expired set; not never
    void remove(Node& node);  // does nothing if absent
    std::size_t size() const { return heap_.size(); }

private:
    // The time beside the pointer: sifting does not touch the nodes' cache lines.
    struct Entry {
        Deadline deadline;
        Node* node;
    };

    void place(std::size_t index, Entry entry);
    void siftUp(std::size_t index, Entry entry);
    void siftDown(std::size_t index, Entry entry);
    void arm();
    void onTimer();

    std::vector<Entry> heap_;
    boost::asio::steady_timer timer_;
    Deadline armed_for_;  // never = not armed
};

}  // namespace howdah::kernel
