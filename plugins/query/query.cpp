// The tools query, query_more and execute: one statement of the client's, with bound parameters, answered as JSON, CSV
// or Markdown. Where an answer was cut, `next` seals what query_more needs to go on.
//
// Threads: the configuration does not change after configure(); the handlers share nothing else.
// Errors:  of the guard, the pool and PostgreSQL pass through; the kernel writes SQLSTATE, caret and hint.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include <howdah/plugin.hpp>
#include <howdah/reply.hpp>

#include "ask.hpp"
#include "parameters.hpp"

namespace howdah::query {
namespace {

constexpr std::string_view kPurpose = "query_more";
constexpr std::size_t kNextMax = 4096;  // bytes of state in a handle: a longer one costs a model more than it gives

struct Config {
    std::uint64_t rows_max = 1000;        // 1..1000000, rows of a call that does not ask for a number
    std::uint64_t rows_limit = 100'000;   // 1..1000000, the most a call may ask for
    std::uint64_t timeout_ms = 30'000;    // 1..3600000, for a call that does not ask
    std::uint64_t next_ttl_ms = 900'000;  // 1000..86400000, how long a handle to go on is good
};

class QueryTools final : public Plugin {
public:
    // The ranges and defaults stand in plugin.json; the kernel has checked them.
    Result<void> configure(const Json& section) override {
        config_.rows_max = section.value("rows_max", config_.rows_max);
        config_.rows_limit = section.value("rows_limit", config_.rows_limit);
        config_.timeout_ms = section.value("timeout_ms", config_.timeout_ms);
        config_.next_ttl_ms = section.value("next_ttl_ms", config_.next_ttl_ms);
        if (config_.rows_max > config_.rows_limit) {
            return Error::invalidArgument("rows_max must be at most rows_limit (", config_.rows_limit, "), got ",
                                          config_.rows_max);
        }
        return {};
    }

    Result<void> start(Offer& offer) override {
        offer.bind("query", [this](ToolCall& call) { return run(call, asked(call), HOWDAH_ACCESS_READ); });
        offer.bind("execute", [this](ToolCall& call) { return run(call, asked(call), HOWDAH_ACCESS_WRITE); });
        offer.bind("query_more", [this](ToolCall& call) { return more(call); });
        return {};
    }

private:
    Ask asked(const ToolCall& call) const {
        Ask ask;
        ask.sql = call.text("sql");
        ask.params = call.json("params");
        ask.database = call.text("database");
        ask.rows_max = config_.rows_max;
        ask.timeout_ms = config_.timeout_ms;
        applyArguments(ask, call);
        return ask;
    }

    // What query_more may ask for anew.
    void applyArguments(Ask& ask, const ToolCall& call) const {
        if (std::string_view format = call.text("format"); !format.empty()) ask.format = format;
        ask.rows_max = std::min(positive(call, "max_rows", ask.rows_max), config_.rows_limit);
        ask.timeout_ms = positive(call, "timeout_ms", ask.timeout_ms);
    }

    Result<void> more(ToolCall& call) {
        auto state = call.context().unseal(kPurpose, call.text("next"));
        if (!state)
            return std::move(state).error().withHint("run the query again; a handle ends with time or a restart");
        auto ask = Ask::fromState(*state);
        if (!ask) return std::move(ask).error();
        applyArguments(*ask, call);
        return run(call, std::move(*ask), HOWDAH_ACCESS_READ);
    }

    Result<void> run(ToolCall& call, Ask ask, std::uint32_t access) {
        const bool reads = access == HOWDAH_ACCESS_READ;
        const Parameters parameters(ask.params);
        QueryLimits limits;
        limits.rows_max = ask.rows_max;
        limits.timeout_ms = ask.timeout_ms;
        limits.rows_skip = ask.skip;
        auto rows = call.query(ask.sql, parameters.values(), ask.database, limits, access);
        if (!rows) return std::move(rows).error();
        ReplyOptions options;
        options.format = replyFormat(ask.format);
        options.rows_asked = ask.rows_max;
        options.rows_limit = config_.rows_limit;
        options.rows_before = ask.skip;
        options.command = !reads;
        options.next_tool = "query_more";
        const auto make_next = [&](std::uint64_t row_count) { return next(call, ask, row_count); };
        if (reads) options.next = std::cref(make_next);
        return howdah::reply(call, *rows, options);
    }

    // A handle to what follows `row_count` rows; "" where the statement is too long for one.
    std::string next(const ToolCall& call, Ask& ask, std::uint64_t row_count) const {
        ask.skip += row_count;
        const std::string state = ask.toState();
        if (state.size() > kNextMax) return {};
        auto sealed = call.context().seal(kPurpose, state, config_.next_ttl_ms);
        return sealed ? std::string(*sealed) : std::string{};
    }

    static std::uint64_t positive(const ToolCall& call, std::string_view name, std::uint64_t fallback) {
        return static_cast<std::uint64_t>(call.integer(name, static_cast<std::int64_t>(fallback)));
    }

    Config config_;
};

}  // namespace
}  // namespace howdah::query

using QueryPlugin = howdah::query::QueryTools;
HOWDAH_PLUGIN(QueryPlugin)
