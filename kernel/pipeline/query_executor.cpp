#include <algorithm>
#include <chrono>
#include <cstddef>

#include <howdah/host.hpp>

#include "kernel/host/instance.hpp"
#include "kernel/pipeline/query_invoke.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {

// Between the hooks and the service howdah.sql/1: running the statement and reading its rows.

namespace {
// A time that was asked for is that of everything the executor does: waiting for a connection, making it, trying again.
// So much beyond it is left to the database, whose own word on its timeout says more.
constexpr std::chrono::milliseconds kDatabasesWord{50};
constexpr std::uint64_t kLongestMs = 1'000'000'000;

// Texts of plugins are known to be what they are.
bool mayLeaveTraces(const howdah_query& query) {
    return query.provenance == HOWDAH_PROVENANCE_CLIENT &&
           (!query.facts || (query.facts->flags & HOWDAH_FACT_VOLATILE) != 0);
}
}  // namespace

// --- executor

Error QueryRun::executorError() {
    Error error = std::move(hook_ctx_.error);
    hook_ctx_.error = Error{};
    if (error.message.empty()) error = Error::internal("the executor failed without saying why");
    return error;
}

Result<void> QueryRun::execute() {
    const auto& executor = generation_->sql;
    if (!executor) {
        return Error::unavailable("no plugin executes statements (service howdah.sql/1)")
            .withHint(
                "add the plugin pool to plugins: in howdah.yaml, or ask `howdah plugin list` why it does not run");
    }
    if (timeout_ms > 0) {
        const auto asked = static_cast<std::chrono::milliseconds::rep>(std::min(timeout_ms, kLongestMs));
        executor_deadline_ = Deadline::in(std::chrono::milliseconds(asked) + kDatabasesWord);
    }
    toExecutor();

    std::vector<howdah_setting> settings;
    settings.reserve(settings_.size());
    for (const Setting& setting : settings_)
        settings.push_back({toAbi(setting.name), toAbi(setting.value)});
    howdah_execution execution{};
    execution.struct_size = sizeof execution;
    execution.access = access;
    execution.database = database;
    execution.sql = sql;
    execution.parameters = parameters;
    execution.parameter_count = parameter_count;
    execution.settings = settings.data();
    execution.setting_count = settings.size();
    execution.facts = facts;
    execution.rows_max = rows_max;
    execution.rows_skip = rows_skip;
    execution.bytes_max = bytes_max;
    execution.timeout_ms = timeout_ms;
    execution.principal = principal;
    execution.plugin = plugin;
    execution.tool = tool;
    execution.flags = flags | (mayLeaveTraces(*this) ? HOWDAH_RUN_RESET : 0u);
    execution.affected_max = affected_max_;
    execution.cursor = stable_cursor_;

    // A dry run leaves nothing behind: doing it again after a question changes nothing.
    if (access == HOWDAH_ACCESS_WRITE && !(flags & HOWDAH_RUN_DRY)) request_.has_written = true;
    Result<void> outcome;
    auto call = [&] {
        if (executor.table->execute(executor.self, &hook_ctx_, &execution, &cursor_) < 0) {
            cursor_ = 0;
            outcome = executorError();
        } else {
            outcome = fetchFirst();
        }
    };
    auto entered = executor.instance->enter(call, request_.cancellation, hook_ctx_.deadline);
    toHooks();
    if (!entered) return entered;
    return outcome;
}

void QueryRun::toExecutor() {
    hook_ctx_.in_hook = false;
    hook_ctx_.reset(generation_->sql.instance);
    hooks_deadline_ = hook_ctx_.deadline;
    hook_ctx_.deadline = hooks_deadline_.min(executor_deadline_);
}

void QueryRun::toHooks() {
    hook_ctx_.in_hook = true;
    hook_ctx_.deadline = hooks_deadline_;
}

// Fetches until the result is whole or has passed kCompleteBytes.
Result<void> QueryRun::fetchFirst() {
    const auto& executor = generation_->sql;
    const howdah_column* columns = nullptr;
    std::uint64_t count = 0;
    if (executor.table->columns(executor.self, &hook_ctx_, cursor_, &columns, &count) < 0) return executorError();
    columns_.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        auto name = keep(fromAbi(columns[i].name));
        if (!name) return std::move(name).error();
        columns_.push_back({*name, columns[i].type_oid, columns[i].type_modifier});
    }
    while (true) {
        howdah_batch batch{};
        howdah_status status = executor.table->next(executor.self, &hook_ctx_, cursor_, &batch);
        if (status < 0) return executorError();
        if (status == 0) break;
        if (held_bytes_ + batch.size > kCompleteBytes) {
            live_ = batch;
            streaming_ = true;
            return {};
        }
        if (auto held = hold(batch); !held) return held;
    }
    if (auto end = readEnd(); !end) return end;
    closeCursor();
    return {};
}

// The last row has come: what the executor has to say at the end.
Result<void> QueryRun::readEnd() {
    const auto& executor = generation_->sql;
    trailer_.struct_size = sizeof trailer_;
    if (executor.table->trailer(executor.self, &hook_ctx_, cursor_, &trailer_) < 0) return executorError();
    auto tag = keep(fromAbi(trailer_.command_tag));
    if (!tag) return std::move(tag).error();
    trailer_.command_tag = *tag;
    trailer_.bytes = streaming_ ? streamed_bytes_ : held_bytes_;
    // An older executor has none.
    if (executor.table->struct_size <= offsetof(howdah_sql_v1, report) || !executor.table->report) return {};
    if (executor.table->report(executor.self, &hook_ctx_, cursor_, &report_) < 0) return executorError();
    auto told = keep(fromAbi(report_));
    if (!told) return std::move(told).error();
    report_ = *told;
    return {};
}

Result<void> QueryRun::hold(const howdah_batch& batch) {
    std::string_view copy = arena_.copy({reinterpret_cast<const char*>(batch.bytes), batch.size});
    if (!copy.data()) return outOfMemory();
    batches_.push_back({reinterpret_cast<const std::uint8_t*>(copy.data()), batch.size, batch.row_count});
    held_bytes_ += batch.size;
    return {};
}

void QueryRun::closeCursor() {
    if (cursor_ == 0) return;
    const auto& executor = generation_->sql;
    std::uint64_t cursor = cursor_;
    cursor_ = 0;
    hook_ctx_.reset(executor.instance);
    executor.table->close(executor.self, &hook_ctx_, cursor);
}

// --- reading

Result<bool> QueryRun::next(howdah_batch& batch) {
    if (!streaming_) {
        if (next_batch_ == batches_.size()) return false;
        batch = batches_[next_batch_++];
        return true;
    }
    if (finished_) {
        if (error_) return *error_;
        return false;
    }
    if (next_batch_ < batches_.size()) {
        batch = batches_[next_batch_++];
        return passRows(batch);
    }
    if (live_) {
        batch = *live_;
        live_.reset();
        return passRows(batch);
    }
    const auto& executor = generation_->sql;
    howdah_status status = 0;
    std::optional<Error> failed;
    auto call = [&] {
        toExecutor();
        status = executor.table->next(executor.self, &hook_ctx_, cursor_, &batch);
        if (status < 0) failed = executorError();
        if (status == 0) {
            if (auto end = readEnd(); !end) failed = std::move(end).error();
        }
        toHooks();
    };
    auto entered = executor.instance->enter(call, request_.cancellation, hook_ctx_.deadline);
    if (!entered) failed = std::move(entered).error();
    if (!failed && status > 0) return passRows(batch);
    if (auto done = finishStream(std::move(failed)); !done) return std::move(done).error();
    return false;
}

// Shows a batch to the hooks that asked for rows, in reverse order; a transform hands on another one.
Result<bool> QueryRun::passRows(howdah_batch& batch) {
    const auto& chain = generation_->before_query;
    Fiber* fiber = Shard::current()->running();
    const char* label = fiber->label();
    phase_ = Phase::rows;
    open_queries_ = request_.queries.size();
    for (std::size_t i = chain.size(); i-- > 0;) {
        const HookSlot& slot = chain[i];
        if (!slot.table->on_rows || !entered_[i]) continue;
        howdah_batch out = batch;
        fiber->setLabel(slot.instance->label());
        std::uint32_t verdict =
            invoke(slot, [&] { return slot.table->on_rows(slot.self, &hook_ctx_, this, &batch, &out); });
        if (verdict == HOWDAH_PROCEED) {
            if (slot.transforms_rows && slot.mode == Mode::enforce) batch = out;
            continue;
        }
        std::optional<Error> stop;
        if (verdict == HOWDAH_DENY) {
            if (slot.mode == Mode::enforce) stop = deniedBy(slot);
        } else {
            stop = onFault(slot, faultOf(slot, verdict, "onRows"));
        }
        if (stop) {
            phase_ = Phase::idle;
            fiber->setLabel(label);
            if (auto done = finishStream(std::move(stop)); !done) return std::move(done).error();
            return false;
        }
    }
    phase_ = Phase::idle;
    fiber->setLabel(label);
    streamed_bytes_ += batch.size;
    return true;
}

Result<void> QueryRun::finishStream(std::optional<Error> failed) {
    closeCursor();
    error_ = std::move(failed);
    finished_ = true;
    back();
    if (error_) return *error_;
    return {};
}

}  // namespace howdah::kernel
