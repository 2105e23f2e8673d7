#include "plugins/optimizer/advice.hpp"

#include <algorithm>
#include <map>

#include "plugins/optimizer/estimate_judge.hpp"

namespace howdah::optimizer {
namespace {

std::vector<EstimateJudge::Statement> forEstimate(const std::vector<Target>& targets) {
    std::vector<EstimateJudge::Statement> statements;
    for (const Target& target : targets)
        statements.push_back({target.plan.root.total_cost, target.uses});
    return statements;
}

std::vector<double> weightsOf(const std::vector<Target>& targets) {
    std::vector<double> weights;
    for (const Target& target : targets)
        weights.push_back(target.weight);
    return weights;
}

// Each candidate once, with the statements whose uses of columns suggest it.
std::vector<Indexes> gatherCandidates(const std::vector<Target>& targets, const CandidateLimits& limits,
                                      Advice& advice) {
    std::vector<Indexes> by_target(targets.size());
    std::map<std::string, std::size_t> known;
    for (std::size_t at = 0; at < targets.size(); ++at) {
        for (Candidate& candidate : candidatesFor({targets[at].uses}, advice.catalog, limits)) {
            const auto [place, fresh] = known.emplace(candidate.spec.ddl(), advice.candidates.size());
            if (fresh && advice.candidates.size() == limits.candidates_max) {
                known.erase(place);
                continue;
            }
            if (fresh) advice.candidates.push_back(std::move(candidate));
            by_target[at].insert(place->second);
        }
    }
    shareAlike(by_target, advice.candidates);
    return by_target;
}

}  // namespace

Result<void> Advisor::plan(Target& target, const ExplainOptions& options) {
    auto plan = explain(call_, target.ask, options);
    if (!plan) return std::move(plan).error();
    target.plan = std::move(*plan);
    auto uses = jobs_.made(call_.context(), [copy = target.plan] { return usesOf(copy); }, HOWDAH_OFFLOAD_LARGE_STACK);
    if (!uses) return std::move(uses).error();
    target.uses = std::move(*uses);
    return {};
}

Result<Catalog> Advisor::catalogOf(const std::vector<Target>& targets) {
    std::vector<Catalog::Name> names;
    for (const Target& target : targets) {
        for (const TableUse& use : target.uses) {
            const Catalog::Name name{use.schema, use.table};
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        }
    }
    return Catalog::read(call_, targets.front().ask.database, names);
}

Result<std::unique_ptr<Judge>> Advisor::judgeFor(const std::vector<Target>& targets, const AdviceOptions& options,
                                                 Advice& advice) {
    advice.judged_by = "hypopg";
    if (options.hypopg) {
        std::vector<Ask> asks;
        for (const Target& target : targets)
            asks.push_back(target.ask);
        auto judge = HypopgJudge::open(call_, sessions_, std::move(asks), options.deadline_ns);
        if (judge) return std::unique_ptr<Judge>(std::move(*judge));
        if (judge.error().code == Code::cancelled || judge.error().code == Code::timeout) return judge.error();
        advice.why_estimated = judge.error().message;
        if (!judge.error().hint.empty()) advice.why_estimated += concat("; ", judge.error().hint);
    } else {
        advice.why_estimated = "asked for";
    }
    advice.judged_by = "estimate";
    return std::unique_ptr<Judge>(std::make_unique<EstimateJudge>(advice.catalog, forEstimate(targets)));
}

Result<Advice> Advisor::advise(const std::vector<Target>& targets, const AdviceOptions& options) {
    const std::uint64_t began_ns = call_.context().host().nowNs();
    Advice advice;
    auto catalog = catalogOf(targets);
    if (!catalog) return std::move(catalog).error();
    advice.catalog = std::move(*catalog);
    auto by_target = gatherCandidates(targets, options.candidates, advice);
    auto judge = judgeFor(targets, options, advice);
    if (!judge) return std::move(judge).error();
    if (auto done = search(**judge, targets, std::move(by_target), options, advice); !done)
        return std::move(done).error();
    advice.took_ms = static_cast<double>(call_.context().host().nowNs() - began_ns) / 1e6;
    return advice;
}

Result<void> Advisor::search(Judge& judge, const std::vector<Target>& targets, std::vector<Indexes> by_target,
                             const AdviceOptions& options, Advice& advice) {
    auto admitted = judge.admit(advice.candidates);
    if (!admitted) return std::move(admitted).error();
    int told = -1;
    const auto goes_on = [&](double done) -> Result<bool> {
        if (auto going = call_.context().goOn(); !going) return std::move(going).error();
        const int percent = static_cast<int>(done * 100);
        if (percent > told) {
            told = percent;
            const std::string text = concat("judging ", admitted->size(), " candidates by ", judge.name());
            if (auto sent = call_.progress(percent, 100, text); !sent) return std::move(sent).error();
        }
        return call_.context().host().nowNs() < options.deadline_ns;
    };
    Search search(judge, advice.candidates, weightsOf(targets), std::move(by_target), options.limits, goes_on);
    auto outcome = search.run(*admitted);
    if (!outcome) return std::move(outcome).error();
    advice.outcome = std::move(*outcome);
    return judge.name() == "hypopg" ? estimateRest(targets, *admitted, advice) : Result<void>{};
}

// What HypoPG does not know (GIN), each for itself.
Result<void> Advisor::estimateRest(const std::vector<Target>& targets, const Indexes& admitted, Advice& advice) {
    EstimateJudge judge(advice.catalog, forEstimate(targets));
    if (auto all = judge.admit(advice.candidates); !all) return std::move(all).error();
    for (std::size_t index = 0; index < advice.candidates.size(); ++index) {
        if (admitted.count(index) > 0 || advice.candidates[index].spec.method != "gin") continue;
        double saved = 0;
        for (std::size_t at = 0; at < targets.size(); ++at) {
            auto judged = judge.cost(at, {index});
            if (!judged) return std::move(judged).error();
            saved += (targets[at].plan.root.total_cost - judged->cost) * targets[at].weight;
        }
        if (saved > 0) advice.estimated_extra.emplace_back(index, saved);
    }
    return {};
}

}  // namespace howdah::optimizer
