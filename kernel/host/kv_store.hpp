// KvStore: small values with a time to live, in the memory of this process; what the kernel offers as howdah.kv/1.
//
// Threads: any; one short lock per key's bucket.
// Errors:  invalid_argument for a key or value that is too large, unavailable when the byte limit is reached.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <howdah/result.hpp>

namespace howdah::kernel {

class KvStore {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kKeyBytesMax = 512;
    static constexpr std::size_t kValueBytesMax = 64 * 1024;

    explicit KvStore(std::size_t bytes_max = 64u << 20) : bytes_max_per_bucket_(bytes_max / kBuckets) {}

    std::optional<std::string> get(std::string_view key, Clock::time_point now);
    // ttl 0 = no expiry.
    Result<void> set(std::string_view key, std::string_view value, std::chrono::milliseconds ttl,
                     Clock::time_point now);
    // False when present.
    Result<bool> setIfAbsent(std::string_view key, std::string_view value, std::chrono::milliseconds ttl,
                             Clock::time_point now);
    // The counter after adding; its time to live counts from its first use.
    Result<std::int64_t> add(std::string_view key, std::int64_t delta, std::chrono::milliseconds ttl,
                             Clock::time_point now);
    void remove(std::string_view key);

    // Compare and set: false when the value is another one or absent. The time to live begins anew.
    Result<bool> replace(std::string_view key, std::string_view expected, std::string_view value,
                         std::chrono::milliseconds ttl, Clock::time_point now);
    // False when the value is another one or absent.
    bool removeIf(std::string_view key, std::string_view expected, Clock::time_point now);
    // As add(), but the time to live begins anew with each use.
    Result<std::int64_t> addLeased(std::string_view key, std::int64_t delta, std::chrono::milliseconds ttl,
                                   Clock::time_point now);

private:
    static constexpr std::size_t kBuckets = 16;
    struct Entry {
        std::string value;
        Clock::time_point expires;
    };
    struct Bucket {
        std::mutex mutex;
        std::unordered_map<std::string, Entry> entries;
        std::size_t bytes = 0;
    };

    Bucket& bucketOf(std::string_view key) { return buckets_[std::hash<std::string_view>{}(key) % kBuckets]; }
    static Entry* find(Bucket& bucket, const std::string& key, Clock::time_point now);
    Result<std::int64_t> addTo(std::string_view key, std::int64_t delta, std::chrono::milliseconds ttl,
                               Clock::time_point now, bool renews);
    Result<void> exchange(Bucket& bucket, Entry& entry, std::string_view value, Clock::time_point expires) const;
    Result<void> put(Bucket& bucket, std::string key, std::string_view value, Clock::time_point expires,
                     Clock::time_point now);

    std::size_t bytes_max_per_bucket_;
    std::array<Bucket, kBuckets> buckets_;
};

}  // namespace howdah::kernel
