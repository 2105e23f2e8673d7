// What latency is usual for a database: the median of what was measured, and how far from it answers commonly are.
// Medians let a minority of slow answers pass without a trace, so a bad hour does not become what is usual.
//
// Threads: plain values.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include <nlohmann/json.hpp>

#include "plugins/health/config.hpp"

namespace howdah::health {

class Baseline {
public:
    static constexpr std::size_t kSamplesMin = 20;  // before that only the fixed limit holds
    static constexpr std::size_t kSamplesMax = 512;
    static constexpr std::size_t kDense = 64;  // until then every sample counts,
    static constexpr double kSpacing_s = 30;   // later one in this time: some four hours are remembered

    void add(double at_s, double latency_ms);

    struct Usual {
        double median_ms;
        double max_ms;  // more is unusual
    };
    std::optional<Usual> usual(const Thresholds& limits) const;
    std::size_t sampleCount() const { return samples_.size(); }

    nlohmann::json toJson() const;
    static Baseline fromJson(const nlohmann::json& json);

private:
    std::deque<double> samples_;
    double last_s_ = 0;
};

}  // namespace howdah::health
