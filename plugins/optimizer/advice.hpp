// Indexes for a set of statements: from their plans to a judged answer.
//
// Threads: the request's; waits.
// Errors:  of the guard, the pool and PostgreSQL; a statement of several that cannot be planned is left out and told.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <howdah/jobs.hpp>

#include "plugins/optimizer/config.hpp"
#include "plugins/optimizer/hypopg_judge.hpp"
#include "plugins/optimizer/plan_text.hpp"
#include "plugins/optimizer/search.hpp"

namespace howdah::optimizer {

// One statement to find indexes for.
struct Target {
    Ask ask;
    double weight = 1;  // how often it runs, against the others
    Plan plan = {};
    std::vector<TableUse> uses = {};
};

struct AdviceOptions {
    SearchLimits limits;
    CandidateLimits candidates;
    std::uint64_t deadline_ns = 0;
    bool hypopg = true;  // false: only estimate
    double unused_days = 7;
};

struct Advice {
    std::string judged_by;      // "hypopg", "estimate"
    std::string why_estimated;  // where it is not HypoPG
    std::vector<Candidate> candidates;
    SearchOutcome outcome;
    std::vector<std::pair<std::size_t, double>>
        estimated_extra;  // candidates HypoPG cannot judge, and what each may save
    Catalog catalog;
    double took_ms = 0;
    bool any() const { return !outcome.chosen.empty() || !estimated_extra.empty(); }
};

class Advisor {
public:
    Advisor(ToolCall& call, Jobs& jobs, const HypopgJudge::Sessions& sessions)
        : call_(call), jobs_(jobs), sessions_(sessions) {}

    // Plans the statement and reads how it uses its tables.
    Result<void> plan(Target& target, const ExplainOptions& options);
    Result<Catalog> catalogOf(const std::vector<Target>& targets);
    // Of targets that are planned.
    Result<Advice> advise(const std::vector<Target>& targets, const AdviceOptions& options);

private:
    Result<std::unique_ptr<Judge>> judgeFor(const std::vector<Target>& targets, const AdviceOptions& options,
                                            Advice& advice);
    Result<void> search(Judge& judge, const std::vector<Target>& targets, std::vector<Indexes> by_target,
                        const AdviceOptions& options, Advice& advice);
    Result<void> estimateRest(const std::vector<Target>& targets, const Indexes& admitted, Advice& advice);

    ToolCall& call_;
    Jobs& jobs_;
    const HypopgJudge::Sessions sessions_;
};

// For the client: steps, drops, figures.
Document adviceJson(const Advice& advice, const std::vector<Target>& targets, const AdviceOptions& options);
// Existing indexes that are needless, now or once the advice is taken.
Document dropsJson(const Catalog& catalog, const std::vector<IndexSpec>& made, double unused_days);

}  // namespace howdah::optimizer
