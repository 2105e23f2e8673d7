// Where a figure is going: the median slope of its recent history (Theil-Sen), which single jumps do not bend.
//
// Threads: plain values.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

namespace howdah::health {

class Series {
public:
    static constexpr std::size_t kPointsMin = 6;
    static constexpr std::size_t kPointsMax = 64;  // then every second one goes: twice the time at half the detail
    static constexpr double kReach = 20;           // a forecast reaches that many times as far as was looked back
    static constexpr double kShareMin = 0.25;      // of the limit; below it nothing is foretold
    static constexpr double kFall = 0.9;           // what falls below this share of itself begins anew

    void add(double at_s, double value);
    std::optional<double> perSecond() const;  // nothing until enough was seen
    // Seconds from the last point until the limit is met; nothing when it is not met within what can be foreseen.
    std::optional<double> untilLimit(double limit) const;
    double last_s() const { return points_.empty() ? 0 : points_.back().at_s; }
    std::size_t pointCount() const { return points_.size(); }

    nlohmann::json toJson() const;
    static Series fromJson(const nlohmann::json& json);

private:
    struct Point {
        double at_s;
        double value;
    };
    std::vector<Point> points_;
    double spacing_s_ = 0;
};

}  // namespace howdah::health
