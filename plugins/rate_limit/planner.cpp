#include "plugins/rate_limit/planner.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace howdah::rate_limit {
namespace {

constexpr std::string_view kExplain = "explain (format json) ";

bool contains(std::string_view text, std::string_view lower_case) {
    return std::search(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                       [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; }) != text.end();
}

// Whether it may run what it explains. The word can be written with escapes (U&"..."), so those count as well; that
// some name holds it, too, costs no more than a refusal.
bool mayRun(std::string_view explain) {
    return contains(explain, "analyze") || contains(explain, "analyse") || contains(explain, "u&");
}

Result<double> costIn(std::string_view plan) {
    const auto explained = nlohmann::json::parse(plan, nullptr, false);
    if (explained.is_array() && !explained.empty() && explained[0].is_object()) {
        const auto root = explained[0].find("Plan");
        if (root != explained[0].end() && root->is_object() && root->contains("Total Cost") &&
            (*root)["Total Cost"].is_number())
            return (*root)["Total Cost"].get<double>();
    }
    return Error::internal("PostgreSQL's plan has no total cost");
}

}  // namespace

Result<double> Planner::costOf(const Query& query) const {
    const Context& context = query.context();
    const howdah_facts* facts = nullptr;
    if (table_->facts(self_, context.raw(), query.raw()->sql, query.raw()->access, &facts) < 0)
        return context.lastError();
    if (facts->kind == HOWDAH_STATEMENT_EXPLAIN && mayRun(query.sql())) {
        Error error =
            Error::refused("planner cost is limited, and what EXPLAIN ANALYZE runs has a cost that is not known");
        error.rule = "rate_limit.cost.unknown";
        return std::move(error).withHint("EXPLAIN without ANALYZE tells the planner's cost");
    }
    if (facts->kind != HOWDAH_STATEMENT_SELECT) return 0.0;

    const std::string sql = concat(kExplain, query.sql());
    howdah_query_request request{};
    request.struct_size = sizeof request;
    request.access = HOWDAH_ACCESS_READ;
    request.provenance = HOWDAH_PROVENANCE_CLIENT;
    request.database = query.raw()->database;
    request.sql = toAbi(sql);
    request.parameters = query.raw()->parameters;
    request.parameter_count = query.raw()->parameter_count;
    howdah_rows* raw = nullptr;
    const auto failed = [&](Error error) {
        // Places are those of the text the client wrote.
        const auto added = static_cast<std::uint32_t>(kExplain.size());
        error.position = error.position > added ? error.position - added : 0;
        return error;
    };
    if (context.host().query().run(context.raw(), &request, &raw) < 0) return failed(context.lastError());
    Rows rows(context, raw);
    std::string plan;
    for (;;) {
        auto more = rows.next();
        if (!more) return failed(std::move(more).error());
        if (!*more) return costIn(plan);
        plan += rows.text(0);
    }
}

}  // namespace howdah::rate_limit
