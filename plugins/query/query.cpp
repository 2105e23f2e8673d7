// The tools query and execute: one statement of the client's, with bound parameters, answered as JSON, CSV or Markdown.
//
// Threads: the configuration does not change after configure(); the handlers share nothing else.
// Errors:  of the guard, the pool and PostgreSQL pass through; the kernel writes SQLSTATE, caret and hint.
#include <algorithm>

#include <howdah/plugin.hpp>
#include <howdah/reply.hpp>

#include "parameters.hpp"

namespace howdah::query {
namespace {

struct Config {
    std::uint64_t rows_max = 1000;       // 1..1000000, rows of a call that does not ask for a number
    std::uint64_t rows_limit = 100'000;  // 1..1000000, the most a call may ask for
    std::uint64_t timeout_ms = 30'000;   // 1..3600000, for a call that does not ask
};

class QueryTools final : public Plugin {
public:
    // The ranges and defaults stand in plugin.json; the kernel has checked them.
    Result<void> configure(const Json& section) override {
        config_.rows_max = section.value("rows_max", config_.rows_max);
        config_.rows_limit = section.value("rows_limit", config_.rows_limit);
        config_.timeout_ms = section.value("timeout_ms", config_.timeout_ms);
        if (config_.rows_max > config_.rows_limit) {
            return Error::invalidArgument("rows_max must be at most rows_limit (", config_.rows_limit, "), got ",
                                          config_.rows_max);
        }
        return {};
    }

    Result<void> start(Offer& offer) override {
        offer.bind("query", [this](ToolCall& call) { return run(call, HOWDAH_ACCESS_READ); });
        offer.bind("execute", [this](ToolCall& call) { return run(call, HOWDAH_ACCESS_WRITE); });
        return {};
    }

private:
    Result<void> run(ToolCall& call, std::uint32_t access) {
        const Parameters parameters(call.json("params"));
        QueryLimits limits;
        limits.rows_max = std::min(positive(call, "max_rows", config_.rows_max), config_.rows_limit);
        limits.timeout_ms = positive(call, "timeout_ms", config_.timeout_ms);
        auto rows = call.query(call.text("sql"), parameters.values(), call.text("database"), limits, access);
        if (!rows) return std::move(rows).error();
        return howdah::reply(call, *rows,
                             {.format = replyFormat(call.text("format")),
                              .rows_asked = limits.rows_max,
                              .rows_limit = config_.rows_limit,
                              .command = access == HOWDAH_ACCESS_WRITE});
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
