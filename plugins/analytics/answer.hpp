// A window as the tool answers it.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "plugins/analytics/window.hpp"

namespace howdah::analytics {

using Document = nlohmann::ordered_json;

struct Question {
    std::vector<std::string> sections;  // as plugin.json names them
    std::string order = "time";         // of top, and of tools, clients and the like
    std::size_t limit = 5;              // entries of each section
};

Document answerOf(const Window& window, const Question& question);

// Parts that the export has too.
Document spanOf(const Span& span);
std::string timeText(Hour hour);
std::string fingerprintText(const Pattern& pattern);
double msOf(double nanoseconds);
// Counts, errors where there are some, sums and quantiles.
void addFigures(const Tally& tally, Document& entry);

}  // namespace howdah::analytics
