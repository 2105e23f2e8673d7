#include "plugins/health/trend.hpp"

#include <algorithm>

namespace howdah::health {

void Series::add(double at_s, double value) {
    if (!points_.empty()) {
        // The clock was set back, or the figure was: what came before tells nothing of what comes.
        if (at_s <= points_.back().at_s || value < points_.back().value * kFall) {
            points_.clear();
            spacing_s_ = 0;
        } else if (at_s < points_.back().at_s + spacing_s_) {
            return;
        }
    }
    points_.push_back({at_s, value});
    if (points_.size() <= kPointsMax) return;
    std::vector<Point> kept;
    for (std::size_t i = points_.size() % 2 == 0 ? 1 : 0; i < points_.size(); i += 2)
        kept.push_back(points_[i]);
    points_ = std::move(kept);
    spacing_s_ = 0.9 * (points_.back().at_s - points_.front().at_s) / static_cast<double>(points_.size() - 1);
}

std::optional<double> Series::perSecond() const {
    if (points_.size() < kPointsMin) return std::nullopt;
    std::vector<double> slopes;
    for (std::size_t i = 0; i < points_.size(); ++i) {
        for (std::size_t j = i + 1; j < points_.size(); ++j)
            slopes.push_back((points_[j].value - points_[i].value) / (points_[j].at_s - points_[i].at_s));
    }
    const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() / 2);
    std::nth_element(slopes.begin(), middle, slopes.end());
    return *middle;
}

std::optional<double> Series::untilLimit(double limit) const {
    const auto slope = perSecond();
    if (!slope || *slope <= 0 || limit <= 0 || points_.back().value < limit * kShareMin) return std::nullopt;
    const double left_s = std::max(0.0, (limit - points_.back().value) / *slope);
    const double seen_s = points_.back().at_s - points_.front().at_s;
    if (left_s > seen_s * kReach) return std::nullopt;
    return left_s;
}

nlohmann::json Series::toJson() const {
    nlohmann::json points = nlohmann::json::array();
    for (const Point& point : points_)
        points.push_back({point.at_s, point.value});
    return {{"points", std::move(points)}, {"spacing_s", spacing_s_}};
}

Series Series::fromJson(const nlohmann::json& json) {
    Series series;
    for (const auto& point : json.at("points")) {
        if (series.points_.size() == kPointsMax) break;
        const Point read{point.at(0).get<double>(), point.at(1).get<double>()};
        if (!series.points_.empty() && read.at_s <= series.points_.back().at_s) continue;
        series.points_.push_back(read);
    }
    series.spacing_s_ = json.at("spacing_s").get<double>();
    return series;
}

}  // namespace howdah::health
