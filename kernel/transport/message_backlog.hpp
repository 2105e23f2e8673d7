// MessageBacklog: what a client of a duplex channel sends while as many of its requests are served as may be. Requests
// wait here in their order, and one that is taken back meanwhile leaves; what wants no answer does not wait at all.
//
// Threads: one at a time.
// Owns:    the messages that wait, within the bound.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "kernel/transport/message_buffer.hpp"

namespace howdah::kernel {

class MessageBacklog {
public:
    explicit MessageBacklog(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    bool empty() const { return waiting_.empty(); }
    // An empty one takes any message: lines have a bound of their own.
    bool hasRoomFor(const MessageBuffer& message) const;
    // `id` as JSON text, "" if it has none that could be cancelled.
    void add(MessageBuffer message, std::string id);
    MessageBuffer next();
    void drop(std::string_view id);
    void clear();

private:
    struct Waiting {
        MessageBuffer message;
        std::string id;
    };
    static std::size_t costOf(const MessageBuffer& message);

    const std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::deque<Waiting> waiting_;
};

// Whether a message has to wait its turn, read from the message itself.
struct MessageTurn {
    bool waits = true;    // a request, a batch, or what is no message and will be refused
    std::string id;       // of a request
    std::string cancels;  // the id that notifications/cancelled names

    static MessageTurn of(const MessageBuffer& message);
};

}  // namespace howdah::kernel
