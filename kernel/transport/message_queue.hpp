// MessageQueue: the output of a duplex channel whose wire somebody else writes, message by message (a transport
// plugin). Fibers fill it and park while it is full, one fiber takes.
//
// A message in pieces is put together here, one at a time, and has a limit; one that is longer becomes an error to the
// request it would have answered, because nothing of it has left yet.
//
// Threads: as MessageOutput; finish() and close() any; take() in one fiber.
// Owns:    the messages not yet taken: up to the limit, or one of any size, and the one in pieces.
// Errors:  cancelled after close(); refused for a piece beyond the limit of a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/runtime/event.hpp"
#include "kernel/transport/message_output.hpp"

namespace howdah::kernel {

class MessageQueue final : public MessageOutput {
public:
    MessageQueue(std::size_t queue_bytes_max, std::size_t message_bytes_max)
        : queue_bytes_max_(queue_bytes_max), message_bytes_max_(message_bytes_max) {}

    bool push(std::string_view json) override;
    Result<void> write(std::string_view json) override;
    Result<void> begin() override;
    Result<void> piece(std::string_view bytes) override;
    void end() override;

    enum class Taken : std::uint8_t { message, timeout, cancelled, ended };
    Taken take(std::string& message, Cancellation* cancellation, Deadline deadline);

    void finish();  // nothing more comes in; take() ends once what is queued was taken
    void close();   // what is queued is dropped, take() ends

private:
    bool over() const { return finished_ || closed_; }  // [locked]
    void add(std::string message);                      // [locked]
    void park(std::unique_lock<std::mutex>& lock);
    void wakeAll(std::unique_lock<std::mutex> lock);

    const std::size_t queue_bytes_max_;
    const std::size_t message_bytes_max_;

    std::mutex mutex_;
    std::deque<std::string> messages_;
    std::size_t bytes_ = 0;
    bool in_pieces_ = false;
    bool finished_ = false;
    bool closed_ = false;
    std::vector<std::shared_ptr<Event>> writers_;  // each looks again when woken
    std::shared_ptr<Event> taker_;  // a new one for each wait: an Event cannot be reset while others may set it

    // Of the fiber that is between begin() and end().
    std::string whole_;
    bool too_long_ = false;
};

// The id of the request that a message which begins so would answer, as JSON text; "" if it cannot be told.
std::string answeredId(std::string_view head);

}  // namespace howdah::kernel
