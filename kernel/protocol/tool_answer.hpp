// The Answer of tools/call: the JSON-RPC envelope around what the tool writes, bytes handed on as they come.
//
// Nothing is written before the tool's first piece, so that a call that fails at once can still end as a protocol
// error. Text streams; structuredContent is held back until the end (a call that fails later replaces it).
//
// Threads: the request's fiber.
// Source:  MCP 2026-07-28 "Tools: Tool Result, Structured Content", "Progress".
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/pipeline/answer.hpp"
#include "kernel/protocol/era.hpp"
#include "kernel/protocol/exchange.hpp"
#include "kernel/protocol/json_pieces.hpp"

namespace howdah::kernel {

class ToolAnswer final : public Answer {
public:
    struct Settings {
        std::string_view id;             // JSON text
        Revision revision;               // decides the members of the result
        std::string_view meta;           // the result's _meta, "" for none
        std::string progress_token;      // JSON text, "" when the client asked for none
        std::size_t structured_max = 0;  // bytes
        std::chrono::milliseconds progress_interval{0};
        // Legacy HTTP: a closed connection cancels nothing, so the tool goes on and its bytes go nowhere.
        bool outlives_client = false;
    };

    ToolAnswer(ReplySink& sink, Settings settings) : sink_(sink), settings_(std::move(settings)) {}

    Result<void> text(std::string_view bytes) override;
    Result<void> structured(std::string_view json) override;
    Result<void> content(std::string_view json) override;
    Result<void> progress(double done, double total, std::string_view message) override;
    bool wantsProgress() const override { return !settings_.progress_token.empty(); }

    // Nothing of the answer has left for the transport: it can be dropped or become a protocol error.
    bool untouched() const { return !sent_; }

    Result<void> finish();
    // The error as the last block of text, isError set.
    Result<void> finishWithError(const Error& error, std::string_view statement);

private:
    void open();
    void beginBlock();
    void endText();
    void close(bool is_error);
    Result<void> flush();  // once there is enough, or all

    static constexpr std::size_t kFlushAt = 32u << 10;
    static constexpr std::size_t kTextSlice = 16u << 10;

    ReplySink& sink_;
    const Settings settings_;
    std::string buffer_;
    std::string error_;  // as JSON, of an answer that ends with one
    std::string structured_;
    PieceEscaper escaper_;
    bool opened_ = false;
    bool in_text_ = false;
    bool any_block_ = false;
    bool closed_ = false;
    bool sent_ = false;
    bool client_gone_ = false;
    double last_progress_ = -std::numeric_limits<double>::infinity();
    std::optional<std::chrono::steady_clock::time_point> last_progress_at_;
};

}  // namespace howdah::kernel
