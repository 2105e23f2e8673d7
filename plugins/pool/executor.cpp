#include "executor.hpp"

#include <algorithm>
#include <cstddef>

namespace howdah::pool {
namespace {

std::variant<std::unique_ptr<Cursor>, Failure> tryOnce(const Context& context,
                                                       const std::shared_ptr<Database>& database,
                                                       const std::shared_ptr<const Command>& command, Care care,
                                                       const Caller& caller) {
    auto leased = database->lease(context, care, caller);
    if (auto* failure = std::get_if<Failure>(&leased)) return std::move(*failure);
    auto cursor = std::make_unique<Cursor>(database, command, std::move(std::get<Lease>(leased)));
    if (auto failure = cursor->begin(context)) return std::move(*failure);
    return cursor;
}

// False when the request ended meanwhile.
bool pause(const Context& context, std::uint64_t pause_ns) {
    if (pause_ns == 0) return true;
    Event never(context.host());
    (void)never.wait(context, context.host().nowNs() + pause_ns);  // nobody sets it: ends by time or with the request
    return context.goOn().has_value();
}

}  // namespace

milliseconds untilDeadline(const Context& context) {
    std::uint64_t now_ns = context.host().nowNs();
    std::uint64_t deadline_ns = std::min(context.deadlineNs(), now_ns + 1'000'000 * kSecondNs);
    return milliseconds{deadline_ns > now_ns ? (deadline_ns - now_ns) / 1'000'000 : 0};
}

// Members at the end stand only in what a newer caller filled in.
Caller callerOf(const howdah_execution& execution) {
    Caller caller;
    if (execution.principal) {
        caller.tenant = fromAbi(execution.principal->tenant);
        caller.subject = fromAbi(execution.principal->subject);
    }
    if (execution.struct_size >= offsetof(howdah_execution, tool) + sizeof execution.tool) {
        caller.plugin = fromAbi(execution.plugin);
        caller.tool = fromAbi(execution.tool);
    }
    return caller;
}

Result<std::unique_ptr<Cursor>> execute(const Context& context, const std::shared_ptr<Database>& database,
                                        const howdah_execution& execution) {
    if (execution.access == HOWDAH_ACCESS_WRITE && database->access() != "read_write") {
        Error error = Error::refused("database ", database->name(), " is configured for reading only")
                          .withHint(concat("the operator can set databases.", database->name(), ".access: read_write"));
        error.rule = "access";
        return error;
    }
    auto made = Command::from(execution, database->config(), untilDeadline(context));
    if (!made) return std::move(made).error();
    auto command = std::make_shared<const Command>(std::move(*made));

    const Caller caller = callerOf(execution);
    RetryBudget& budget = database->retryBudget();
    budget.noteRequest();
    bool refreshed = false;
    for (std::uint32_t tries = 1;; ++tries) {
        // Where one connection was dead, others may be.
        Care care = tries > 1 ? Care::tried : command->writes ? Care::once : Care::repeatable;
        auto tried = tryOnce(context, database, command, care, caller);
        if (auto* cursor = std::get_if<std::unique_ptr<Cursor>>(&tried)) return std::move(*cursor);
        Failure& failure = std::get<Failure>(tried);
        if (failure.stale && !std::exchange(refreshed, true)) {
            --tries;  // nothing went wrong but our memory of what is prepared; it is prepared anew, once
            continue;
        }
        auto pause_ns =
            pauseBeforeRetry(failure, tries, context.host().nowNs(), context.deadlineNs(), database->jitter(), budget);
        if (!pause_ns || !pause(context, *pause_ns)) return std::move(failure.error);
        database->noteRetry();
    }
}

}  // namespace howdah::pool
