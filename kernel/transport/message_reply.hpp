// MessageReply: the answer to one message of a duplex channel, queued whole when it is short, in pieces when not.
//
// Threads: the fiber that serves the message.
// Errors:  cancelled when the client is gone.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "kernel/protocol/exchange.hpp"
#include "kernel/transport/message_output.hpp"

namespace howdah::kernel {

class MessageReply final : public ReplySink {
public:
    // `stand`: what stands() does.
    MessageReply(MessageOutput& output, std::size_t bytes_collected, std::function<Result<void>()> stand)
        : output_(output), bytes_collected_(bytes_collected), stand_(std::move(stand)) {}
    ~MessageReply() override {
        if (in_pieces_) output_.end();
    }
    MessageReply(const MessageReply&) = delete;
    MessageReply& operator=(const MessageReply&) = delete;

    void status(int) override {}
    void header(std::string_view, std::string_view) override {}
    Result<void> stands() override { return stand_(); }

    Result<void> notify(std::string_view json) override {
        if (answer_begun_) return {};  // progress of what is already being answered
        return output_.write(json);
    }

    Result<void> write(std::string_view bytes) override {
        answer_begun_ = true;
        if (collected_.size() + bytes.size() <= bytes_collected_) {
            collected_ += bytes;
            return {};
        }
        if (!in_pieces_) {
            if (auto begun = output_.begin(); !begun) return begun;
            in_pieces_ = true;
        }
        auto sent = output_.piece(collected_);
        if (sent) sent = output_.piece(bytes);
        collected_.clear();
        return sent;
    }

    Result<void> finish() override {
        if (finished_ || !answer_begun_) return {};
        finished_ = true;
        if (!in_pieces_) return output_.write(collected_);
        auto sent = output_.piece(collected_);
        in_pieces_ = false;
        output_.end();
        return sent;
    }

private:
    MessageOutput& output_;
    const std::size_t bytes_collected_;
    const std::function<Result<void>()> stand_;
    std::string collected_;
    bool answer_begun_ = false;
    bool in_pieces_ = false;
    bool finished_ = false;
};

}  // namespace howdah::kernel
