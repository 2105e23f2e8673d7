#include "plugins/optimizer/estimate_judge.hpp"

#include <algorithm>
#include <cmath>

namespace howdah::optimizer {
namespace {

// PostgreSQL's defaults.
constexpr double kRandomPage = 4, kSequentialPage = 1, kTuple = 0.01, kIndexTuple = 0.005, kOperator = 0.0025;
constexpr double kRangeShare = 1.0 / 3, kPatternShare = 0.01, kUnknownDistinct = 200;
constexpr double kInListValues = 3, kBrinBlocks = 128;

double shareOf(const Comparison& comparison, const Table& table) {
    const Column* column = table.column(comparison.column);
    const double distinct = column && column->distinct > 0 ? column->distinct : kUnknownDistinct;
    switch (comparison.how) {
        case Comparing::equal:
        case Comparing::join: return 1 / distinct;
        case Comparing::in_list: return std::min(1.0, kInListValues / distinct);
        case Comparing::prefix:
        case Comparing::pattern:
        case Comparing::contains: return kPatternShare;
        case Comparing::range: return kRangeShare;
        case Comparing::is_null: return column ? column->null_share : kPatternShare;
        case Comparing::not_null: return column ? 1 - column->null_share : 1;
        case Comparing::is_true:
        case Comparing::is_false: return 0.5;
    }
    return 1;
}

bool fits(Comparing how, const std::string& method) {
    if (method == "gin") return how == Comparing::contains || how == Comparing::pattern;
    if (method == "brin") return how == Comparing::range || how == Comparing::equal;
    return how != Comparing::contains && how != Comparing::pattern && how != Comparing::not_null;
}

const Comparison* comparisonOf(const TableUse& use, const std::string& key, const IndexSpec& spec) {
    const auto found = std::find_if(use.comparisons.begin(), use.comparisons.end(), [&](const Comparison& comparison) {
        const std::string& subject = comparison.expression.empty() ? comparison.column : comparison.expression;
        return !comparison.alternative && subject == key && fits(comparison.how, spec.method);
    });
    return found == use.comparisons.end() ? nullptr : &*found;
}

// Of a bitmap scan: pages in their order, so the more of them are read the less each costs.
double bitmapPages(double rows, double pages) {
    const double all = std::max(pages, 1.0);
    const double read = std::min(all, 2 * all * rows / (2 * all + rows));
    return read * (kRandomPage - (kRandomPage - kSequentialPage) * std::sqrt(read / all));
}

bool endsTheKey(Comparing how) {
    return how == Comparing::range || how == Comparing::prefix;
}

}  // namespace

ScanCost indexScanCost(const TableUse& use, const Candidate& candidate, const Table& table) {
    const IndexSpec& spec = candidate.spec;
    if (spec.schema != use.schema || spec.table != use.table) return {};
    double share = 1;
    std::size_t matched = 0;
    bool joins = false;
    for (const std::string& key : spec.columns) {
        const Comparison* comparison = comparisonOf(use, key, spec);
        if (!comparison) break;
        share *= shareOf(*comparison, table);
        joins = joins || comparison->how == Comparing::join;
        ++matched;
        if (endsTheKey(comparison->how)) break;
    }
    if (matched == 0) return {};
    // Without a nested loop there is nothing to look a join's rows up by.
    if (joins && use.loops <= 1) return {};
    if (table.rows > 0 && !joins) share = std::max(share, std::min(1.0, use.scan_rows / table.rows));
    const double rows = std::max(1.0, share * table.rows);
    const Column* first = table.column(spec.columns.front());
    const double order = first ? first->correlation * first->correlation : 0;
    const double scattered = std::min(rows, table.pages), together = std::ceil(share * table.pages);
    double pages = order * together * kSequentialPage + (1 - order) * scattered * kRandomPage;
    pages = std::min(pages, bitmapPages(rows, table.pages));
    if (spec.method == "brin") pages = std::min(table.pages, together + kBrinBlocks) * kSequentialPage;
    if (!spec.included.empty()) pages *= 0.1;  // most pages are not looked at
    const double index_pages = std::ceil(share * candidate.bytes / 8192) + 1;
    const double cost = pages + index_pages * kRandomPage * 0.5 + rows * (kTuple + kIndexTuple + kOperator);
    return {cost * use.loops, true};
}

Result<Admission> EstimateJudge::admit(std::vector<Candidate>& candidates) {
    candidates_ = &candidates;
    Admission all;
    for (std::size_t index = 0; index < candidates.size(); ++index)
        if (!impossible_.candidates.contains(index)) all.admitted.insert(index);
    all.refused = impossible_.candidates.size(), all.why_refused = impossible_.why;
    return all;
}

Result<Judged> EstimateJudge::cost(std::size_t statement, const Indexes& present) {
    const Statement& known = statements_[statement];
    Judged judged{known.cost, {}};
    for (const TableUse& use : known.uses) {
        const Table* table = catalog_.find(use.schema, use.table);
        if (!table) continue;
        double best = use.scan_cost * use.loops;
        const double before = best;
        std::size_t chosen = candidates_->size();
        for (const std::size_t index : present) {
            const ScanCost scan = indexScanCost(use, (*candidates_)[index], *table);
            if (!scan.usable || scan.cost >= best) continue;
            best = scan.cost;
            chosen = index;
        }
        if (chosen == candidates_->size()) continue;
        judged.cost = std::max(judged.cost - (before - best), 0.0);
        judged.used.insert(chosen);
    }
    return judged;
}

}  // namespace howdah::optimizer
