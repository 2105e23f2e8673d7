#include "plugins/analytics/histogram.hpp"

#include <cmath>
#include <random>

#include <doctest/doctest.h>

namespace howdah::analytics {

TEST_CASE("analytics: a bucket's middle lies within 1/32 of every latency in it, or half a microsecond") {
    for (std::uint64_t us = 0; us < 16; ++us)
        CHECK(std::fabs(LatencyHistogram::middleUs(LatencyHistogram::bucketOf(us)) - static_cast<double>(us)) <= 0.5);
    std::uint32_t before = 15;
    for (std::uint64_t us = 16; us <= UINT32_MAX; us += 1 + us / 97) {
        const std::uint32_t index = LatencyHistogram::bucketOf(us);
        REQUIRE(index >= before);
        REQUIRE(index < LatencyHistogram::kBucketCount);
        before = index;
        const double met = static_cast<double>(us);
        REQUIRE(std::fabs(LatencyHistogram::middleUs(index) - met) <= met / 32);
    }
}

TEST_CASE("analytics: what takes longer than the last bucket counts in it") {
    CHECK(LatencyHistogram::bucketOf(UINT32_MAX) == LatencyHistogram::kBucketCount - 1);
    CHECK(LatencyHistogram::bucketOf(UINT64_MAX) == LatencyHistogram::kBucketCount - 1);
}

TEST_CASE("analytics: quantiles of a known spread are within the stated error") {
    LatencyHistogram histogram;
    CHECK(histogram.quantileMs(0.5) == 0);
    for (std::uint64_t ms = 1; ms <= 1000; ++ms)
        histogram.add(ms * 1'000'000);
    for (const double share : {0.5, 0.95, 0.99, 1.0})
        CHECK(std::fabs(histogram.quantileMs(share) - share * 1000) <= share * 1000 / 32);
    CHECK(std::fabs(histogram.quantileMs(0) - 1) <= 1.0 / 32);
}

TEST_CASE("analytics: two histograms merged are one over both") {
    LatencyHistogram first, second, both;
    std::minstd_rand random(7);
    for (int i = 0; i < 5000; ++i) {
        const std::uint64_t latency_ns = std::uint64_t{random()} * (1u << (random() % 8));
        (i % 3 == 0 ? first : second).add(latency_ns);
        both.add(latency_ns);
    }
    first.merge(second);
    REQUIRE(first.buckets().size() == both.buckets().size());
    for (std::size_t i = 0; i < both.buckets().size(); ++i) {
        CHECK(first.buckets()[i].index == both.buckets()[i].index);
        CHECK(first.buckets()[i].count == both.buckets()[i].count);
    }
}

}  // namespace howdah::analytics
