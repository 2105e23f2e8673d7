// The hours somebody asks for, seen through a filter: sums by pattern, by name and by hour, and how much of each
// pattern fell into the later half.
//
// Threads: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plugins/analytics/history.hpp"

namespace howdah::analytics {

using WallTime = std::chrono::system_clock::time_point;

struct Filter {
    std::uint32_t hours = 24;                    // the present one included
    NamesOf<std::optional<std::string>> wanted;  // empty: any

    // As a caller writes a name.
    void want(Name which, std::string_view text);
    bool passes(const Names& names) const;
};

// From the first hour asked for that was recorded to the present one; both the present one if none was.
struct Span {
    Span(const History& history, WallTime now, std::uint32_t hours);

    Hour first = 0, last = 0;
    double last_share = 0;  // of the present hour that has gone

    std::uint32_t hours() const { return last - first + 1; }
    Hour middle() const { return first + hours() / 2; }  // where the later half begins
    double earlierHours() const { return middle() - first; }
    double laterHours() const { return last - middle() + last_share; }
};

// Every cell of a span that passes, oldest hour first.
void forEachCell(const History& history, const Span& span, const Filter& filter,
                 const std::function<void(Hour, const Key&, const Tally&)>& use);

class Window {
public:
    Window(const History& history, WallTime now, const Filter& filter);

    struct Row {
        PatternPtr pattern;  // the text of one of those that pass the filter
        Tally all;
        std::uint64_t later_calls = 0;
        std::uint64_t later_latency_ns = 0;
    };
    const std::vector<Row>& rows() const { return rows_; }
    const Span& span() const { return span_; }
    const Tally& totals() const { return totals_; }
    const std::map<Hour, Tally>& byHour() const { return by_hour_; }
    const std::map<std::string, Tally>& by(Name which) const { return by_name_[which]; }

private:
    Row& rowOf(const PatternPtr& pattern);

    Span span_;
    std::vector<Row> rows_;
    std::unordered_map<std::uint64_t, std::size_t> places_;  // in rows_, by fingerprint
    Tally totals_;
    std::map<Hour, Tally> by_hour_;
    NamesOf<std::map<std::string, Tally>> by_name_;
};

}  // namespace howdah::analytics
