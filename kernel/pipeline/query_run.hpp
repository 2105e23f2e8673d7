// QueryRun: one statement on its way through the hooks, to the executor, and back. docs/hooks.md is its specification.
//
// It is the howdah_query that hooks see (its base class) and the howdah_rows a tool reads.
//
// Threads: the request's fiber; the setters also the worker that stands in for it.
// Owns:    its copy of the text, the rows held in memory, the executor's cursor.
// Errors:  run() and next() return the outcome after all hooks; after an error from next() the rows already given are
//          not a whole answer.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include <howdah/abi/hooks.h>
#include <howdah/result.hpp>

#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/request.hpp"

namespace howdah::kernel {

class QueryRun final : public howdah_query {
public:
    static constexpr std::size_t kHooksMax = 128;              // in one chain; more is a start error
    static constexpr std::uint32_t kDepthMax = 4;              // queries inside hooks inside queries
    static constexpr std::size_t kCompleteBytes = 256 * 1024;  // a result up to this is whole before the way back

    QueryRun(howdah_ctx& caller, GenerationPin generation);
    ~QueryRun();
    QueryRun(const QueryRun&) = delete;
    QueryRun& operator=(const QueryRun&) = delete;

    // Steps 6 to 8: hooks, executor, and, for a result that is whole, the way back.
    Result<void> run(const howdah_query_request& query);

    // --- reading, after run()
    const std::vector<howdah_column>& columns() const { return columns_; }
    bool complete() const { return !streaming_; }
    Result<bool> next(howdah_batch& batch);  // false at the end
    const howdah_trailer& trailer() const { return trailer_; }
    howdah_str report() const { return report_; }  // of the executor, after the end

    // --- what hooks may do (howdah_query_v1); each checks the stage of the hook that runs
    Result<void> setSql(std::string_view text);
    Result<void> setParameters(const howdah_value* values, std::uint64_t count);
    Result<void> setLimits(std::uint64_t rows, std::uint64_t bytes, std::uint64_t milliseconds);
    Result<void> setSetting(std::string_view name, std::string_view value);
    Result<void> setDatabase(std::string_view name);
    Result<void> setFacts(const howdah_facts& found);
    Result<void> addTag(std::string_view tag);
    bool hasTag(std::string_view tag) const;
    Result<void> setReply(const howdah_result& result);

    Request& request() const { return request_; }

private:
    enum class Phase : std::uint8_t { idle, before, after, rows };
    struct Setting {
        std::string_view name;
        std::string_view value;
    };
    // A result in memory: the executor's, or a hook's reply.
    struct Held {
        std::vector<howdah_column> columns;
        std::vector<howdah_batch> batches;
        howdah_trailer trailer{};
        std::uint32_t flags = 0;
    };
    // What the running hook changed; becomes real when it proceeds.
    struct Pending {
        std::optional<howdah_str> sql;
        std::optional<howdah_str> database;
        const howdah_value* parameters = nullptr;
        std::uint64_t parameter_count = 0;
        bool parameters_set = false;
        std::uint64_t rows_max = 0;
        std::uint64_t bytes_max = 0;
        std::uint64_t timeout_ms = 0;
        const howdah_facts* facts = nullptr;
        std::vector<Setting> settings;
        std::vector<std::string_view> tags;
    };
    enum class Forward : std::uint8_t { execute, replied, failed };

    Result<void> admit(const howdah_query_request& query);
    Result<const DatabaseInfo*> findDatabase(std::string_view name) const;
    Result<void> mayReach(const DatabaseInfo& info) const;
    Result<howdah_str> keep(std::string_view text);
    Result<const howdah_value*> keepParameters(const howdah_value* values, std::uint64_t count);

    // Forward.
    Forward before();
    std::optional<Forward> answerForward(const HookSlot& slot, std::size_t i, std::uint32_t verdict);
    bool skips(const HookSlot& slot) const;
    void commitPending();
    void dropPending();
    void computeScopeHash();
    bool cancelled() const;
    Result<void> goOn() const;  // cancelled or past the deadline
    Result<void> mayChange(std::string_view what, std::initializer_list<Stage> stages) const;
    Error deniedBy(const HookSlot& slot);
    Error faultOf(const HookSlot& slot, std::uint32_t verdict, std::string_view event);
    std::optional<Error> onFault(const HookSlot& slot, Error fault);
    std::uint32_t tidyUp(const HookSlot& slot, std::uint32_t verdict);
    template <typename Hook>
    std::uint32_t invoke(const HookSlot& slot, Hook&& hook);

    // Executor.
    Result<void> execute();
    Result<void> fetchFirst();
    Result<void> readEnd();
    Result<void> hold(const howdah_batch& batch);
    void closeCursor();
    Error executorError();

    // Backward.
    void back();
    std::uint32_t tellError(const HookSlot& slot);
    bool answerResult(const HookSlot& slot, std::uint32_t verdict);
    bool answerError(const HookSlot& slot, std::uint32_t verdict);
    void toExecutor();  // hook_ctx_ serves the executor's calls, within the time asked for
    void toHooks();     // and the hooks' again
    Result<bool> passRows(howdah_batch& batch);
    Result<void> finishStream(std::optional<Error> failed);
    howdah_result resultView() const;
    void takeReply();

    Request& request_;
    GenerationPin generation_;
    Instance& origin_;
    const bool in_hook_;  // begun inside a hook
    QueryRun* outer_;
    CallRun* call_;
    Arena arena_;
    howdah_ctx hook_ctx_;

    const HookSlot* slot_ = nullptr;  // the hook that runs
    Phase phase_ = Phase::idle;
    std::array<bool, kHooksMax> entered_{};  // bytes, not bits: no hook waits for the store of the one before
    std::size_t open_queries_ = 0;           // of the request, before the walk that goes on
    bool pending_any_ = false;
    Pending pending_;
    std::vector<Setting> settings_;
    std::vector<std::string_view> tags_;
    std::optional<Held> reply_;

    std::uint64_t cursor_ = 0;
    std::vector<howdah_column> columns_;
    std::vector<howdah_batch> batches_;
    howdah_trailer trailer_{};
    howdah_str report_{"", 0};
    std::uint64_t affected_max_ = 0;
    Deadline executor_deadline_;       // of timeout_ms; never = not asked for
    Deadline hooks_deadline_;          // hook_ctx_'s while the executor has it
    howdah_str stable_cursor_{"", 0};  // to go on with
    std::uint32_t result_flags_ = 0;
    std::optional<Error> error_;  // the outcome on its way out, when it is an error
    std::size_t held_bytes_ = 0;
    std::uint64_t streamed_bytes_ = 0;  // given to the tool, as transforms have left them
    std::size_t next_batch_ = 0;
    std::optional<howdah_batch> live_;  // fetched but not held: too large, first to stream
    bool streaming_ = false;
    bool finished_ = false;  // the way back has been walked
};

// The error of a request that holds as much memory as it may.
inline Error outOfMemory() {
    return Error::unavailable("the request holds more memory than one request may");
}

}  // namespace howdah::kernel
