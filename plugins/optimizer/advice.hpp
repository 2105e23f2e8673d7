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
    std::string written = {};  // where ask.sql has values in place of its parameters
};

struct AdviceOptions {
    SearchLimits limits;
    CandidateLimits candidates;
    std::uint64_t deadline_ns = 0;
    bool hypopg = true;  // false: only estimate
    double unused_days = 7;
};

struct Advice {
    std::string judged_by;      // "hypopg", "estimate"; "none": there was nothing to judge
    std::string why_estimated;  // where it was to be HypoPG
    std::vector<Candidate> candidates;
    SearchOutcome outcome;
    std::vector<std::pair<std::size_t, double>>
        estimated_extra;             // candidates HypoPG cannot judge, and what each may save; most first
    std::size_t beyond_maximum = 0;  // candidates there was no place for
    std::size_t unasked = 0;         // there was no time to show to the judge
    std::size_t refused = 0;         // that the server makes no index of
    std::string why_refused;
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
    // Of targets that are planned, and the catalog of their tables. Where HypoPG fails, costs are estimated instead.
    Result<Advice> advise(const std::vector<Target>& targets, Catalog catalog, const AdviceOptions& options);

private:
    using ByTarget = std::vector<Indexes>;  // the candidates each of them suggests
    Result<ByTarget> gather(const std::vector<Target>& targets, const CandidateLimits& limits, Advice& advice);
    Result<void> judgeByServer(const std::vector<Target>& targets, const ByTarget& by_target,
                               const AdviceOptions& options, Advice& advice);
    Result<void> judgeByEstimate(const std::vector<Target>& targets, const ByTarget& by_target, AdviceOptions options,
                                 Impossible impossible, Advice& advice);
    Result<void> search(Judge& judge, const std::vector<Target>& targets, const ByTarget& by_target,
                        const AdviceOptions& options, Advice& advice);
    Result<void> estimateRest(const std::vector<Target>& targets, const SearchLimits& limits, Advice& advice);
    Result<void> breathe(std::uint64_t& since_ns);

    ToolCall& call_;
    Jobs& jobs_;
    const HypopgJudge::Sessions sessions_;
};

// For the client: steps, drops, figures.
Document adviceJson(const Advice& advice, const std::vector<Target>& targets, const AdviceOptions& options);
// Existing indexes that are needless, now or once the advice is taken.
Document dropsJson(const Catalog& catalog, const std::vector<IndexSpec>& made, double unused_days);

}  // namespace howdah::optimizer
