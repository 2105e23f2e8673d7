// The tools query, query_more and execute: one statement of the client's, with bound parameters, answered as JSON, CSV
// or Markdown, or as a link to a resource. Where an answer was cut, `next` seals what query_more needs to go on.
//
// Threads: the configuration does not change after configure(); the handlers share nothing else.
// Errors:  of the guard, the pool and PostgreSQL pass through; the kernel writes SQLSTATE, caret and hint.
#include <functional>
#include <string>
#include <utility>

#include <howdah/parameters.hpp>
#include <howdah/plugin.hpp>
#include <howdah/reply.hpp>

#include "result_file.hpp"
#include "writes.hpp"

namespace howdah::query {
namespace {

constexpr std::string_view kMorePurpose = "query_more";

class QueryTools final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return std::move(config).error();
        config_ = *config;
        return {};
    }

    Result<void> start(Offer& offer) override {
        offer.bind("query", [this](ToolCall& call) { return query(call); });
        offer.bind("query_more", [this](ToolCall& call) { return more(call); });
        offer.bind("execute", [this](ToolCall& call) { return runWrite(call, config_); });
        for (const char* format : {"csv", "json", "ndjson"}) {
            offer.bindResource(concat("howdah-result:///{handle}/rows.", format),
                               [this, format](ResourceCall& call) { return readFile(call, format, config_); });
        }
        return {};
    }

private:
    Result<void> query(ToolCall& call) {
        Ask ask = Ask::of(call, config_);
        const bool as_resource = call.text("as") == "resource";
        ask.stable = call.boolean("stable");
        if (as_resource && ask.stable)
            return Error::invalidArgument(
                "as: resource and stable: true exclude each other: a resource is read in one go");
        return as_resource ? replyWithLink(call, std::move(ask), config_) : run(call, std::move(ask));
    }

    Result<void> more(ToolCall& call) {
        auto ask = Ask::opened(call.context(), kMorePurpose, call.text("next"));
        if (!ask) return std::move(ask).error();
        ask->takeArguments(call, config_);
        const bool went_on = !ask->cursor.empty();
        auto done = run(call, std::move(*ask));
        // A cursor that is over is told of as any other handle is.
        if (!done && went_on && done.error().code == Code::not_found) done.error().hint = kRunAgain;
        return done;
    }

    Result<void> run(ToolCall& call, Ask ask) {
        const Parameters parameters(ask.params);
        auto rows = call.query(ask.sql, parameters.values(), ask.database, ask.limits());
        if (!rows) return std::move(rows).error();
        ReplyOptions options;
        options.format = replyFormat(ask.format);
        options.rows_asked = ask.rows_max;
        options.rows_limit = config_.rows_limit;
        options.rows_before = ask.skip;
        options.next_tool = "query_more";
        if (ask.stable) options.next_how = "which goes on in the same snapshot, if called soon";
        const auto make_next = [&](std::uint64_t row_count) {
            ask.skip += row_count;
            if (!ask.stable) return ask.sealed(call.context(), kMorePurpose, config_.next_ttl_ms);
            // Without a cursor it has come to its end, at the byte limit.
            auto report = rows->report();
            if (!report || report->empty()) return std::string{};
            ask.cursor = Json::parse(*report, nullptr, false).value("cursor", std::string{});
            return ask.cursor.empty() ? std::string{} : ask.sealed(call.context(), kMorePurpose, config_.next_ttl_ms);
        };
        options.next = std::cref(make_next);
        return howdah::reply(call, *rows, options);
    }

    Config config_;
};

}  // namespace
}  // namespace howdah::query

using QueryPlugin = howdah::query::QueryTools;
HOWDAH_PLUGIN(QueryPlugin)
