#include "plugins/optimizer/ask.hpp"

#include <howdah/parameters.hpp>

#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {

Result<Answer> askForText(Call& call, const Ask& ask, const std::string& sql) {
    const Parameters parameters(ask.params);
    QueryLimits limits;
    limits.timeout_ms = ask.timeout_ms;
    limits.cursor = ask.session;
    if (!ask.session.empty()) limits.flags |= HOWDAH_RUN_STABLE;
    auto rows = call.query(sql, parameters.values(), ask.database, limits);
    if (!rows) return std::move(rows).error();
    auto row = rows->next();
    if (!row) return std::move(row).error();
    if (!*row) return Error::internal("the server gave no row");
    Answer answer{std::string(rows->text(0)), {}};
    for (;;) {  // to the end: only then it is known that nothing went wrong, and a session is free again
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) break;
    }
    auto report = rows->report();
    if (!report) return std::move(report).error();
    answer.report = *report;
    return answer;
}

std::string explainText(const std::string& sql, const ExplainOptions& options) {
    std::string head = "explain (format json";
    if (options.verbose) head += ", verbose";
    if (options.analyze) {
        head += ", analyze";
        if (!options.timing) head += ", timing off";
        if (options.buffers) head += ", buffers";
    }
    return concat(head, ")\n", sql);
}

Result<Plan> explain(Call& call, const Ask& ask, const ExplainOptions& options, std::string* report) {
    auto answer = askForText(call, ask, explainText(ask.sql, options));
    if (!answer) return std::move(answer).error();
    if (report) *report = std::move(answer->report);
    return Plan::parse(answer->text);
}

std::string trimmed(std::string_view sql) {
    const auto tokens = scanned(sql);
    if (!tokens) return std::string(sql);
    std::size_t end = 0;
    for (const Token& token : *tokens)
        if (!token.is(";")) end = token.end;
    return std::string(sql.substr(0, end));
}

}  // namespace howdah::optimizer
