// The answer of prompts/get, resources/read, completion/complete and lists that plugins make: held until it is whole,
// so that an error on the way can still take its place. A long text of a resource is not held but sent as it comes; an
// error then ends the text, and stands in the _meta of its contents.
//
// Threads: the request's fiber; a text that is sent may park it while a slow client catches up.
// Errors:  unavailable when it grows beyond its limit.
// Source:  MCP 2026-07-28 "Prompts", "Resources", "Completion".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kernel/host/generation.hpp"
#include "kernel/pipeline/answer.hpp"
#include "kernel/protocol/era.hpp"
#include "kernel/protocol/json_pieces.hpp"
#include "kernel/protocol/notices.hpp"
#include "kernel/protocol/questions.hpp"

namespace howdah::kernel {

class HeldAnswer final : public ListAnswer {
public:
    // `questions` null: none can be asked.
    HeldAnswer(ReplySink& sink, Notices::Settings notices, Questions* questions, std::size_t bytes_max)
        : sink_(sink),
          revision_(notices.revision),
          notices_(sink, std::move(notices)),
          questions_(questions),
          bytes_max_(bytes_max) {}

    // A text of a resource may be sent before it is whole; `head` is what stands before its elements.
    void mayStream(std::string head) { head_ = std::move(head); }
    bool streamed() const { return streamed_; }
    // The end of an answer that was streamed; `tail` follows its elements.
    void endStream(std::string_view tail);
    void endStream(std::string_view tail, const Error& error);

    void describe(std::string_view description) override { description_ = description; }
    void of(std::string_view uri, std::string_view mime_type, const CacheHint& cache) override;

    // Of a resource once of() was called, else a message of the user.
    Result<void> text(std::string_view bytes) override;
    Result<void> content(std::string_view json) override;
    Result<void> structured(std::string_view json) override;
    Result<void> progress(double done, double total, std::string_view message) override {
        return notices_.progress(done, total, message);
    }
    bool wantsProgress() const override { return notices_.wantsProgress(); }
    Result<void> log(std::uint32_t level, std::string_view logger, std::string_view data) override {
        return notices_.log(level, logger, data);
    }

    Result<std::string> ask(Request& request, std::string_view questions) override {
        if (!questions_) return Answer::ask(request, questions);
        if (any_element_) return Error::internal("a question after the answer has begun; ask first");
        return questions_->ask(request, questions);
    }

    const std::string& description() const { return description_; }
    // The elements, comma-separated. A resource whose handler wrote nothing is an empty text, not an absent one.
    std::string_view elements();
    std::string_view structured() const { return structured_; }
    const CacheHint& cache() const { return cache_; }

private:
    void beginElement();
    void endText();
    Result<void> withinLimit() const;
    Result<void> sendText();

    static constexpr std::size_t kHeldText = 64u << 10;  // a longer one is sent
    static constexpr std::size_t kSlice = 16u << 10;

    ReplySink& sink_;
    const Revision revision_;
    Notices notices_;
    Questions* const questions_;
    const std::size_t bytes_max_;
    std::string description_;
    std::string uri_;   // as JSON; "" = a prompt
    std::string mime_;  // as JSON
    CacheHint cache_;
    std::string elements_;
    std::string structured_;
    PieceEscaper escaper_;
    std::string head_;  // "" = not to be streamed
    bool in_text_ = false;
    bool any_element_ = false;
    bool streamed_ = false;
};

}  // namespace howdah::kernel
