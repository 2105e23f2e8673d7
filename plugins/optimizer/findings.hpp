// What is wrong with one statement, each with its evidence: figures of the plan, the statistics or the recent calls.
// The rules are pure functions of what was read.
//
// Threads: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/optimizer/catalog.hpp"
#include "plugins/optimizer/config.hpp"
#include "plugins/optimizer/plan_text.hpp"
#include "plugins/optimizer/recent.hpp"
#include "plugins/optimizer/shape.hpp"
#include "plugins/optimizer/usage.hpp"

namespace howdah::optimizer {

struct Finding {
    std::string rule;
    std::string text;
    std::string suggestion;
    Document evidence = Document::object();
};
using Findings = std::vector<Finding>;

struct Examined {
    const Plan& plan;
    const std::vector<TableUse>& uses;
    const Catalog& catalog;
    const Shape& shape;
    const Config& config;
    double offset = 0;  // rows skipped, parameters put in
};

void findStars(const Examined& examined, Findings& findings);
void findUnusableIndexes(const Examined& examined, Findings& findings);  // casts, functions; implicit casts
void findLeadingWildcards(const Examined& examined, Findings& findings);
void findOffset(const Examined& examined, Findings& findings);
void findCorrelated(const Examined& examined, Findings& findings);
void findStaleStatistics(const Examined& examined, Findings& findings);
void findSpills(const Examined& examined, Findings& findings);
void findNotIn(const Examined& examined, Findings& findings);
void findRepetition(const Repetition& repetition, const Config& config, Findings& findings);

// All of them, but the last, which needs no plan.
Findings findingsOf(const Examined& examined);

}  // namespace howdah::optimizer
