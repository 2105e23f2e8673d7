#include "kernel/runtime/deadline_queue.hpp"

#include <cassert>

namespace howdah::kernel {

void DeadlineQueue::add(Node& node) {
    assert(node.index == kAbsent && node.expired && !node.deadline.isNever());
    heap_.emplace_back();
    siftUp(heap_.size() - 1, {node.deadline, &node});
    if (node.deadline < armed_for_) arm();
}

void DeadlineQueue::remove(Node& node) {
    const std::size_t index = node.index;
    if (index == kAbsent) return;
    node.index = kAbsent;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (index == heap_.size()) return;  // it was the last
    if (index > 0 && last.deadline < heap_[(index - 1) / 2].deadline) {
        siftUp(index, last);
    } else {
        siftDown(index, last);
    }
}

void DeadlineQueue::place(std::size_t index, Entry entry) {
    heap_[index] = entry;
    entry.node->index = index;
}

void DeadlineQueue::siftUp(std::size_t index, Entry entry) {
    while (index > 0) {
        const std::size_t parent = (index - 1) / 2;
        if (!(entry.deadline < heap_[parent].deadline)) break;
        place(index, heap_[parent]);
        index = parent;
    }
    place(index, entry);
}

void DeadlineQueue::siftDown(std::size_t index, Entry entry) {
    for (;;) {
        std::size_t child = 2 * index + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1].deadline < heap_[child].deadline) ++child;
        if (!(heap_[child].deadline < entry.deadline)) break;
        place(index, heap_[child]);
        index = child;
    }
    place(index, entry);
}

void DeadlineQueue::arm() {
    armed_for_ = heap_.front().deadline;
    timer_.expires_at(armed_for_.at());  // cancels the wait before, whose handler then gets an error
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) onTimer();
    });
}

void DeadlineQueue::onTimer() {
    // A handler of a timer that was armed anew after this one had expired comes here too: it only looks early.
    armed_for_ = Deadline::never();
    const Deadline now(Deadline::Clock::now());
    while (!heap_.empty() && !(now < heap_.front().deadline)) {
        Node& node = *heap_.front().node;
        remove(node);
        node.expired(node);
    }
    if (!heap_.empty() && heap_.front().deadline < armed_for_) arm();
}

}  // namespace howdah::kernel
