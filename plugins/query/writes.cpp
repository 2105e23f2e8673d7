#include "writes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <howdah/parameters.hpp>
#include <howdah/questions.hpp>
#include <howdah/reply.hpp>

namespace howdah::query {
namespace {

using Ceiling = std::optional<std::uint64_t>;

constexpr std::size_t kShownSql = 1000;  // bytes of the statement in a question
constexpr std::size_t kShownLocks = 10;

constexpr std::string_view kNotUndone =
    "dry run: rolled back, nothing was changed. A rollback does not take back numbers drawn from sequences (nextval, "
    "serial and identity columns) nor what functions did outside of this transaction";

struct Figures {
    std::int64_t affected = -1;  // of the statement and what it set off; -1: none are counted
    std::string command;
    Json report = Json::object();
};

Json parsed(std::string_view report) {
    Json json = report.empty() ? Json::object() : Json::parse(report, nullptr, false);
    return json.is_object() ? json : Json::object();
}

Ceiling lower(const Ceiling& one, const Ceiling& other) {
    if (!one || !other) return one ? one : other;
    return std::min(*one, *other);
}

void bound(QueryLimits& limits, const Ceiling& ceiling) {
    if (!ceiling) return;
    limits.flags |= HOWDAH_RUN_CEILING;
    limits.affected_max = *ceiling;
}

Result<Rows> send(ToolCall& call, const Ask& ask, const Parameters& parameters, QueryLimits limits) {
    return call.query(ask.sql, parameters.values(), ask.database, limits, HOWDAH_ACCESS_WRITE);
}

ReplyOptions optionsOf(const Ask& ask, const Config& config) {
    ReplyOptions options;
    options.format = replyFormat(ask.format);
    options.rows_asked = ask.rows_max;
    options.rows_limit = config.rows_limit;
    options.command = true;
    return options;
}

Result<void> dryRun(ToolCall& call, const Ask& ask, const Config& config, const Ceiling& ceiling) {
    const Parameters parameters(ask.params);
    QueryLimits limits = ask.limits();
    limits.flags |= HOWDAH_RUN_DRY;
    auto rows = send(call, ask, parameters, limits);
    if (!rows) return std::move(rows).error();
    ReplyOptions options = optionsOf(ask, config);
    options.more = [&]() -> Result<ReplyMore> {
        auto report = rows->report();
        if (!report) return std::move(report).error();
        auto trailer = rows->trailer();
        if (!trailer) return std::move(trailer).error();
        ReplyMore more{parsed(*report), std::string(kNotUndone)};
        more.members["dry_run"] = true;
        const std::int64_t affected =
            std::max(trailer->affected_rows, more.members.value("changed_rows", std::int64_t{-1}));
        if (ceiling && affected > 0 && static_cast<std::uint64_t>(affected) > *ceiling)
            more.note += concat("; execute would refuse it: at most ", *ceiling, " rows may change");
        return more;
    };
    return howdah::reply(call, *rows, options);
}

Result<Figures> figuresOf(ToolCall& call, const Ask& ask) {
    const Parameters parameters(ask.params);
    QueryLimits limits = ask.limits();
    limits.flags |= HOWDAH_RUN_DRY;
    limits.rows_max = 1;
    auto rows = send(call, ask, parameters, limits);
    if (!rows) return std::move(rows).error();
    for (;;) {
        auto batch = rows->nextBatch();
        if (!batch) return std::move(batch).error();
        if (!*batch) break;
    }
    auto trailer = rows->trailer();
    if (!trailer) return std::move(trailer).error();
    auto report = rows->report();
    if (!report) return std::move(report).error();
    Figures figures{trailer->affected_rows, std::string(fromAbi(trailer->command_tag)), parsed(*report)};
    figures.affected = std::max(figures.affected, figures.report.value("changed_rows", std::int64_t{-1}));
    // DDL may count rows it rewrites, but what it changes is not told by that number.
    if (trailer->affected_rows < 0 && !figures.command.starts_with("SELECT")) figures.affected = -1;
    return figures;
}

Error nobodyToAsk(Error error) {
    error.message = concat(
        "the operator wants writes confirmed by a person (plugin query, key confirm), and this client "
        "cannot ask one: ",
        error.message);
    error.hint = "use a client with elicitation; a dry run (dry_run: true) needs no confirmation";
    return error;
}

// The ceiling that was confirmed with it; none where there was nothing to confirm.
Result<Ceiling> confirmed(ToolCall& call, const Ask& ask, const Config& config) {
    if (!config.confirm_always && !config.confirm_above) return Ceiling{};
    const Json form{{"type", "object"},
                    {"properties", {{"run", {{"type", "boolean"}, {"title", "Run it and commit"}}}}},
                    {"required", {"run"}}};
    // Nobody to ask: not tried out in vain.
    if (config.confirm_always && !call.canElicit()) {
        auto answer = call.ask("confirm", elicit("Run a statement that writes?", form));
        if (!answer) return nobodyToAsk(std::move(answer).error());
    }
    auto figures = figuresOf(call, ask);
    if (!figures) return std::move(figures).error();
    const std::int64_t affected = figures->affected;
    const Ceiling ceiling = affected >= 0 ? Ceiling(static_cast<std::uint64_t>(affected)) : std::nullopt;
    if (!config.confirm_always && ceiling && *ceiling <= *config.confirm_above) return config.confirm_above;
    auto answer = call.ask(concat("confirm-", affected),
                           elicit(confirmationText(ask, affected, figures->command, figures->report), form));
    if (!answer) {
        const bool cannot = answer.error().code == Code::refused;
        return cannot ? nobodyToAsk(std::move(answer).error()) : std::move(answer).error();
    }
    const Json content = accepted(*answer) ? answer->value("content", Json()) : Json();
    if (content.is_object() && content.value("run", Json()) == true) return ceiling;
    Error declined = Error::refused("the write was not confirmed; nothing was changed");
    declined.rule = "confirm";
    return declined;
}

}  // namespace

std::string confirmationText(const Ask& ask, std::int64_t affected, std::string_view command, const Json& report) {
    std::string text =
        concat("Run this on database ", ask.database.empty() ? "main" : ask.database, " and commit it? ");
    text += affected >= 0 ? concat("Tried out and rolled back, it changed ", affected, affected == 1 ? " row" : " rows")
                          : concat("Tried out and rolled back: ", command);
    std::string locks;
    std::size_t count = 0;
    for (const Json& lock : report.value("locks", Json::array())) {
        if (++count > kShownLocks) break;
        locks += concat(locks.empty() ? "" : ", ", lock.value("relation", ""), " ", lock.value("mode", ""));
    }
    if (!locks.empty()) text += concat(" (locks: ", locks, count > kShownLocks ? ", ..." : "", ")");
    std::string sql = ask.sql.substr(0, kShownSql);
    const std::size_t hidden = ask.sql.size() - sql.size();
    return concat(text, ".\n\n", sql, hidden > 0 ? concat(" ... (", hidden, " bytes more are not shown)") : "",
                  ask.params.is_null() ? "" : concat("\n\nparameters: ", ask.params.dump().substr(0, kShownSql)));
}

Result<void> runWrite(ToolCall& call, const Config& config) {
    const Ask ask = Ask::of(call, config);
    Ceiling ceiling = config.rows_affected_max;
    if (call.has("rows_affected_max"))
        ceiling = lower(ceiling, static_cast<std::uint64_t>(call.integer("rows_affected_max")));
    if (call.boolean("dry_run")) return dryRun(call, ask, config, ceiling);
    auto agreed = confirmed(call, ask, config);
    if (!agreed) return std::move(agreed).error();

    const Parameters parameters(ask.params);
    QueryLimits limits = ask.limits();
    bound(limits, lower(ceiling, *agreed));
    auto rows = send(call, ask, parameters, limits);
    if (!rows) return std::move(rows).error();
    return howdah::reply(call, *rows, optionsOf(ask, config));
}

}  // namespace howdah::query
