// LineWriter: what an Outbox holds, to one descriptor that may block, on a thread of its own: nobody but that thread
// ever waits for the peer. LineFraming: one line a message.
//
// Threads: stop() outside fibers.
// Owns:    the thread, not the descriptor, which must stay open until stop() returned true.
// Source:  MCP, stdio, "messages are delimited by newlines".
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/runtime/deadline.hpp"
#include "kernel/transport/outbox.hpp"

namespace howdah::kernel {

class LineFraming final : public MessageFraming {
public:
    void appendWhole(std::string& out, std::string_view json) const override;
    void appendPiece(std::string& out, std::string_view bytes, bool first) const override;
    void appendEnd(std::string& out, bool first) const override;
};
inline const LineFraming kLines;

class LineWriter {
public:
    // `on_gone` is called once, on the writing thread, when a write has failed: the peer has stopped to exist.
    LineWriter(int descriptor, std::shared_ptr<Outbox> outbox, std::function<void()> on_gone);
    ~LineWriter();  // stop() with no time to spare
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;

    // Writes what is queued, then ends the thread. False when the peer took too long: the thread is left to itself.
    bool stop(Deadline deadline);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace howdah::kernel
