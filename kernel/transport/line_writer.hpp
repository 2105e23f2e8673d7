// LineWriter: whole lines to one descriptor that may block, written by a thread of its own.
//
// A short line is queued in one piece. A long one is streamed by the fiber that holds the line: what others write
// meanwhile waits behind it. Both park their fiber while the peer does not read; nobody but the thread ever blocks.
//
// Threads: push(), bytesQueued(), gone() any; the rest of the writing side in fibers; stop() outside them.
// Owns:    the queued bytes and the thread, not the descriptor, which must stay open until stop() returned true.
// Errors:  cancelled once a write has failed (the peer is gone) or after stop().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/runtime/deadline.hpp"

namespace howdah::kernel {

class LineWriter {
public:
    // `on_gone` is called once, on the writing thread, when the peer has stopped to exist.
    LineWriter(int descriptor, std::size_t queue_bytes_max, std::function<void()> on_gone);
    ~LineWriter();  // stop() with no time to spare
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;

    // [any] Queues a line without waiting; false when the queue is full or the peer is gone. No line break in it.
    bool push(std::string_view line);
    // Queues a line; parks while the queue is full.
    Result<void> write(std::string_view line);

    // A line in pieces. begin() parks until nobody else holds the line; end() must follow.
    Result<void> beginLine();
    Result<void> writePiece(std::string_view bytes);
    void endLine();

    bool gone() const;
    std::size_t bytesQueued() const;

    // Writes what is queued, then ends the thread. False when the peer took too long: the thread is left to itself.
    bool stop(Deadline deadline);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace howdah::kernel
