// The cells of a window one by one, for whoever goes on with them elsewhere: ndjson or csv, oldest hour first.
//
// Threads: pure functions.
// Source:  RFC 4180 for csv. A field that a spreadsheet would take for a formula begins with an apostrophe.
#pragma once

#include <cstdint>
#include <string>

#include "plugins/analytics/answer.hpp"
#include "plugins/analytics/window.hpp"

namespace howdah::analytics {

enum class ExportFormat : std::uint8_t { ndjson, csv };

struct Export {
    std::string text;
    std::uint64_t rows = 0;
    bool more = false;  // beyond those
    Document window;
};

Export exportOf(const History& history, WallTime now, const Filter& filter, ExportFormat format, std::uint64_t skip,
                std::uint64_t rows_max);

}  // namespace howdah::analytics
