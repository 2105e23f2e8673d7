#include "plugins/optimizer/advice.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <howdah/waiting.hpp>

#include "plugins/optimizer/estimate_judge.hpp"

namespace howdah::optimizer {
namespace {

constexpr std::uint64_t kSlice_ns = 2'000'000, kRest_ns = 1'000'000;  // of an estimate: reckoning, and standing back
constexpr std::uint64_t kEstimateTime_ns = 1'000'000'000;             // at least

std::vector<EstimateJudge::Statement> forEstimate(const std::vector<Target>& targets) {
    std::vector<EstimateJudge::Statement> statements;
    statements.reserve(targets.size());
    for (const Target& target : targets)
        statements.push_back({target.plan.root.total_cost, target.uses});
    return statements;
}

std::vector<double> weightsOf(const std::vector<Target>& targets) {
    std::vector<double> weights;
    weights.reserve(targets.size());
    for (const Target& target : targets)
        weights.push_back(target.weight);
    return weights;
}

// Each candidate once, with the statements whose uses of columns suggest it.
struct Gathered {
    std::vector<Candidate> candidates;
    std::vector<Indexes> by_target;
    std::size_t beyond_maximum = 0;
};
Gathered gathered(const std::vector<std::vector<TableUse>>& uses, const Catalog& catalog,
                  const CandidateLimits& limits) {
    Gathered all;
    all.by_target.resize(uses.size());
    std::map<std::string, std::size_t> known;
    std::set<std::string> beyond;
    for (std::size_t at = 0; at < uses.size(); ++at) {
        std::set<std::string> more;
        for (Candidate& candidate : candidatesFor({uses[at]}, catalog, limits, &more)) {
            std::string ddl = candidate.spec.ddl();
            const auto place = known.find(ddl);
            if (place == known.end() && all.candidates.size() >= limits.candidates_max) {
                beyond.insert(std::move(ddl));
                continue;
            }
            all.by_target[at].insert(place == known.end() ? all.candidates.size() : place->second);
            if (place != known.end()) continue;
            known.emplace(std::move(ddl), all.candidates.size());
            all.candidates.push_back(std::move(candidate));
        }
        beyond.merge(more);
    }
    for (const std::string& ddl : beyond)
        all.beyond_maximum += known.contains(ddl) ? 0 : 1;
    shareAlike(all.by_target, all.candidates);
    return all;
}

// As long as nothing is chosen.
SearchOutcome asItIs(const std::vector<Target>& targets) {
    SearchOutcome outcome;
    for (const Target& target : targets) {
        outcome.before.push_back({target.plan.root.total_cost, {}});
        outcome.cost_before += target.plan.root.total_cost * target.weight;
    }
    outcome.after = outcome.before;
    outcome.cost_after = outcome.cost_with_all = outcome.cost_before;
    return outcome;
}

}  // namespace

Result<void> Advisor::plan(Target& target, const ExplainOptions& options) {
    auto plan = explain(call_, target.ask, options);
    if (!plan) return std::move(plan).error();
    target.plan = std::move(*plan);
    const std::string& written = target.written.empty() ? target.ask.sql : target.written;
    const bool parameters = !target.written.empty() || !target.ask.params.empty();
    auto uses = jobs_.made(
        call_.context(),
        [copy = target.plan, written, parameters] {
            auto found = usesOf(copy);
            if (parameters) markParameters(found, written);
            return found;
        },
        HOWDAH_OFFLOAD_LARGE_STACK);
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

Result<Advisor::ByTarget> Advisor::gather(const std::vector<Target>& targets, const CandidateLimits& limits,
                                          Advice& advice) {
    std::vector<std::vector<TableUse>> uses;
    uses.reserve(targets.size());
    for (const Target& target : targets)
        uses.push_back(target.uses);
    // Of long statements there are very many.
    auto all = jobs_.made(call_.context(), [uses = std::move(uses), catalog = advice.catalog, limits] {
        return gathered(uses, catalog, limits);
    });
    if (!all) return std::move(all).error();
    advice.candidates = std::move(all->candidates);
    advice.beyond_maximum = all->beyond_maximum;
    return std::move(all->by_target);
}

Result<Advice> Advisor::advise(const std::vector<Target>& targets, Catalog catalog, const AdviceOptions& options) {
    const std::uint64_t began_ns = call_.context().host().nowNs();
    Advice advice;
    advice.catalog = std::move(catalog);
    auto by_target = gather(targets, options.candidates, advice);
    if (!by_target) return std::move(by_target).error();
    const bool plannable = std::any_of(advice.candidates.begin(), advice.candidates.end(),
                                       [](const Candidate& candidate) { return HypopgJudge::knows(candidate.spec); });
    Result<void> judged;
    if (advice.candidates.empty() || (options.hypopg && !plannable)) {
        advice.judged_by = "none";
        advice.outcome = asItIs(targets);
        judged = estimateRest(targets, options.limits, advice);
    } else if (!options.hypopg) {
        advice.why_estimated = "asked for";
        judged = judgeByEstimate(targets, *by_target, options, {}, advice);
    } else {
        judged = judgeByServer(targets, *by_target, options, advice);
    }
    if (!judged) return std::move(judged).error();
    advice.took_ms = static_cast<double>(call_.context().host().nowNs() - began_ns) / 1e6;
    return advice;
}

Result<void> Advisor::judgeByServer(const std::vector<Target>& targets, const ByTarget& by_target,
                                    const AdviceOptions& options, Advice& advice) {
    std::vector<Ask> asks;
    asks.reserve(targets.size());
    for (const Target& target : targets)
        asks.push_back(target.ask);
    const std::vector<Candidate> as_they_were = advice.candidates;
    auto judge = HypopgJudge::open(call_, sessions_, std::move(asks), options.deadline_ns);
    Result<void> done;
    if (judge) {
        advice.judged_by = "hypopg";
        done = search(**judge, targets, by_target, options, advice);
        if (done) return estimateRest(targets, options.limits, advice);
    }
    const Error error = judge ? done.error() : judge.error();
    if (error.code == Code::cancelled) return error;
    if (auto going = call_.context().goOn(); !going) return going;
    advice.why_estimated = judge ? concat("HypoPG failed: ", error.message) : error.message;
    if (!error.hint.empty()) advice.why_estimated += concat("; ", error.hint);
    advice.candidates = as_they_were;
    Impossible impossible;
    if (judge) {
        impossible = (*judge)->impossible();
        judge->reset();  // its connection is of no use to an estimate, and of use to others
    }
    return judgeByEstimate(targets, by_target, options, std::move(impossible), advice);
}

// Nothing here waits, and a search reckons thousands of costs. So it stands back in between: the shard's other requests
// go on, and a request that has ended is noticed.
Result<void> Advisor::breathe(std::uint64_t& since_ns) {
    const Host& host = call_.context().host();
    if (host.nowNs() - since_ns >= kSlice_ns) {
        const Event never(host);
        (void)never.wait(call_.context(), host.nowNs() + kRest_ns);  // nobody sets it: ends by time or with the request
        since_ns = host.nowNs();
    }
    return call_.context().goOn();
}

Result<void> Advisor::judgeByEstimate(const std::vector<Target>& targets, const ByTarget& by_target,
                                      AdviceOptions options, Impossible impossible, Advice& advice) {
    advice.judged_by = "estimate";
    // Where HypoPG has failed late, there is still time for this: it takes little.
    options.deadline_ns = std::max(options.deadline_ns, call_.context().host().nowNs() + kEstimateTime_ns);
    EstimateJudge judge(advice.catalog, forEstimate(targets), std::move(impossible));
    return search(judge, targets, by_target, options, advice);
}

Result<void> Advisor::search(Judge& judge, const std::vector<Target>& targets, const ByTarget& by_target,
                             const AdviceOptions& options, Advice& advice) {
    auto admission = judge.admit(advice.candidates);
    if (!admission) return std::move(admission).error();
    advice.unasked = admission->unasked;
    advice.refused = admission->refused, advice.why_refused = admission->why_refused;
    int told = -1;
    std::uint64_t since_ns = call_.context().host().nowNs();
    const bool waits = judge.name() == "hypopg";
    const auto goes_on = [&](double done) -> Result<bool> {
        if (auto going = waits ? call_.context().goOn() : breathe(since_ns); !going) return std::move(going).error();
        const int percent = static_cast<int>(done * 100);
        if (percent > told) {
            told = percent;
            const std::string text = concat("judging ", admission->admitted.size(), " candidates by ", judge.name());
            if (auto sent = call_.progress(percent, 100, text); !sent) return std::move(sent).error();
        }
        return call_.context().host().nowNs() < options.deadline_ns;
    };
    Search search(judge, advice.candidates, weightsOf(targets), by_target, options.limits, goes_on);
    std::vector<double> costs;
    costs.reserve(targets.size());
    for (const Target& target : targets)
        costs.push_back(target.plan.root.total_cost);
    search.startFrom(costs);
    auto outcome = search.run(admission->admitted);
    if (!outcome) return std::move(outcome).error();
    advice.outcome = std::move(*outcome);
    return {};
}

// What HypoPG does not know (GIN), each for itself, within what the limits leave beside those that were chosen.
Result<void> Advisor::estimateRest(const std::vector<Target>& targets, const SearchLimits& limits, Advice& advice) {
    EstimateJudge judge(advice.catalog, forEstimate(targets));
    if (auto all = judge.admit(advice.candidates); !all) return std::move(all).error();
    std::uint64_t since_ns = call_.context().host().nowNs();
    std::vector<std::pair<double, std::size_t>> gains;
    for (std::size_t index = 0; index < advice.candidates.size(); ++index) {
        if (HypopgJudge::knows(advice.candidates[index].spec)) continue;
        double saved = 0;
        for (std::size_t at = 0; at < targets.size(); ++at) {
            if (auto going = breathe(since_ns); !going) return going;
            auto judged = judge.cost(at, {index});
            if (!judged) return std::move(judged).error();
            saved += (targets[at].plan.root.total_cost - judged->cost) * targets[at].weight;
        }
        if (saved > 0 && saved >= advice.outcome.cost_before * limits.gain_min_percent / 100)
            gains.emplace_back(saved, index);
    }
    std::sort(gains.rbegin(), gains.rend());
    std::size_t count = advice.outcome.chosen.size();
    double bytes = 0;
    for (const std::size_t index : advice.outcome.chosen)
        bytes += advice.candidates[index].bytes;
    for (const auto& [saved, index] : gains) {
        if (count >= limits.indexes_max) break;
        const double more = bytes + advice.candidates[index].bytes;
        if (limits.bytes_max > 0 && more > limits.bytes_max) continue;
        advice.estimated_extra.emplace_back(index, saved);
        bytes = more;
        ++count;
    }
    return {};
}

}  // namespace howdah::optimizer
