#include "plugins/analytics/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace howdah::analytics {
namespace {

constexpr std::uint32_t kSubBits = 4;
constexpr std::uint64_t kCountMask = (1ULL << 48) - 1;
static_assert(1u << kSubBits == LatencyHistogram::kSubBuckets);

}  // namespace

std::uint32_t LatencyHistogram::bucketOf(std::uint64_t microseconds) {
    const std::uint64_t value = std::min<std::uint64_t>(microseconds, UINT32_MAX);
    if (value < kSubBuckets) return static_cast<std::uint32_t>(value);
    const auto doubling = static_cast<std::uint32_t>(std::bit_width(value)) - 1 - kSubBits;  // 0 for 16..31
    const auto within = static_cast<std::uint32_t>(value >> doubling) - kSubBuckets;
    return kSubBuckets * (doubling + 1) + within;
}

double LatencyHistogram::middleUs(std::uint32_t index) {
    if (index < kSubBuckets) return index + 0.5;
    const std::uint32_t doubling = index / kSubBuckets - 1, within = index % kSubBuckets;
    return std::ldexp(kSubBuckets + within + 0.5, static_cast<int>(doubling));
}

void LatencyHistogram::addTo(std::uint32_t index, std::uint64_t count) {
    const auto place = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                                        [](const Bucket& bucket, std::uint32_t at) { return bucket.index < at; });
    if (place != buckets_.end() && place->index == index) {
        place->count = (place->count + count) & kCountMask;
    } else {
        Bucket fresh{};
        fresh.index = static_cast<std::uint16_t>(index);
        fresh.count = count & kCountMask;
        buckets_.insert(place, fresh);
    }
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
    for (const Bucket& bucket : other.buckets_)
        addTo(bucket.index, bucket.count);
}

double LatencyHistogram::quantileMs(double share) const {
    std::uint64_t total = 0;
    for (const Bucket& bucket : buckets_)
        total += bucket.count;
    if (total == 0) return 0;
    const auto rank =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total))));
    std::uint64_t below = 0;
    for (const Bucket& bucket : buckets_) {
        below += bucket.count;
        if (below >= rank) return middleUs(bucket.index) / 1000;
    }
    return middleUs(buckets_.back().index) / 1000;
}

}  // namespace howdah::analytics
