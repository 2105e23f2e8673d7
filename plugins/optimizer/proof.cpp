#include "plugins/optimizer/proof.hpp"

#include <algorithm>
#include <vector>

namespace howdah::optimizer {
namespace {

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

Result<Equality> compareRows(Call& call, const Ask& ask, const std::string& other_sql) {
    const std::string sql =
        concat("with howdah_a as materialized (\n", ask.sql, "\n), howdah_b as materialized (\n", other_sql,
               "\n) select json_build_array((select count(*) from howdah_a),"
               " (select count(*) from (select * from howdah_a except all select * from howdah_b) howdah_x)"
               " + (select count(*) from (select * from howdah_b except all select * from howdah_a) howdah_y))::text");
    auto text = askForText(call, ask, sql);
    if (!text) return std::move(text).error();
    const Json counts = Json::parse(text->text, nullptr, false);
    if (!counts.is_array() || counts.size() != 2 || !counts[0].is_number() || !counts[1].is_number())
        return Error::internal("the server's answer to the comparison is not what was asked for");
    return Equality{counts[0].get<double>(), counts[1].get<double>()};
}

Result<Timing> compareTimes(Call& call, const Ask& ask, const std::string& other_sql, std::size_t runs) {
    ExplainOptions options;
    options.analyze = true;
    options.timing = options.buffers = options.verbose = false;
    Ask other = ask;
    other.sql = other_sql;
    std::vector<double> before, after;
    for (std::size_t run = 0; run < runs; ++run) {
        auto first = explain(call, ask, options);
        if (!first) return std::move(first).error();
        auto second = explain(call, other, options);
        if (!second) return std::move(second).error();
        before.push_back(first->execution_ms);
        after.push_back(second->execution_ms);
    }
    const bool apart = std::ranges::max(after) < std::ranges::min(before);
    return Timing{median(before), median(after), runs, apart};
}

}  // namespace howdah::optimizer
