// How a search ends: by itself, by time, or by a judge that failed; and what is told then.
#include <algorithm>
#include <optional>

#include "plugins/optimizer/search.hpp"

namespace howdah::optimizer {

// After an error of a step: whether there is an outcome all the same. There is one as soon as each statement was
// planned with all that it suggests, and that nothing pays is one too. An error of the judge may be that of a request
// that has ended, which is no word on the judge.
Result<void> Search::ended(const Error& error) {
    if (gone_) return error;
    if (over_) return {};
    if (auto going = goes_on_(done_); !going) return std::move(going).error();
    if (best_.size() < weights_.size()) return error;
    over_ = true;
    outcome_.why_ended = error.message;
    return {};
}

// Where time was over before one set was compared with another: what the server used when it had everything is of use
// to that statement, most of it first. A plan stays what it is without what it does not use.
void Search::takeUsed() {
    std::vector<std::pair<double, std::size_t>> gains;
    gains.reserve(best_.size());
    for (std::size_t statement = 0; statement < best_.size(); ++statement)
        gains.emplace_back((outcome_.before[statement].cost - best_[statement].cost) * weights_[statement], statement);
    std::sort(gains.rbegin(), gains.rend());
    for (const auto& [gain, statement] : gains) {
        const Indexes& used = best_[statement].used;
        Indexes grown = outcome_.chosen;
        grown.insert(used.begin(), used.end());
        if (gain <= 0) return;
        const auto fresh = static_cast<double>(grown.size() - outcome_.chosen.size());
        const double enough = outcome_.cost_after * limits_.gain_min_percent / 100 * fresh;
        if (fresh == 0 || gain < enough || !fits(grown)) continue;
        addStep(used, outcome_.cost_after - gain).apart_unknown = fresh > 1;
    }
}

// The last that is known of it with what was chosen; more indexes than it was planned with make nothing dearer.
Judged Search::latest(std::size_t statement) const {
    if (const auto found = known_.find({statement, onTables(statement, outcome_.chosen)}); found != known_.end())
        return found->second;
    if (statement < best_.size() && std::ranges::includes(outcome_.chosen, best_[statement].used))
        return best_[statement];
    return outcome_.before[statement];
}

// With all that was chosen, also what other statements suggested: whatever it is of use for counts. Where there is no
// time to ask for that, what was found is told as it was found.
Result<void> Search::tellAfter() {
    double sum = 0;
    outcome_.after.clear();
    for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
        std::optional<Judged> judged;
        if (const auto found = known_.find({statement, outcome_.chosen}); found != known_.end()) judged = found->second;
        if (!judged && !over_) {
            auto going = goes_on_(done_);
            if (!going) return std::move(going).error();
            over_ = !*going;
        }
        if (!judged && !over_) {
            auto planned = judge_.cost(statement, outcome_.chosen);
            if (planned) {
                ++outcome_.plans;
                judged = std::move(*planned);
            } else if (auto end = ended(planned.error()); !end) {
                return end;
            }
        }
        if (!judged) judged = latest(statement);
        sum += judged->cost * weights_[statement];
        outcome_.after.push_back(std::move(*judged));
    }
    outcome_.cost_after = sum;
    if (!outcome_.steps.empty()) outcome_.steps.back().cost_after = sum;
    return {};
}

}  // namespace howdah::optimizer
