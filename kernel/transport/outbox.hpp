// Outbox: the bounded bytes a duplex channel has still to send, already framed. Fibers fill it and park while it is
// full, one sender (a thread or a fiber) empties it batch by batch.
//
// Threads: as MessageOutput; interject(), close(), finish() and the counter any; take() in one fiber, takeOnThread() on
//          one thread, sent() there.
// Owns:    the queued bytes: at most the limit, plus one message of any size, plus the batch the sender holds.
// Errors:  cancelled after close() or finish().
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/runtime/deadline.hpp"
#include "kernel/runtime/event.hpp"
#include "kernel/transport/message_output.hpp"

namespace howdah::kernel {

// How a message becomes bytes on the wire. Immutable, outlives the outbox.
class MessageFraming {
public:
    virtual ~MessageFraming() = default;
    virtual void appendWhole(std::string& out, std::string_view json) const = 0;
    virtual void appendPiece(std::string& out, std::string_view bytes, bool first) const = 0;
    virtual void appendEnd(std::string& out, bool first) const = 0;  // `first`: no piece came before
};

class Outbox final : public MessageOutput {
public:
    // What becomes of a push() for which there is no room: it is refused, or the peer counts as one that does not read
    // and the outbox is closed.
    enum class WhenFull : std::uint8_t { refuse, cut };

    Outbox(std::size_t bytes_max, const MessageFraming& framing, WhenFull when_full = WhenFull::refuse)
        : bytes_max_(bytes_max), framing_(framing), when_full_(when_full) {}
    ~Outbox() override;

    bool push(std::string_view json) override;
    Result<void> write(std::string_view json) override;
    Result<void> begin() override;
    Result<void> piece(std::string_view bytes) override;
    void end() override;

    // [any] Bytes that are framed already and may stand between the pieces of a message; false after close() or
    // finish(), and when they do not fit.
    bool interject(std::string_view frames);

    // The sender: moves out all that is queued (`batch` comes empty, its storage is used again), then says that it
    // left. Whole messages and pieces mixed, in order.
    enum class Taken : std::uint8_t { bytes, quiet, ended };
    Taken take(std::string& batch, Cancellation* cancellation, Deadline deadline);  // quiet at the deadline
    bool takeOnThread(std::string& batch);                                          // false at the end
    void sent();

    // Nobody reads any more: what is queued is dropped, take() ends.
    void close();
    // Nothing more comes in but these frames, whatever their size; a message in pieces stays without its end. take()
    // ends once what is queued was taken.
    void finish(std::string_view last_words = {});

    bool closed() const;
    std::size_t bytesQueued() const;  // includes the batch the sender holds

private:
    bool takesNothing() const { return closed_ || finished_; }           // [locked]
    std::string& wholeQueue() { return in_pieces_ ? behind_ : queue_; }  // [locked]
    void parkWriter(std::unique_lock<std::mutex>& lock);
    void wakeWriters(std::unique_lock<std::mutex>& lock);
    void wakeSender(std::unique_lock<std::mutex>& lock);
    void closeLocked(std::unique_lock<std::mutex>& lock);

    const std::size_t bytes_max_;
    const MessageFraming& framing_;
    const WhenFull when_full_;

    mutable std::mutex mutex_;
    std::condition_variable work_;
    std::string queue_;        // to be sent next
    std::string behind_;       // whole messages that wait for the end of the one in pieces
    std::size_t sending_ = 0;  // bytes the sender has taken
    bool in_pieces_ = false;
    bool first_piece_ = false;
    bool closed_ = false;
    bool finished_ = false;
    std::vector<std::shared_ptr<Event>> writers_;  // that wait for room or their turn; each looks again when woken
    std::shared_ptr<Event> sender_;  // a new one for each wait: an Event cannot be reset while others may set it
};

}  // namespace howdah::kernel
