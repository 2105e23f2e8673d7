#include "plugins/health/baseline.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace howdah::health {
namespace {

double medianOf(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

}  // namespace

void Baseline::add(double at_s, double latency_ms) {
    // A clock that was set back must not keep samples out for as long as it was.
    const bool soon = at_s >= last_s_ && at_s < last_s_ + kSpacing_s;
    if (samples_.size() >= kDense && soon) return;
    last_s_ = at_s;
    samples_.push_back(latency_ms);
    if (samples_.size() > kSamplesMax) samples_.pop_front();
}

std::optional<Baseline::Usual> Baseline::usual(const Thresholds& limits) const {
    if (samples_.size() < kSamplesMin) return std::nullopt;
    const double median = medianOf({samples_.begin(), samples_.end()});
    std::vector<double> distances;
    distances.reserve(samples_.size());
    for (double sample : samples_)
        distances.push_back(std::fabs(sample - median));
    // 1.4826 times the median distance is the standard deviation of what is spread normally.
    const double spread = 6 * 1.4826 * medianOf(std::move(distances));
    return Usual{median, std::max({limits.latency_floor_ms, median * limits.latency_factor, median + spread})};
}

nlohmann::json Baseline::toJson() const {
    return {{"samples", samples_}, {"last_s", last_s_}};
}

Baseline Baseline::fromJson(const nlohmann::json& json) {
    Baseline baseline;
    for (const auto& sample : json.at("samples")) {
        baseline.samples_.push_back(sample.get<double>());
        if (baseline.samples_.size() > kSamplesMax) baseline.samples_.pop_front();
    }
    baseline.last_s_ = json.at("last_s").get<double>();
    return baseline;
}

}  // namespace howdah::health
