#include "plugins/optimizer/search.hpp"

#include <algorithm>
#include <iterator>

namespace howdah::optimizer {
namespace {

constexpr double kNearlySame = 0.01;    // of the best gain: then the smaller index wins
constexpr std::size_t kGroupMax = 6;    // indexes that are tried together
constexpr double kPassedOver = 0.1;     // of a statement's gain: what the planner did not take when it could saves less
constexpr double kBoundSlack = 1.0001;  // a bound that is met exactly is not passed

}  // namespace

Search::Search(Judge& judge, const std::vector<Candidate>& candidates, std::vector<double> weights,
               std::vector<Indexes> candidates_of, SearchLimits limits, GoesOn goes_on)
    : judge_(judge),
      candidates_(candidates),
      weights_(std::move(weights)),
      candidates_of_(std::move(candidates_of)),
      limits_(limits),
      goes_on_(std::move(goes_on)) {}

// What its own uses do not suggest is taken to be nothing to a statement, so that fewer plans are asked for.
Indexes Search::onTables(std::size_t statement, const Indexes& present) const {
    Indexes relevant;
    std::set_intersection(present.begin(), present.end(), candidates_of_[statement].begin(),
                          candidates_of_[statement].end(), std::inserter(relevant, relevant.end()));
    return relevant;
}

double Search::bytesOf(const Indexes& indexes) const {
    double bytes = 0;
    for (const std::size_t index : indexes)
        bytes += candidates_[index].bytes;
    return bytes;
}

Result<Judged> Search::cost(std::size_t statement, const Indexes& present) {
    auto key = std::pair(statement, onTables(statement, present));
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
    auto going = goes_on_(done_);
    if (!going) return std::move(going).error();
    // Where it begins must be known whatever the time.
    if (!*going && done_ > 0) {
        over_ = true;
        return Error::timeout("the time for the search is over");
    }
    auto judged = judge_.cost(statement, key.second);
    if (!judged) return judged;
    ++outcome_.plans;
    known_.emplace(std::move(key), *judged);
    return judged;
}

Result<double> Search::total(const Indexes& present, std::vector<Judged>* told) {
    double sum = 0;
    for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
        auto judged = cost(statement, present);
        if (!judged) return std::move(judged).error();
        sum += judged->cost * weights_[statement];
        if (told) told->push_back(std::move(*judged));
    }
    return sum;
}

Result<SearchOutcome> Search::run(const Indexes& admitted) {
    auto before = total({}, &outcome_.before);
    if (!before) return std::move(before).error();  // without it there is nothing to say
    outcome_.cost_before = outcome_.cost_after = *before;
    outcome_.after = outcome_.before;
    done_ = 0.05;
    auto going = goes_on_(done_);
    if (!going) return std::move(going).error();
    over_ = !*going;
    auto pool = over_ ? Result<std::vector<Entry>>(std::vector<Entry>{}) : entries(admitted);
    if (!pool && !over_) return std::move(pool).error();
    while (pool && !over_ && outcome_.chosen.size() < limits_.indexes_max) {
        auto grown = grow(*pool);
        if (!grown && !over_) return std::move(grown).error();
        if (!grown || !*grown) break;
    }
    if (!over_) {
        if (auto done = prune(); !done && !over_) return std::move(done).error();
    }
    outcome_.complete = !over_;
    if (auto told = tellAfter(); !told) return std::move(told).error();
    return std::move(outcome_);
}

// With all that was chosen, also what other statements suggested: whatever it is of use for counts.
Result<void> Search::tellAfter() {
    double sum = 0;
    outcome_.after.clear();
    for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
        const auto found = known_.find({statement, outcome_.chosen});
        auto judged = found != known_.end() ? Result<Judged>(found->second) : judge_.cost(statement, outcome_.chosen);
        if (!judged) return std::move(judged).error();
        if (found == known_.end()) ++outcome_.plans;
        sum += judged->cost * weights_[statement];
        outcome_.after.push_back(std::move(*judged));
    }
    outcome_.cost_after = sum;
    if (!outcome_.steps.empty()) outcome_.steps.back().cost_after = sum;
    return {};
}

Result<std::vector<Search::Entry>> Search::entries(const Indexes& admitted) {
    std::vector<Entry> pool;
    std::map<std::size_t, double> bounds;
    for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
        const Indexes all = onTables(statement, admitted);
        auto best = cost(statement, all);
        if (!best) return std::move(best).error();
        const double gain = std::max(0.0, outcome_.before[statement].cost - best->cost) * weights_[statement];
        outcome_.cost_with_all += best->cost * weights_[statement];
        for (const std::size_t index : all)
            bounds[index] += best->used.count(index) > 0 ? gain : gain * kPassedOver;
        if (best->used.size() > 1 && best->used.size() <= kGroupMax && gain > 0) pool.push_back({best->used, 0, 0});
        done_ = 0.05 + 0.25 * static_cast<double>(statement + 1) / static_cast<double>(weights_.size());
    }
    for (const auto& [index, bound] : bounds)
        pool.push_back({{index}, 0, 0});
    // No index saves more than the statements that suggest it can save at all.
    for (Entry& entry : pool) {
        for (const std::size_t index : entry.indexes)
            entry.bound += bounds[index] * kBoundSlack;
    }
    return pool;
}

// Adds what saves most; false when nothing saves enough.
Result<bool> Search::grow(std::vector<Entry>& pool) {
    const std::size_t round = outcome_.steps.size() + 1;
    const double now = outcome_.cost_after;
    const double enough = now * limits_.gain_min_percent / 100;
    const auto perIndex = [&](const Entry& entry) {
        std::size_t fresh = 0;
        for (const std::size_t index : entry.indexes)
            fresh += outcome_.chosen.count(index) == 0 ? 1 : 0;
        return fresh == 0 ? 0 : entry.bound / static_cast<double>(fresh);
    };
    const Entry* chosen = nullptr;
    while (!chosen) {
        std::sort(pool.begin(), pool.end(), [&](const Entry& a, const Entry& b) { return perIndex(a) > perIndex(b); });
        Entry* top = nullptr;
        for (Entry& entry : pool) {
            Indexes with = outcome_.chosen;
            with.insert(entry.indexes.begin(), entry.indexes.end());
            const bool fits =
                with.size() <= limits_.indexes_max && (limits_.bytes_max == 0 || bytesOf(with) <= limits_.bytes_max);
            if (fits) {
                top = &entry;
                break;
            }
        }
        if (!top || perIndex(*top) <= 0 || perIndex(*top) < enough) return false;
        if (top->round == round) {
            chosen = top;
            break;
        }
        Indexes with = outcome_.chosen;
        with.insert(top->indexes.begin(), top->indexes.end());
        auto cost_then = total(with);
        if (!cost_then) return std::move(cost_then).error();
        top->bound = now - *cost_then;
        top->round = round;
    }
    // Nearly as good, and smaller.
    for (const Entry& entry : pool) {
        if (entry.round == round && perIndex(entry) >= perIndex(*chosen) * (1 - kNearlySame) &&
            bytesOf(entry.indexes) < bytesOf(chosen->indexes) && entry.indexes.size() <= chosen->indexes.size())
            chosen = &entry;
    }
    const double cost_after = now - chosen->bound;
    addStep(chosen->indexes, cost_after);
    const double left = outcome_.cost_before > 0 ? cost_after / outcome_.cost_before : 0;
    done_ = std::max(done_, std::min(0.9, 0.3 + 0.6 * (1 - left)));
    // Bounds of what was planned with at an earlier step still hold: more indexes leave less to save.
    return true;
}

void Search::addStep(const Indexes& added, double cost_after) {
    SearchStep step{{}, outcome_.cost_after, cost_after};
    std::set_difference(added.begin(), added.end(), outcome_.chosen.begin(), outcome_.chosen.end(),
                        std::inserter(step.added, step.added.end()));
    outcome_.chosen.insert(added.begin(), added.end());
    outcome_.steps.push_back(std::move(step));
    outcome_.cost_after = cost_after;
}

// Takes out the one whose absence costs least, as long as that is too little to keep it. All or nothing: where time
// ends it, what was chosen stays as it was.
Result<void> Search::prune() {
    done_ = std::max(done_, 0.9);
    Indexes left = outcome_.chosen;
    double now = outcome_.cost_after;
    for (;;) {
        std::size_t needless = candidates_.size();
        double least = now * (1 + limits_.gain_min_percent / 100);
        for (const std::size_t index : left) {
            Indexes without = left;
            without.erase(index);
            auto cost_then = total(without);
            if (!cost_then) return std::move(cost_then).error();
            if (*cost_then < least) {
                least = *cost_then;
                needless = index;
            }
        }
        if (needless == candidates_.size()) break;
        left.erase(needless);
        now = least;
    }
    if (left.size() == outcome_.chosen.size()) return {};
    return retell(left);
}

// The steps again, for what is left: each with its own before and after.
Result<void> Search::retell(const Indexes& left) {
    std::vector<SearchStep> steps;
    Indexes present;
    double now = outcome_.cost_before;
    for (const SearchStep& step : outcome_.steps) {
        Indexes added;
        std::set_intersection(step.added.begin(), step.added.end(), left.begin(), left.end(),
                              std::inserter(added, added.end()));
        if (added.empty()) continue;
        present.insert(added.begin(), added.end());
        auto then = total(present);
        if (!then) return std::move(then).error();
        steps.push_back({std::move(added), now, *then});
        now = *then;
    }
    outcome_.steps = std::move(steps);
    outcome_.chosen = left;
    outcome_.cost_after = now;
    return {};
}

}  // namespace howdah::optimizer
