#include "plugins/optimizer/findings.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {
namespace {

constexpr double kBlockKb = 8;  // of a block, unless PostgreSQL was built otherwise

std::string nameOf(const Table& table) {
    return concat(quoteName(table.schema), ".", quoteName(table.name));
}

}  // namespace

Findings findingsOf(const Examined& examined) {
    Findings findings;
    for (const auto rule : {&findUnusableIndexes, &findCorrelated, &findOffset, &findLeadingWildcards, &findNotIn,
                            &findStars, &findStaleStatistics, &findSpills})
        rule(examined, findings);
    return findings;
}

// What the statement itself compares, sorts and groups by is what it surely uses; the rest is there because of the
// star.
void findStars(const Examined& examined, Findings& findings) {
    if (!examined.shape.star) return;
    Finding finding;
    finding.rule = "select_star";
    double returned = 0, width = 0;
    for (const TableUse& use : examined.uses) {
        const Table* table = examined.catalog.find(use.schema, use.table);
        if (!table) continue;
        std::set<std::string> used;
        for (const Comparison& comparison : use.comparisons)
            if (!comparison.column.empty()) used.insert(comparison.column);
        for (const auto& sort : use.sorts)
            for (const SortColumn& column : sort)
                used.insert(column.column);
        used.insert(use.groups.begin(), use.groups.end());
        Document entry{{"table", nameOf(*table)}, {"columns", table->columns.size()}};
        entry["used_by_the_statement"] = used;
        double bytes = 0;
        std::string widest;
        for (const auto& [name, column] : table->columns) {
            bytes += column.width;
            if (!used.contains(name) && (widest.empty() || column.width > table->column(widest)->width)) widest = name;
        }
        entry["bytes_per_row"] = std::round(bytes);
        if (!widest.empty()) entry["widest_not_used"] = {{"column", widest}, {"bytes", table->column(widest)->width}};
        returned += static_cast<double>(table->columns.size());
        width += bytes;
        finding.evidence["tables"].push_back(std::move(entry));
    }
    finding.evidence["row_width_in_plan"] = examined.plan.root.plan_width;
    finding.text = concat("select * reads ", shortNumber(returned), " columns, some ", shortNumber(std::round(width)),
                          " bytes a row, whether they are needed or not");
    finding.suggestion = "name the columns that are read; an index that holds them all then spares the table";
    findings.push_back(std::move(finding));
}

void findUnusableIndexes(const Examined& examined, Findings& findings) {
    std::set<std::string> told;
    for (const TableUse& use : examined.uses) {
        const Table* table = examined.catalog.find(use.schema, use.table);
        if (!table) continue;
        for (const Comparison& comparison : use.comparisons) {
            if (comparison.expression.empty() || comparison.how == Comparing::join) continue;
            const Column* cast = comparison.cast_to.empty() ? nullptr : table->column(comparison.column);
            if (cast && cast->type == "varchar" && comparison.cast_to == "text") continue;  // no conversion at all
            for (const ExistingIndex& index : table->indexes) {
                const std::string& first = index.keys.empty() ? comparison.expression : index.keys.front();
                const Column* of = table->column(first);
                const auto& inside = comparison.expression_columns;
                // A plain index on a column that the condition has inside of a cast or function.
                if (!of || std::find(inside.begin(), inside.end(), first) == inside.end()) continue;
                if (!told.insert(comparison.text + index.name).second) continue;
                const bool implicit = cast && !examined.shape.cast_columns.contains(comparison.column);
                Finding finding;
                finding.rule = implicit ? "implicit_cast" : "unusable_index";
                finding.text =
                    implicit
                        ? concat("column ", first, " of ", nameOf(*table), " is ", of->type, " and is compared as ",
                                 comparison.cast_to, ": it is converted for each row, so index ", index.name,
                                 " is not used")
                        : concat("index ", index.name, " on ", nameOf(*table), " cannot be used: the condition is on ",
                                 comparison.expression, " and not on ", first);
                finding.suggestion = implicit
                                         ? concat("pass the value as ", of->type, ", e.g. with a cast of the value")
                                         : concat("compare the column itself, or: create index concurrently on ",
                                                  nameOf(*table), " ((", comparison.expression, "))");
                finding.evidence = {{"condition", comparison.text},
                                    {"index", index.definition},
                                    {"rows", table->rows},
                                    {"scan", use.scan_type},
                                    {"scan_cost", rounded(use.scan_cost)}};
                findings.push_back(std::move(finding));
            }
        }
    }
}

void findLeadingWildcards(const Examined& examined, Findings& findings) {
    for (const TableUse& use : examined.uses) {
        if (!use.whole_table()) continue;
        for (const Comparison& comparison : use.comparisons) {
            const bool wild = comparison.constant.starts_with("'%") || comparison.constant.starts_with("'_");
            if (comparison.how != Comparing::pattern || !wild || comparison.column.empty()) continue;
            findings.push_back(
                {"leading_wildcard",
                 concat("the pattern ", comparison.constant, " begins with a wildcard: every row of ", use.table,
                        " is looked at, and no B-tree can help"),
                 concat("with the extension pg_trgm: create index concurrently on ", quoteName(use.schema), ".",
                        quoteName(use.table), " using gin (", quoteName(comparison.column), " gin_trgm_ops)"),
                 {{"condition", comparison.text}, {"scan_cost", rounded(use.scan_cost)}}});
        }
    }
}

void findOffset(const Examined& examined, Findings& findings) {
    if (examined.offset < examined.config.offset_min) return;
    Finding finding;
    finding.rule = "offset_paging";
    finding.text = concat("OFFSET ", shortNumber(examined.offset),
                          ": that many rows are read and thrown away, for each page more");
    finding.suggestion =
        examined.shape.ordered
            ? "remember the last row's sort columns and ask for what comes behind: where (a, b) > ($1, $2) order by a, "
              "b limit n"
            : "without ORDER BY pages may overlap; order by a unique key and ask for what comes behind the last one";
    finding.evidence["offset"] = examined.offset;
    eachNode(examined.plan.root, [&](const PlanNode& node) {
        if (node.type != "Limit" || node.children.empty() || finding.evidence.contains("cost_of_the_page")) return;
        finding.evidence["cost_of_the_page"] = rounded(node.total_cost);
        finding.evidence["cost_of_skipping"] = rounded(node.startup_cost);
        if (node.measured) finding.evidence["rows_read"] = node.children.front().actual_rows;
    });
    findings.push_back(std::move(finding));
}

void findCorrelated(const Examined& examined, Findings& findings) {
    const auto visit = [&](const auto& self, const PlanNode& parent) -> void {
        for (const PlanNode& child : parent.children) {
            self(self, child);
            if (!child.subplan.starts_with("SubPlan ")) continue;
            // A hashed one runs once; the planner says so in the condition that uses it.
            const std::string hashed = concat("hashed ", child.subplan);
            const bool once =
                std::any_of(parent.conditions.begin(), parent.conditions.end(),
                            [&](const auto& condition) { return condition.second.find(hashed) != std::string::npos; });
            const double input = parent.children.size() > 1 && &parent.children.front() != &child
                                     ? parent.children.front().plan_rows
                                     : std::max(parent.plan_rows, 1.0);
            const double times = child.measured ? child.loops : input;
            if (once || times <= 1) continue;
            Finding finding;
            finding.rule = "correlated_subquery";
            finding.text =
                concat(child.subplan, " depends on the row outside, so it is run again for each: ", shortNumber(times),
                       child.measured ? " times" : " times expected");
            finding.suggestion =
                "join with the subquery grouped by what it is correlated by, or index what it looks up";
            finding.evidence = {{"subplan", titleOf(child)},
                                {"times", times},
                                {"cost_of_one", rounded(child.total_cost)},
                                {"cost_of_all", rounded(child.total_cost * times)}};
            if (child.measured) finding.evidence["ms"] = rounded(child.total_ms);
            findings.push_back(std::move(finding));
        }
    };
    visit(visit, examined.plan.root);
}

void findStaleStatistics(const Examined& examined, Findings& findings) {
    std::set<std::string> told;
    for (const TableUse& use : examined.uses) {
        const Table* table = examined.catalog.find(use.schema, use.table);
        if (!table || !told.insert(nameOf(*table)).second) continue;
        const double rows = std::max({table->rows, table->live_rows, 1.0});
        const double percent = table->changed_since_analyze / rows * 100;
        if (table->analyzed && percent < examined.config.stale_percent) continue;
        findings.push_back({"stale_statistics",
                            table->analyzed
                                ? concat(shortNumber(std::round(percent)), " % of the rows of ", nameOf(*table),
                                         " have changed since its statistics were made")
                                : concat("there are no statistics of ", nameOf(*table), ": the planner guesses"),
                            concat("analyze ", nameOf(*table)),
                            {{"changed_rows", table->changed_since_analyze},
                             {"rows_in_statistics", table->rows},
                             {"rows_counted", table->live_rows}}});
    }
    if (!examined.plan.measured()) return;
    const PlanNode* worst = nullptr;
    eachNode(examined.plan.root, [&](const PlanNode& node) {
        if (node.isScan() && (!worst || std::fabs(node.estimateError()) > std::fabs(worst->estimateError())))
            worst = &node;
    });
    if (!worst || std::fabs(worst->estimateError()) < examined.config.estimate_factor) return;
    findings.push_back({"estimate_error",
                        concat(titleOf(*worst), ": ", shortNumber(worst->plan_rows), " rows were expected and ",
                               shortNumber(worst->actual_rows), " met"),
                        concat("analyze ", quoteName(worst->schema), ".", quoteName(worst->relation),
                               "; for columns that depend on each other: create statistics"),
                        {{"factor", rounded(worst->estimateError())}, {"loops", worst->loops}}});
}

void findSpills(const Examined& examined, Findings& findings) {
    eachNode(examined.plan.root, [&](const PlanNode& node) {
        // A sort and a grouping tell what they took; of a hash join there are only the blocks it wrote.
        const double kb = node.temp_kb > 0 ? node.temp_kb : node.self_buffers.temp_written * kBlockKb;
        if (kb <= 0) return;
        findings.push_back(
            {"spill",
             concat(titleOf(node), " did not fit into work_mem: ", shortNumber(kb), " kB went to disk"),
             "read fewer or narrower rows, let an index give the order, or raise work_mem for this statement",
             {{"kb", kb}, {"self_ms", rounded(node.self_ms)}}});
    });
}

void findNotIn(const Examined& examined, Findings& findings) {
    if (!examined.shape.not_in_subquery) return;
    Document evidence = Document::object();
    eachNode(examined.plan.root, [&](const PlanNode& node) {
        for (const auto& [name, text] : node.conditions) {
            const bool negates = text.find("NOT ") != std::string::npos && text.find("SubPlan ") != std::string::npos;
            if (negates && evidence.empty()) evidence = {{"condition", text}, {"scan_cost", rounded(node.total_cost)}};
        }
    });
    findings.push_back(
        {"not_in_subquery",
         "not in (select ...) gives no row at all once the subquery has a NULL, and cannot be planned as an anti-join",
         "not exists (select from ... where ... = ...)", std::move(evidence)});
}

void findRepetition(const Repetition& repetition, const Config& config, Findings& findings) {
    if (repetition.count < config.n_plus_one_min || repetition.distinct * 2 < repetition.count) return;
    Finding finding;
    finding.rule = "n_plus_one";
    finding.text = concat("this shape was asked ", repetition.count, " times in ", shortNumber(repetition.seconds),
                          " s with ", repetition.distinct, " different values: one statement could ask for all");
    finding.suggestion =
        "collect the values and ask once: where key = any($1), or join with the statement they come from";
    finding.evidence = {{"count", repetition.count},
                        {"distinct", repetition.distinct},
                        {"ms_in_all", rounded(repetition.took_ms)},
                        {"seconds", rounded(repetition.seconds)}};
    if (!repetition.before.empty()) finding.evidence["asked_before"] = repetition.before.substr(0, 300);
    findings.push_back(std::move(finding));
}

}  // namespace howdah::optimizer
