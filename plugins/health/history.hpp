// What is remembered of one database from round to round: since when each check has its status, how it changed, the
// counters to compare with, where figures are going, what latency is usual. Bounded in every direction.
//
// Threads: plain values; the monitor replaces them as a whole.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "plugins/health/baseline.hpp"
#include "plugins/health/config.hpp"
#include "plugins/health/finding.hpp"
#include "plugins/health/trend.hpp"

namespace howdah::health {

class History {
public:
    struct Change {
        double at_s = 0;
        Status from = Status::ok;
        Status to = Status::ok;
    };
    struct OfCheck {
        Status status = Status::ok;
        double since_s = 0;
        std::deque<Change> changes;  // at most Config::history_max
        Counters counters;
        double counted_s = 0;
    };

    const OfCheck* of(const std::string& check) const;

    // After each round of the schedule. What is skipped says nothing: the check keeps the status it had. A change, if
    // that is one worth telling; the first status of a check is one unless it is ok.
    std::optional<Change> record(const std::string& check, const Judgement& judgement, double now_s,
                                 const Config& config);

    // Adds a finding for each measure that will meet its limit before long, and figures of where they are going.
    void foresee(const std::string& check, Judgement& judgement, double now_s, const Config& config) const;

    Baseline baseline;

    nlohmann::json toJson() const;
    // Errors: throws nlohmann's exceptions where it is not what toJson() made.
    static History fromJson(const nlohmann::json& json);

private:
    static constexpr std::size_t kSeriesMax = 128;
    std::map<std::string, OfCheck> checks_;
    std::map<std::string, Series> series_;  // by check and measure
};

}  // namespace howdah::health
