// The search for the few indexes that lower the cost of a set of statements most.
//
// First each statement is planned with all of its candidates at once: what the planner then uses is worth a look, alone
// and together, and no smaller set can save much more than that plan does. Those bounds order a greedy search, in which
// a candidate is planned with only when nothing before it may still save more. Then whatever the later ones have made
// needless is taken out again, and as long as that saves something a further one is put in the place of the one that is
// missed least then: what was best at an early step need not be among the best few in the end.
//
// Threads: the request's.
// Errors:  of `goes_on`, and of the judge until each statement was planned with all of its candidates. What was found
//          until then, be it that nothing pays, is the outcome where the judge fails later, and at the end of the time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/optimizer/judge.hpp"

namespace howdah::optimizer {

struct SearchLimits {
    std::size_t indexes_max = 10;
    double gain_min_percent = 1;  // of the cost there is at that step
    double bytes_max = 0;         // of all together; 0 = no limit
};

struct SearchStep {
    Indexes added;  // more than one where only together they are of use, or see apart_unknown
    double cost_before = 0, cost_after = 0;
    bool apart_unknown = false;  // there was no time to tell what each of them is of use for
};

struct SearchOutcome {
    double cost_before = 0, cost_after = 0;  // of all statements, each times its weight
    double cost_with_all = 0;                // with every candidate there is: little can be lower
    std::vector<SearchStep> steps;
    Indexes chosen;
    std::vector<Judged> before, after;  // of each statement
    std::size_t plans = 0;              // that the judge was asked for
    bool complete = true;               // false: time was over, or the judge failed
    std::string why_ended;              // what the judge failed with
    std::size_t candidates_left = 0;    // admitted, but no plan was made with them
    std::size_t statements_left = 0;    // not planned with what they suggest
};

class Search {
public:
    // `goes_on` is asked before each plan, and at least once for each index it is reckoned with anew: false = time is
    // over; an error ends the search. It gets how far the search is, 0..1.
    using GoesOn = std::function<Result<bool>(double done)>;
    Search(Judge& judge, const std::vector<Candidate>& candidates, std::vector<double> weights,
           std::vector<Indexes> candidates_of, SearchLimits limits, GoesOn goes_on);

    // What each statement costs as things are, where that is known: it is not asked for again.
    void startFrom(const std::vector<double>& costs);
    Result<SearchOutcome> run(const Indexes& admitted);

private:
    struct Entry {
        Indexes indexes;
        double bound = 0;       // what it saves at most, or did when it was last planned with
        std::size_t round = 0;  // when that was; 0 = never
    };
    // Some indexes, and what each statement costs with them.
    struct Choice {
        Indexes indexes;
        std::vector<Judged> judged;
        double cost = 0;
    };
    Result<void> goOn();  // an error at the end of the time, or of the request
    Result<Judged> cost(std::size_t statement, const Indexes& present);
    Result<double> total(const Indexes& present, std::vector<Judged>* told = nullptr);
    Result<Choice> choose(const Indexes& indexes);
    Result<std::optional<Choice>> without(const Choice& choice, std::size_t index, double below);
    Result<std::optional<Choice>> with(const Choice& choice, const Indexes& more, double below);
    Result<std::optional<Choice>> trimmed(Choice choice, double below);
    Result<std::vector<Entry>> entries(const Indexes& admitted);
    Result<bool> grow(std::vector<Entry>& pool);
    Result<void> improve(std::vector<Entry> pool);
    Result<bool> exchange(Choice& choice, std::vector<Entry>& pool);
    Result<void> ended(const Error& error);
    void takeUsed();
    Result<void> tellAfter();
    Judged latest(std::size_t statement) const;
    Result<void> retell(const Choice& choice);
    SearchStep& addStep(const Indexes& added, double cost_after);
    bool fits(const Indexes& indexes) const;
    Indexes onTables(std::size_t statement, const Indexes& present) const;
    double bytesOf(const Indexes& indexes) const;

    Judge& judge_;
    const std::vector<Candidate>& candidates_;
    const std::vector<double> weights_;
    const std::vector<Indexes> candidates_of_;  // that each statement suggests
    const SearchLimits limits_;
    const GoesOn goes_on_;
    SearchOutcome outcome_;
    std::vector<Judged> best_;  // of each statement, with all it suggests
    Indexes planned_with_;
    double done_ = 0;
    std::map<std::pair<std::size_t, Indexes>, Judged> known_;
    bool over_ = false;  // no more plans are asked for
    bool gone_ = false;  // nobody waits for the outcome
};

}  // namespace howdah::optimizer
