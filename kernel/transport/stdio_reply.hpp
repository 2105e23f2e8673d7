// StdioReply: the answer to one message on the stdio transport: a line, queued whole when it is short, streamed when
// not.
//
// Threads: the fiber that serves the message.
// Errors:  cancelled when the client is gone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kernel/protocol/exchange.hpp"
#include "kernel/transport/line_writer.hpp"

namespace howdah::kernel {

class StdioReply final : public ReplySink {
public:
    StdioReply(LineWriter& writer, std::size_t bytes_collected) : writer_(writer), bytes_collected_(bytes_collected) {}
    ~StdioReply() override {
        if (line_held_) writer_.endLine();
    }
    StdioReply(const StdioReply&) = delete;
    StdioReply& operator=(const StdioReply&) = delete;

    void status(int) override {}
    void header(std::string_view, std::string_view) override {}

    Result<void> notify(std::string_view json) override {
        if (answer_begun_) return {};  // progress of what is already being answered
        return writer_.write(json);
    }

    Result<void> write(std::string_view bytes) override {
        answer_begun_ = true;
        if (collected_.size() + bytes.size() <= bytes_collected_) {
            collected_ += bytes;
            return {};
        }
        if (!line_held_) {
            if (auto begun = writer_.beginLine(); !begun) return begun;
            line_held_ = true;
        }
        auto sent = writer_.writePiece(collected_);
        if (sent) sent = writer_.writePiece(bytes);
        collected_.clear();
        return sent;
    }

    Result<void> finish() override {
        if (finished_ || !answer_begun_) return {};
        finished_ = true;
        if (!line_held_) return writer_.write(collected_);
        auto sent = writer_.writePiece(collected_);
        line_held_ = false;
        writer_.endLine();
        return sent;
    }

private:
    LineWriter& writer_;
    const std::size_t bytes_collected_;
    std::string collected_;
    bool answer_begun_ = false;
    bool line_held_ = false;
    bool finished_ = false;
};

}  // namespace howdah::kernel
