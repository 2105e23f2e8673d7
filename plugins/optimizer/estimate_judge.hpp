// Where HypoPG is not there, and for kinds of index it does not know: what an index would save, reckoned from the plan
// there is and the statistics of the columns. It knows no joins in another order, no sorts saved and no bitmaps, so its
// figures are an estimate and are told as one. It reckons and never waits: who asks for many costs gives the shard back
// in between (Advisor).
//
// Threads: pure.
// Errors:  none.
// Source:  PostgreSQL manual, "Row Estimation Examples"; cost_index() in costsize.c, of which this is the outline.
#pragma once

#include <string>
#include <vector>

#include "plugins/optimizer/judge.hpp"

namespace howdah::optimizer {

class EstimateJudge final : public Judge {
public:
    struct Statement {
        double cost = 0;
        std::vector<TableUse> uses;
    };
    EstimateJudge(const Catalog& catalog, std::vector<Statement> statements, Impossible impossible = {})
        : catalog_(catalog), statements_(std::move(statements)), impossible_(std::move(impossible)) {}

    std::string_view name() const override { return "estimate"; }
    Result<Admission> admit(std::vector<Candidate>& candidates) override;
    Result<Judged> cost(std::size_t statement, const Indexes& present) override;

private:
    const Catalog& catalog_;
    const std::vector<Statement> statements_;
    const Impossible impossible_;  // known of another judge
    const std::vector<Candidate>* candidates_ = nullptr;
};

// Of reading the rows of one use through an index, every loop together; nothing where the index is of no use to it.
struct ScanCost {
    double cost = 0;
    bool usable = false;
};
ScanCost indexScanCost(const TableUse& use, const Candidate& candidate, const Table& table);

}  // namespace howdah::optimizer
