// The Answer of tools/call: the JSON-RPC envelope around what the tool writes, bytes handed on as they come.
//
// Nothing is written before the tool's first piece, so that a call that fails at once can still end as a protocol
// error. Text streams; structuredContent is held back until the end (a call that fails later replaces it).
//
// Threads: the request's fiber.
// Source:  MCP 2026-07-28 "Tools: Tool Result, Structured Content".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kernel/host/generation.hpp"
#include "kernel/pipeline/answer.hpp"
#include "kernel/protocol/era.hpp"
#include "kernel/protocol/exchange.hpp"
#include "kernel/protocol/json_pieces.hpp"
#include "kernel/protocol/notices.hpp"
#include "kernel/protocol/questions.hpp"

namespace howdah::kernel {

class ToolAnswer : public Answer {
public:
    struct Settings {
        std::string_view id;             // JSON text; "" = the bare result, without an envelope
        Revision revision;               // decides the members of the result
        std::string_view meta;           // the result's _meta, "" for none
        std::size_t structured_max = 0;  // bytes
        Notices::Settings notices;
        Questions* questions = nullptr;
        TaskSupport task_support = TaskSupport::forbidden;  // of the tool
        bool client_takes_tasks = false;
    };

    ToolAnswer(ReplySink& sink, Settings settings)
        : sink_(sink), settings_(std::move(settings)), notices_(sink, settings_.notices) {}

    Result<void> text(std::string_view bytes) override;
    Result<void> structured(std::string_view json) override;
    Result<void> content(std::string_view json) override;
    Result<void> progress(double done, double total, std::string_view message) override;
    bool wantsProgress() const override { return notices_.wantsProgress(); }
    Result<void> log(std::uint32_t level, std::string_view logger, std::string_view data) override;
    Result<std::string> ask(Request& request, std::string_view questions) override;
    Result<void> continueAsTask(Request& request) override;

    // The call ends here and runs again as a task.
    bool becomesTask() const { return becomes_task_; }
    // Nothing of the answer has left for the transport: it can be dropped or become a protocol error.
    bool untouched() const { return !sent_; }

    // Of a tool whose output is checked: internal when its structured content does not fit what it promised.
    Result<void> checkStructured(const Tool& tool) const;
    Result<void> finish();
    // The error as the last block of text, isError set.
    Result<void> finishWithError(const Error& error, std::string_view statement);

protected:
    bool begun() const { return any_block_ || !structured_.empty(); }

private:
    Result<void> stillOpen() const;
    void open();
    void beginBlock();
    void endText();
    void close(bool is_error);
    Result<void> flush();  // once there is enough, or all

    static constexpr std::size_t kFlushAt = 32u << 10;
    static constexpr std::size_t kTextSlice = 16u << 10;

    ReplySink& sink_;
    const Settings settings_;
    Notices notices_;
    std::string buffer_;
    std::string error_;  // as JSON, of an answer that ends with one
    std::string structured_;
    PieceEscaper escaper_;
    bool opened_ = false;
    bool in_text_ = false;
    bool any_block_ = false;
    bool closed_ = false;
    bool sent_ = false;
    bool becomes_task_ = false;
};

}  // namespace howdah::kernel
