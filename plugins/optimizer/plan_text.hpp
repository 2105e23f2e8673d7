// A plan for people and models: a tree of lines, a JSON tree, a picture.
//
// Threads: pure.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "plugins/optimizer/plan.hpp"

namespace howdah::optimizer {

// Members keep the order they are written in: what matters most to the reader comes first.
using Document = nlohmann::ordered_json;

// 12, 12.3 or 0.123: as many digits as say something.
std::string shortNumber(double number);
double rounded(double number);

std::string planText(const Plan& plan);
Document planJson(const Plan& plan);
// SVG: a node a line, indented, with a bar for its time (or cost) and, darker, the part that is its own.
std::string planPicture(const Plan& plan);

// The share of a node of the whole: of time where it was measured, else of cost. 0..1.
double selfShare(const Plan& plan, const PlanNode& node);
// "Index Scan using orders_day on shop.orders o".
std::string titleOf(const PlanNode& node);

}  // namespace howdah::optimizer
