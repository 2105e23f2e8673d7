// How often each latency was met, in buckets whose width grows with the latency: sixteen of them for every doubling.
//
// A quantile is the middle of its bucket: at most 1/32 (3.2 %) beside the latency that was met, and half a microsecond
// below 16 us. Counts are exact, so two histograms added give what one over both would have given.
//
// Threads: plain values.
// Source:  the log-linear layout of HdrHistogram (G. Tene), without its dense array: most patterns meet few buckets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace howdah::analytics {

class LatencyHistogram {
public:
    // Up to 2^32 microseconds (71 minutes); what took longer counts as that.
    static constexpr std::uint32_t kSubBuckets = 16;
    static constexpr std::uint32_t kBucketCount = kSubBuckets + (32 - 4) * kSubBuckets;

    struct Bucket {
        std::uint64_t index : 16;
        std::uint64_t count : 48;
    };

    void add(std::uint64_t latency_ns) { addTo(bucketOf(latency_ns / 1000), 1); }
    // `index` below kBucketCount.
    void addTo(std::uint32_t index, std::uint64_t count);
    void merge(const LatencyHistogram& other);

    // Milliseconds; 0 when nothing was added. `share` in 0..1.
    double quantileMs(double share) const;

    const std::vector<Bucket>& buckets() const { return buckets_; }  // by index, none twice
    std::size_t bytes() const { return buckets_.capacity() * sizeof(Bucket); }

    static std::uint32_t bucketOf(std::uint64_t microseconds);
    static double middleUs(std::uint32_t index);

private:
    std::vector<Bucket> buckets_;
};

}  // namespace howdah::analytics
