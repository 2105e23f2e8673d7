// The search over a judge whose costs a test knows.
#include "plugins/optimizer/search.hpp"

#include <functional>
#include <set>

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::optimizer;

namespace {

class KnownJudge final : public Judge {
public:
    using Costs = std::function<Judged(std::size_t, const Indexes&)>;
    explicit KnownJudge(Costs costs) : costs_(std::move(costs)) {}
    std::string_view name() const override { return "known"; }
    Result<Admission> admit(std::vector<Candidate>& candidates) override {
        Admission all;
        for (std::size_t i = 0; i < candidates.size(); ++i)
            all.admitted.insert(i);
        return all;
    }
    Result<Judged> cost(std::size_t statement, const Indexes& present) override {
        if (costs_left == 0) return Error::unavailable("the connection was lost");
        --costs_left;
        return costs_(statement, present);
    }
    std::size_t costs_left = 100000;  // then it fails

private:
    Costs costs_;
};

std::vector<Candidate> candidatesOf(std::vector<double> bytes) {
    std::vector<Candidate> candidates;
    for (const double size : bytes) {
        Candidate candidate;
        candidate.bytes = size;
        candidates.push_back(candidate);
    }
    return candidates;
}

// One statement on one table with all of the candidates.
Result<SearchOutcome> searched(const KnownJudge::Costs& costs, const std::vector<Candidate>& candidates,
                               SearchLimits limits = {}, std::size_t plans_max = 1000) {
    KnownJudge judge(costs);
    std::vector<Candidate> copy = candidates;
    const Indexes admitted = judge.admit(copy)->admitted;
    std::size_t plans = 0;
    Search search(judge, candidates, {1}, {admitted}, limits,
                  [&](double) -> Result<bool> { return plans++ < plans_max; });
    return search.run(admitted);
}

}  // namespace

TEST_CASE("optimizer: the index that saves most is taken first, one that saves too little not at all") {
    const auto costs = [](std::size_t, const Indexes& present) {
        double cost = 1000;
        if (present.count(0)) cost -= 100;
        if (present.count(1)) cost -= 600;
        if (present.count(2)) cost -= 1;
        return Judged{cost, present};
    };
    const auto outcome = searched(costs, candidatesOf({1, 1, 1}));
    REQUIRE(outcome);
    CHECK(outcome->chosen == Indexes{0, 1});
    REQUIRE(outcome->steps.size() == 2);
    CHECK(outcome->steps[0].added == Indexes{1});
    CHECK(outcome->steps[0].cost_before == 1000);
    CHECK(outcome->steps[0].cost_after == 400);
    CHECK(outcome->cost_after == 300);
    CHECK(outcome->complete);
}

TEST_CASE("optimizer: two indexes that are of use only together are found together") {
    const auto costs = [](std::size_t, const Indexes& present) {
        const bool both = present.count(0) && present.count(1);
        return Judged{both ? 100.0 : 1000.0, both ? Indexes{0, 1} : Indexes{}};
    };
    const auto outcome = searched(costs, candidatesOf({1, 1, 1}));
    REQUIRE(outcome);
    CHECK(outcome->chosen == Indexes{0, 1});
    REQUIRE(outcome->steps.size() == 1);
    CHECK(outcome->steps[0].added.size() == 2);
    CHECK_FALSE(outcome->steps[0].apart_unknown);
    const auto in_haste = searched(costs, candidatesOf({1, 1, 1}), {}, 3);  // planned with all at once, and no more
    REQUIRE(in_haste->steps.size() == 1);
    CHECK(in_haste->steps[0].added == Indexes{0, 1});
    CHECK(in_haste->steps[0].apart_unknown);
}

TEST_CASE(
    "optimizer: steps that there is no time to tell anew are one, and nobody says they are of use only together") {
    // 0 saves most at first, and next to nothing beside the seven others: it is taken out in the end.
    const auto costs = [](std::size_t, const Indexes& present) {
        const auto others = static_cast<double>(present.size() - present.count(0));
        return Judged{present.count(0) > 0 ? 400 - 40 * others : others == 7 ? 121 : 1000 - 100 * others, present};
    };
    const Indexes seven{1, 2, 3, 4, 5, 6, 7};
    bool in_part = false, whole = false;
    for (std::size_t plans = 1; plans < 100; ++plans) {
        const auto outcome = searched(costs, candidatesOf(std::vector<double>(8, 1)), {}, plans);
        REQUIRE(outcome);
        for (const SearchStep& step : outcome->steps)
            CHECK(step.apart_unknown == (step.added.size() > 1));
        in_part = in_part || (outcome->chosen == seven && outcome->steps.size() > 1 && outcome->steps.size() < 7);
        whole = whole || (outcome->chosen == seven && outcome->steps.size() == 7);
    }
    CHECK(in_part);
    CHECK(whole);
}

TEST_CASE(
    "optimizer: at the maximum an index that was best alone gives its place to one that is better beside the other") {
    const auto costs = [](std::size_t, const Indexes& present) {
        const bool zero = present.count(0) > 0, one = present.count(1) > 0, two = present.count(2) > 0;
        if (one && two) return Judged{zero ? 99.0 : 100.0, present};
        if (zero) return Judged{one ? 350.0 : two ? 390.0 : 400.0, present};
        return Judged{one ? 500.0 : two ? 900.0 : 1000.0, present};
    };
    SearchLimits two;
    two.indexes_max = 2;
    const auto outcome = searched(costs, candidatesOf({1, 1, 1}), two);
    REQUIRE(outcome);
    CHECK(outcome->chosen == Indexes{1, 2});
    CHECK(outcome->cost_after == 100);
    REQUIRE(outcome->steps.size() == 2);
    CHECK(outcome->steps[0].cost_before == 1000);
    CHECK(outcome->steps[0].cost_after == outcome->steps[1].cost_before);
    CHECK(outcome->steps[1].cost_after == 100);
}

TEST_CASE("optimizer: of two that save nearly the same the smaller one is taken") {
    const auto costs = [](std::size_t, const Indexes& present) {
        return Judged{present.count(0) ? 99.9 : present.count(1) ? 100.0 : 1000.0, present};
    };
    const auto outcome = searched(costs, candidatesOf({5000, 100}));
    REQUIRE(outcome);
    CHECK(outcome->chosen == Indexes{1});
}

TEST_CASE("optimizer: an index that a later one makes needless is taken out again, and the steps are told without it") {
    // 0 saves most at first; 1 and 2 together save all of it and more.
    const auto costs = [](std::size_t, const Indexes& present) {
        const bool one = present.count(1) > 0, two = present.count(2) > 0;
        if (one && two) return Judged{100, {1, 2}};
        if (present.count(0)) return Judged{one || two ? 350.0 : 400.0, present};
        return Judged{one || two ? 600.0 : 1000.0, present};
    };
    const auto outcome = searched(costs, candidatesOf({1, 1, 1}));
    REQUIRE(outcome);
    CHECK(outcome->chosen == Indexes{1, 2});
    CHECK(outcome->cost_after == 100);
    CHECK(outcome->steps.back().cost_after == 100);
    for (const SearchStep& step : outcome->steps)
        CHECK(step.added.count(0) == 0);
}

TEST_CASE("optimizer: the limits on number and size of the indexes hold") {
    const auto costs = [](std::size_t, const Indexes& present) {
        return Judged{1000 - 200 * static_cast<double>(present.size()), present};
    };
    SearchLimits two;
    two.indexes_max = 2;
    CHECK(searched(costs, candidatesOf({1, 1, 1}), two)->chosen.size() == 2);
    SearchLimits small;
    small.bytes_max = 100;
    CHECK(searched(costs, candidatesOf({90, 90, 10}), small)->chosen.size() == 2);
}

TEST_CASE("optimizer: when time is over too, each index that is told saves as much as it must") {
    double together = 985;
    const auto costs = [&](std::size_t, const Indexes& present) {
        return Judged{present.size() == 2 ? together : 1000.0, present};
    };
    CHECK(searched(costs, candidatesOf({1, 1}), {}, 3)->chosen.empty());  // less than 1 % each
    together = 979;
    CHECK(searched(costs, candidatesOf({1, 1}), {}, 3)->chosen == Indexes{0, 1});
}

TEST_CASE("optimizer: when time is over what was found so far is told, and that it is not all") {
    const auto costs = [](std::size_t, const Indexes& present) {
        return Judged{1000 - 100 * static_cast<double>(present.size()), present};
    };
    const auto outcome = searched(costs, candidatesOf({1, 1, 1, 1}), {}, 8);
    REQUIRE(outcome);
    CHECK_FALSE(outcome->complete);
    CHECK(outcome->plans == 7);  // time is also looked at once besides
    CHECK(outcome->cost_after == 1000 - 100 * static_cast<double>(outcome->chosen.size()));
}

TEST_CASE("optimizer: whenever time is over, what is told was found and costs what was planned") {
    const auto costs = [](std::size_t, const Indexes& present) {
        return Judged{1000 - 100 * static_cast<double>(present.size()), present};
    };
    const auto candidates = candidatesOf({1, 1, 1});
    for (std::size_t plans = 0; plans < 40; ++plans) {
        const auto outcome = searched(costs, candidates, {}, plans);
        REQUIRE(outcome);
        CHECK(outcome->plans <= plans + 1);  // but the first, which says where it begins
        CHECK(outcome->cost_after == 1000 - 100 * static_cast<double>(outcome->chosen.size()));
        CHECK(outcome->after.size() == 1);
        CHECK(outcome->candidates_left == (plans < 3 ? 3 : 0));
        CHECK(outcome->statements_left == (plans < 3 ? 1 : 0));
        if (plans >= 3) CHECK_FALSE(outcome->chosen.empty());  // with all at once the server used them all
    }
}

TEST_CASE("optimizer: after the end of the time no statement is planned again, whatever it would say") {
    // Each statement suggests one index, and each is of use to both.
    const auto costs = [](std::size_t, const Indexes& present) {
        return Judged{1000 - 100 * static_cast<double>(present.size()), present};
    };
    KnownJudge judge(costs);
    const auto candidates = candidatesOf({1, 1});
    std::size_t asked = 0;
    Search search(judge, candidates, {1, 1}, {{0}, {1}}, {}, [&](double) -> Result<bool> { return asked++ < 6; });
    search.startFrom({1000, 1000});
    const auto outcome = search.run({0, 1});
    REQUIRE(outcome);
    CHECK_FALSE(outcome->complete);
    CHECK(outcome->chosen == Indexes{0, 1});
    CHECK(outcome->plans == 3);               // each with its own, and the first with both
    CHECK(outcome->cost_after == 800 + 900);  // as it was planned: the second is known with its own only
}

TEST_CASE("optimizer: a judge that fails ends the search with its error, or with what was found until then") {
    const auto costs = [](std::size_t, const Indexes& present) {
        return Judged{1000 - 100 * static_cast<double>(present.size()), present};
    };
    const auto candidates = candidatesOf({1, 1, 1});
    bool failed = false, told = false;
    for (std::size_t left = 0; left < 20; ++left) {
        KnownJudge judge(costs);
        judge.costs_left = left;
        Search search(judge, candidates, {1}, {{0, 1, 2}}, {}, [](double) -> Result<bool> { return true; });
        const auto outcome = search.run({0, 1, 2});
        if (!outcome) {
            CHECK(outcome.error().code == Code::unavailable);
            failed = true;
        } else if (!outcome->complete) {
            CHECK_FALSE(outcome->steps.empty());
            CHECK(outcome->why_ended == "the connection was lost");
            told = true;
        }
    }
    CHECK(failed);
    CHECK(told);
}

TEST_CASE("optimizer: a judge that fails after nothing was found to pay does not take that back") {
    const auto costs = [](std::size_t, const Indexes& present) {
        return Judged{present.size() == 2 ? 985.0 : 1000.0, present};  // less than 1 % each
    };
    const auto candidates = candidatesOf({1, 1});
    for (const std::size_t left : {0, 1, 2}) {  // as it is, with both, and no more
        KnownJudge judge(costs);
        judge.costs_left = left;
        Search search(judge, candidates, {1}, {{0, 1}}, {}, [](double) -> Result<bool> { return true; });
        const auto outcome = search.run({0, 1});
        REQUIRE(bool(outcome) == (left == 2));
        if (left < 2) continue;
        CHECK(outcome->steps.empty());
        CHECK_FALSE(outcome->complete);
        CHECK(outcome->why_ended == "the connection was lost");
    }
}

TEST_CASE("optimizer: what statements cost as things are is not asked for where it is known") {
    KnownJudge judge([](std::size_t, const Indexes& present) {
        CHECK_FALSE(present.empty());
        return Judged{50, present};
    });
    const auto candidates = candidatesOf({1});
    Search search(judge, candidates, {1}, {{0}}, {}, [](double) -> Result<bool> { return true; });
    search.startFrom({100});
    const auto outcome = search.run({0});
    REQUIRE(outcome);
    CHECK(outcome->cost_before == 100);
    CHECK(outcome->cost_after == 50);
}

TEST_CASE("optimizer: an error of the request ends the search with that error") {
    KnownJudge judge([](std::size_t, const Indexes&) { return Judged{1, {}}; });
    const std::vector<Candidate> none;
    Search search(judge, none, {1}, std::vector<Indexes>(1), {},
                  [](double) -> Result<bool> { return Error::cancelled("gone"); });
    const auto outcome = search.run({});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == Code::cancelled);
}

TEST_CASE("optimizer: a search that only reckons asks whether it is to go on too") {
    KnownJudge judge([](std::size_t, const Indexes&) { return Judged{1000, {}}; });
    const auto candidates = candidatesOf(std::vector<double>(300, 1));
    auto copy = candidates;
    const Indexes admitted = judge.admit(copy)->admitted;
    std::size_t asked = 0;
    Search search(judge, candidates, {1}, {admitted}, {}, [&](double) -> Result<bool> { return ++asked > 0; });
    const auto outcome = search.run(admitted);
    REQUIRE(outcome);
    CHECK(outcome->plans == 2);
    CHECK(asked >= candidates.size());
}

TEST_CASE("optimizer: no plan is asked for twice, and a statement is searched with what it suggests itself") {
    std::set<std::pair<std::size_t, Indexes>> seen;
    KnownJudge judge([&](std::size_t statement, const Indexes& present) {
        CHECK(seen.emplace(statement, present).second);
        return Judged{present.empty() ? 100.0 : 50.0, present};
    });
    const auto candidates = candidatesOf({1, 1});
    Search search(judge, candidates, {1, 1}, {{0}, {1}}, {}, [](double) -> Result<bool> { return true; });
    const auto outcome = search.run({0, 1});
    REQUIRE(outcome);
    CHECK(outcome->chosen == Indexes{0, 1});
    CHECK(outcome->cost_after == 100);
    CHECK(outcome->plans == 6);  // without, with its own, with both at the end
}
