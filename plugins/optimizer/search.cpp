#include "plugins/optimizer/search.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>

namespace howdah::optimizer {
namespace {

constexpr double kNearlySame = 0.01;  // of the best gain: then the smaller index wins
constexpr std::size_t kGroupMax = 6;  // indexes that are tried together
constexpr double kPassedOver = 0.1;   // of a statement's gain: what the planner did not take when it could saves less
constexpr double kExchangeShare = 0.25;  // of what a further index must save: an exchange makes none more
constexpr double kBoundSlack = 1.0001;   // a bound that is met exactly is not passed

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
    const Indexes& own = candidates_of_[statement];
    const bool few = present.size() < own.size();
    for (const std::size_t index : few ? present : own)
        if ((few ? own : present).contains(index)) relevant.insert(relevant.end(), index);
    return relevant;
}

bool Search::fits(const Indexes& indexes) const {
    return indexes.size() <= limits_.indexes_max && (limits_.bytes_max == 0 || bytesOf(indexes) <= limits_.bytes_max);
}

double Search::bytesOf(const Indexes& indexes) const {
    double bytes = 0;
    for (const std::size_t index : indexes)
        bytes += candidates_[index].bytes;
    return bytes;
}

Result<void> Search::goOn() {
    auto going = goes_on_(done_);
    if (!going) {
        gone_ = true;
        return std::move(going).error();
    }
    // Where it begins must be known whatever the time.
    if (!*going && done_ > 0) {
        over_ = true;
        return Error::timeout("the time for the search is over");
    }
    return {};
}

Result<Judged> Search::cost(std::size_t statement, const Indexes& present) {
    auto key = std::pair(statement, onTables(statement, present));
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
    if (auto going = goOn(); !going) return std::move(going).error();
    auto judged = judge_.cost(statement, key.second);
    if (!judged) return judged;
    ++outcome_.plans;
    planned_with_.insert(key.second.begin(), key.second.end());
    known_.emplace(std::move(key), *judged);
    return judged;
}

void Search::startFrom(const std::vector<double>& costs) {
    for (std::size_t statement = 0; statement < costs.size(); ++statement)
        known_.emplace(std::pair(statement, Indexes{}), Judged{costs[statement], {}});
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
    if (!pool) {
        if (auto end = ended(pool.error()); !end) return std::move(end).error();
    }
    while (!over_ && outcome_.chosen.size() < limits_.indexes_max) {
        auto grown = grow(*pool);
        if (!grown) {
            if (auto end = ended(grown.error()); !end) return std::move(end).error();
        } else if (!*grown) {
            break;
        }
    }
    if (!over_) {
        if (auto done = improve(std::move(*pool)); !done) {
            if (auto end = ended(done.error()); !end) return std::move(end).error();
        }
    }
    if (over_ && outcome_.steps.empty()) takeUsed();
    if (auto told = tellAfter(); !told) return std::move(told).error();
    outcome_.complete = !over_;
    outcome_.statements_left = weights_.size() - best_.size();
    for (const std::size_t index : admitted)
        outcome_.candidates_left += planned_with_.contains(index) ? 0 : 1;
    return std::move(outcome_);
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
        best_.push_back(*best);
        for (const std::size_t index : all)
            bounds[index] += best->used.contains(index) ? gain : gain * kPassedOver;
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
            fresh += outcome_.chosen.contains(index) ? 0 : 1;
        return fresh == 0 ? 0 : entry.bound / static_cast<double>(fresh);
    };
    const Entry* chosen = nullptr;
    while (!chosen) {
        std::sort(pool.begin(), pool.end(), [&](const Entry& a, const Entry& b) { return perIndex(a) > perIndex(b); });
        Entry* top = nullptr;
        for (Entry& entry : pool) {
            Indexes with = outcome_.chosen;
            with.insert(entry.indexes.begin(), entry.indexes.end());
            if (fits(with)) {
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
    done_ = std::max(done_, std::min(0.6, 0.3 + 0.3 * (1 - left)));
    // Bounds of what was planned with at an earlier step still hold: more indexes leave less to save.
    return true;
}

SearchStep& Search::addStep(const Indexes& added, double cost_after) {
    SearchStep step{{}, outcome_.cost_after, cost_after, false};
    std::set_difference(added.begin(), added.end(), outcome_.chosen.begin(), outcome_.chosen.end(),
                        std::inserter(step.added, step.added.end()));
    outcome_.chosen.insert(added.begin(), added.end());
    outcome_.steps.push_back(std::move(step));
    outcome_.cost_after = cost_after;
    return outcome_.steps.back();
}

Result<Search::Choice> Search::choose(const Indexes& indexes) {
    Choice choice{indexes, {}, 0};
    auto sum = total(indexes, &choice.judged);
    if (!sum) return std::move(sum).error();
    choice.cost = *sum;
    return choice;
}

// Nothing where the cost would not be below that. A plan that does not use an index stays as it is without it, and none
// becomes cheaper.
Result<std::optional<Search::Choice>> Search::without(const Choice& choice, std::size_t index, double below) {
    Choice left = choice;
    left.indexes.erase(index);
    for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
        if (!choice.judged[statement].used.contains(index)) continue;
        auto judged = cost(statement, left.indexes);
        if (!judged) return std::move(judged).error();
        left.cost += (judged->cost - choice.judged[statement].cost) * weights_[statement];
        left.judged[statement] = std::move(*judged);
        if (left.cost >= below) return std::optional<Choice>{};
    }
    return left.cost < below ? std::optional(std::move(left)) : std::nullopt;
}

// Nothing where the cost would not be below that, which is known as soon as what is left could not save it.
Result<std::optional<Search::Choice>> Search::with(const Choice& choice, const Indexes& more, double below) {
    Choice grown = choice;
    grown.indexes.insert(more.begin(), more.end());
    const auto suggests = [&](std::size_t statement) { return !onTables(statement, more).empty(); };
    double at_best = choice.cost;
    for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
        if (suggests(statement))
            at_best -= (choice.judged[statement].cost - best_[statement].cost) * weights_[statement];
    }
    for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
        if (at_best >= below) return std::optional<Choice>{};
        if (!suggests(statement)) continue;
        auto judged = cost(statement, grown.indexes);
        if (!judged) return std::move(judged).error();
        at_best += (judged->cost - best_[statement].cost) * weights_[statement];
        grown.cost += (judged->cost - choice.judged[statement].cost) * weights_[statement];
        grown.judged[statement] = std::move(*judged);
    }
    return grown.cost < below ? std::optional(std::move(grown)) : std::nullopt;
}

// Takes out the one whose absence costs least, as long as there are too many or that is too little to keep it. Nothing
// where the cost would not be below that.
Result<std::optional<Search::Choice>> Search::trimmed(Choice choice, double below) {
    while (!choice.indexes.empty()) {
        const double needless = choice.cost * (1 + limits_.gain_min_percent / 100);
        double limit = fits(choice.indexes) ? std::min(needless, below) : below;
        std::optional<Choice> best;
        for (const std::size_t index : choice.indexes) {
            auto left = without(choice, index, limit);
            if (!left) return std::move(left).error();
            if (!*left) continue;
            best = std::move(*left);
            limit = best->cost;
        }
        if (!best) break;
        choice = std::move(*best);
    }
    return fits(choice.indexes) && choice.cost < below ? std::optional(std::move(choice)) : std::nullopt;
}

// Where time ends it, the best that was found until then stays.
Result<void> Search::improve(std::vector<Entry> pool) {
    auto choice = choose(outcome_.chosen);
    if (!choice) return std::move(choice).error();
    auto left = trimmed(*choice, std::numeric_limits<double>::infinity());
    if (!left && !over_) return std::move(left).error();
    if (left && *left) choice = std::move(**left);
    while (!over_) {
        auto better = exchange(*choice, pool);
        if (!better && !over_) return std::move(better).error();
        if (!better || !*better) break;
    }
    return choice->indexes == outcome_.chosen ? Result<void>{} : retell(*choice);
}

// Adds what may save most and takes out what is missed least then; the first of them that saves enough. More indexes
// never cost more, so what saves too little beside all the others saves no more in the place of one.
Result<bool> Search::exchange(Choice& choice, std::vector<Entry>& pool) {
    for (Entry& entry : pool) {
        if (auto going = goOn(); !going) return std::move(going).error();  // there are many, and of many statements
        entry.bound = 0;
        for (std::size_t statement = 0; statement < weights_.size(); ++statement) {
            if (!onTables(statement, entry.indexes).empty())
                entry.bound += (choice.judged[statement].cost - best_[statement].cost) * weights_[statement];
        }
    }
    std::sort(pool.begin(), pool.end(), [](const Entry& a, const Entry& b) { return a.bound > b.bound; });
    const double below = choice.cost * (1 - limits_.gain_min_percent / 100 * kExchangeShare);
    for (const Entry& entry : pool) {
        if (choice.cost - entry.bound >= below) return false;
        done_ += (0.95 - done_) / 200;
        auto grown = with(choice, entry.indexes, below);
        if (!grown) return std::move(grown).error();
        if (!*grown) continue;
        auto left = trimmed(std::move(**grown), below);
        if (!left) return std::move(left).error();
        // One more than before must save what any index must.
        const std::size_t count = (*left ? (*left)->indexes.size() : 0), was = choice.indexes.size();
        const double each = choice.cost * limits_.gain_min_percent / 100;
        if (!*left || (count > was && choice.cost - (*left)->cost < each * static_cast<double>(count - was))) continue;
        choice = std::move(**left);
        return true;
    }
    return false;
}

// The steps again, for what is left and what came instead: each with its own before and after. Those there is no time
// to tell apart are one step.
Result<void> Search::retell(const Choice& choice) {
    std::vector<Indexes> parts;
    Indexes fresh = choice.indexes;
    for (const SearchStep& step : outcome_.steps) {
        Indexes kept;
        std::set_intersection(step.added.begin(), step.added.end(), choice.indexes.begin(), choice.indexes.end(),
                              std::inserter(kept, kept.end()));
        for (const std::size_t index : kept)
            fresh.erase(index);
        if (!kept.empty()) parts.push_back(std::move(kept));
    }
    for (const std::size_t index : fresh)
        parts.push_back({index});
    std::vector<SearchStep> steps;
    Indexes present, untold;
    double now = outcome_.cost_before;
    bool apart_unknown = false;
    for (const Indexes& part : parts) {
        present.insert(part.begin(), part.end());
        untold.insert(part.begin(), part.end());
        auto then = present == choice.indexes ? Result<double>(choice.cost) : total(present);
        if (!then && !over_) return std::move(then).error();
        if (!then) {
            apart_unknown = true;  // it is told with the next, which there always is
            continue;
        }
        steps.push_back({std::move(untold), now, *then, apart_unknown});
        untold.clear();
        apart_unknown = false;
        now = *then;
    }
    outcome_.steps = std::move(steps);
    outcome_.chosen = choice.indexes;
    outcome_.cost_after = now;
    return {};
}

}  // namespace howdah::optimizer
