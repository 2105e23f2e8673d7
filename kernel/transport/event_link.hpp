// EventLink: the way to push messages to a client that holds a GET stream open; EventQueue is what it shares with the
// fiber that sends them.
//
// Threads: push() and close() any; next() on the fiber that sends.
// Owns:    the messages not yet sent, at most the limit; a client that lets more pile up is cut off.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

class EventQueue {
public:
    explicit EventQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    bool push(std::string_view json, std::string_view id = {});  // an empty message only tells the id
    // No more messages; next() gives what is left, then ends.
    void close();

    enum class Next { frames, quiet, ended };
    // Parks until there is something to send, at most until the deadline (quiet).
    Next next(std::string& frames, Cancellation* cancellation, Deadline deadline);

private:
    void wake(std::unique_lock<std::mutex> lock);

    const std::size_t bytes_max_;
    std::mutex mutex_;
    std::string frames_;
    bool closed_ = false;
    std::shared_ptr<Event> waiter_;  // a new one for each wait: an Event cannot be reset while others may set it
};

class EventLink final : public PeerLink {
public:
    explicit EventLink(std::shared_ptr<EventQueue> queue) : queue_(std::move(queue)) {}
    ~EventLink() override { queue_->close(); }
    EventLink(const EventLink&) = delete;
    EventLink& operator=(const EventLink&) = delete;

    bool push(std::string json) override { return queue_->push(json); }
    bool pushEvent(std::string json, std::string_view id) override { return queue_->push(json, id); }

private:
    const std::shared_ptr<EventQueue> queue_;
};

}  // namespace howdah::kernel
