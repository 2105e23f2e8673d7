#include "plugins/optimizer/ask.hpp"

#include <limits>

#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {
namespace {

Value valueOf(const Json& element, std::vector<std::string>& texts) {
    switch (element.type()) {
        case Json::value_t::null: return nullptr;
        case Json::value_t::boolean: return element.get<bool>();
        case Json::value_t::string: return element.get_ref<const std::string&>();
        case Json::value_t::number_float: return element.get<double>();
        case Json::value_t::number_integer: return element.get<std::int64_t>();
        case Json::value_t::number_unsigned:
            // Above int8, PostgreSQL still takes it as numeric: in digits, not rounded.
            if (element.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
                return texts.emplace_back(element.dump());
            return element.get<std::int64_t>();
        default: return Value::json(texts.emplace_back(element.dump()));
    }
}

}  // namespace

Parameters::Parameters(const Json& array) {
    if (!array.is_array()) return;
    texts_.reserve(array.size());  // never moved again: values point into it
    values_.reserve(array.size());
    for (const Json& element : array)
        values_.push_back(valueOf(element, texts_));
}

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
