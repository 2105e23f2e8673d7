// An advice as the tools answer it.
#include <algorithm>
#include <cmath>
#include <set>

#include "plugins/optimizer/advice.hpp"
#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {
namespace {

constexpr double kDay_s = 86400;
constexpr std::size_t kStatementShown = 160;  // bytes of a statement in an answer

std::string beginning(const std::string& sql) {
    std::string text;
    for (const char c : sql) {
        const bool blank = c == '\n' || c == '\t' || c == '\r' || c == ' ';
        if (blank && (text.empty() || text.back() == ' ')) continue;
        text += blank ? ' ' : c;
        if (text.size() >= kStatementShown) return text + "...";  // invalid UTF-8 at the end becomes U+FFFD
    }
    return text;
}

// Every row that comes goes into each index; an update does unless no indexed column changes and the page has room.
Document writeCost(const IndexSpec& spec, const Catalog& catalog) {
    Document cost;
    const Table* table = catalog.find(spec.schema, spec.table);
    if (!table) return cost;
    cost["rows_written_per_day"] = std::round(table->writesPerDay());
    cost["indexes_there"] = table->indexes.size();
    if (spec.method == "gin") cost["note"] = "a GIN index takes several entries for each row";
    return cost;
}

Document indexJson(const Candidate& candidate, const Catalog& catalog, bool size_known) {
    Document json;
    json["sql"] = candidate.spec.ddl(true);
    json["kind"] = candidate.kind;
    json[size_known ? "bytes" : "bytes_estimated"] = std::round(candidate.bytes);
    json["write_cost"] = writeCost(candidate.spec, catalog);
    return json;
}

Document stepJson(const SearchStep& step, const Advice& advice, const std::vector<Target>& targets) {
    Document json;
    for (const std::size_t index : step.added)
        json["indexes"].push_back(indexJson(advice.candidates[index], advice.catalog, advice.judged_by == "hypopg"));
    json["cost_before"] = rounded(step.cost_before);
    json["cost_after"] = rounded(step.cost_after);
    json["saves_percent"] =
        step.cost_before > 0 ? rounded((step.cost_before - step.cost_after) / step.cost_before * 100) : 0;
    if (step.added.size() > 1)
        json["note"] = step.apart_unknown ? "there was no time to tell them apart" : "only together are they of use";
    if (targets.size() > 1) {
        Document users = Document::array();
        for (std::size_t at = 0; at < targets.size(); ++at) {
            const Indexes& used = advice.outcome.after[at].used;
            if (std::any_of(step.added.begin(), step.added.end(), [&](std::size_t i) { return used.contains(i); }))
                users.push_back(at + 1);
        }
        json["used_by_statements"] = std::move(users);
    }
    return json;
}

Document dropJson(const Table& table, const ExistingIndex& index, std::string why) {
    return {{"sql", concat("drop index concurrently ", quoteName(table.schema), ".", quoteName(index.name))},
            {"index", index.definition},
            {"bytes", index.bytes},
            {"scans", index.scans},
            {"why", std::move(why)}};
}

// What was cut off is counted, as a better index may be among it; how many ways to combine them were left nobody knows.
void addCompleteness(const Advice& advice, Document& json) {
    const SearchOutcome& outcome = advice.outcome;
    const std::size_t out_of_time = advice.unasked + outcome.candidates_left;
    Document left = Document::object();
    if (out_of_time > 0) left["candidates_out_of_time"] = out_of_time;
    if (outcome.statements_left > 0) left["statements_out_of_time"] = outcome.statements_left;
    if (advice.beyond_maximum > 0) left["candidates_beyond_candidates_max"] = advice.beyond_maximum;
    const bool in_time = outcome.complete && advice.unasked == 0;
    if (!in_time && left.empty()) left["only_combinations"] = true;
    json["complete"] = in_time && advice.beyond_maximum == 0;
    if (!left.empty()) json["not_judged"] = std::move(left);
    if (advice.refused > 0)
        json["refused_by_the_server"] = {{"candidates", advice.refused}, {"why", advice.why_refused}};
    if (!outcome.why_ended.empty()) {
        json["hint"] = concat("the search was ended: ", outcome.why_ended, "; what was found so far is told");
    } else if (!in_time) {
        json["hint"] = "time was over: what was found so far is told; ask with a larger time_budget_ms";
    } else if (advice.beyond_maximum > 0) {
        json["hint"] =
            "more candidates than are judged in one search: ask for fewer statements at once, or raise "
            "optimizer.candidates_max";
    }
}

}  // namespace

Document dropsJson(const Catalog& catalog, const std::vector<IndexSpec>& made, double unused_days) {
    Document drops = Document::array();
    for (const Table& table : catalog.tables()) {
        // One whose work it is to be is not unused, whatever was counted until now.
        std::set<const ExistingIndex*> stand_in;
        for (const ExistingIndex& index : table.indexes)
            stand_in.insert(redundantTo(table, index));
        for (const ExistingIndex& index : table.indexes) {
            if (const ExistingIndex* other = redundantTo(table, index)) {
                drops.push_back(
                    dropJson(table, index, concat("whatever it is used for, ", other->name, " does as well")));
                continue;
            }
            const auto covering = std::find_if(made.begin(), made.end(), [&](const IndexSpec& spec) {
                return spec.schema == table.schema && spec.table == table.name && coveredBy(index, spec);
            });
            if (covering != made.end()) {
                drops.push_back(
                    dropJson(table, index, concat("once this is there it does the same: ", covering->ddl())));
            } else if (index.scans == 0 && index.valid && !index.stays() && !stand_in.contains(&index) &&
                       table.counted_s >= unused_days * kDay_s) {
                drops.push_back(dropJson(table, index,
                                         concat("not used once in ", std::floor(table.counted_s / kDay_s),
                                                " days, or since it was made; standbys count for themselves")));
            }
        }
    }
    return drops;
}

Document adviceJson(const Advice& advice, const std::vector<Target>& targets, const AdviceOptions& options) {
    const SearchOutcome& outcome = advice.outcome;
    Document json;
    json["judged_by"] = advice.judged_by;
    if (advice.judged_by == "none") json["note"] = "nothing suggests an index that the server could plan with";
    if (advice.judged_by == "estimate") {
        json["note"] =
            concat("costs are ESTIMATED from statistics and not planned by the server: ", advice.why_estimated);
    }
    json["cost_before"] = rounded(outcome.cost_before);
    json["cost_after"] = rounded(outcome.cost_after);
    json["saves_percent"] =
        outcome.cost_before > 0 ? rounded((outcome.cost_before - outcome.cost_after) / outcome.cost_before * 100) : 0;
    json["steps"] = Document::array();
    std::vector<IndexSpec> made;
    double bytes = 0;
    for (const SearchStep& step : outcome.steps) {
        json["steps"].push_back(stepJson(step, advice, targets));
        for (const std::size_t index : step.added) {
            made.push_back(advice.candidates[index].spec);
            bytes += advice.candidates[index].bytes;
        }
    }
    json["bytes"] = std::round(bytes);
    for (const auto& [index, saved] : advice.estimated_extra) {
        Document entry = indexJson(advice.candidates[index], advice.catalog, false);
        entry["cost_saved_estimated"] = rounded(saved);
        const bool trigrams = !advice.candidates[index].spec.operator_class.empty();
        entry["note"] = concat("ESTIMATED: HypoPG plans with no indexes of this kind",
                               trigrams ? "; its operator class is the extension pg_trgm's" : "");
        json["estimated"].push_back(std::move(entry));
    }
    if (Document drops = dropsJson(advice.catalog, made, options.unused_days); !drops.empty())
        json["drop"] = std::move(drops);
    if (targets.size() > 1) {
        for (std::size_t at = 0; at < targets.size(); ++at) {
            json["statements"].push_back({{"number", at + 1},
                                          {"sql", beginning(targets[at].ask.sql)},
                                          {"weight", targets[at].weight},
                                          {"cost_before", rounded(outcome.before[at].cost)},
                                          {"cost_after", rounded(outcome.after[at].cost)}});
        }
    }
    json["candidates"] = advice.candidates.size();
    json["cost_with_all_candidates"] = rounded(outcome.cost_with_all);
    json["plans"] = outcome.plans;
    addCompleteness(advice, json);
    json["took_ms"] = rounded(advice.took_ms);
    return json;
}

}  // namespace howdah::optimizer
