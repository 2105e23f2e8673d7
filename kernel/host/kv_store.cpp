#include "kernel/host/kv_store.hpp"

#include <charconv>

namespace howdah::kernel {
namespace {

KvStore::Clock::time_point expiry(std::chrono::milliseconds ttl, KvStore::Clock::time_point now) {
    // A time to live beyond the clock's end is none.
    constexpr auto kNever = KvStore::Clock::time_point::max();
    auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(kNever - now);
    return ttl.count() <= 0 || ttl >= longest ? kNever : now + ttl;
}

Error full() {
    return Error::unavailable("the key-value store is full; values with a time to live make room");
}

Result<void> checkSizes(std::string_view key, std::string_view value) {
    if (key.empty() || key.size() > KvStore::kKeyBytesMax) {
        return Error::invalidArgument("a key must have 1 to ", KvStore::kKeyBytesMax, " bytes, got ", key.size());
    }
    if (value.size() > KvStore::kValueBytesMax) {
        return Error::invalidArgument("a value must have at most ", KvStore::kValueBytesMax, " bytes, got ",
                                      value.size());
    }
    return {};
}

}  // namespace

KvStore::Entry* KvStore::find(Bucket& bucket, const std::string& key, Clock::time_point now) {
    auto found = bucket.entries.find(key);
    if (found == bucket.entries.end()) return nullptr;
    if (found->second.expires <= now) {
        bucket.bytes -= key.size() + found->second.value.size();
        bucket.entries.erase(found);
        return nullptr;
    }
    return &found->second;
}

Result<void> KvStore::put(Bucket& bucket, std::string key, std::string_view value, Clock::time_point expires,
                          Clock::time_point now) {
    std::size_t size = key.size() + value.size();
    if (bucket.bytes + size > bytes_max_per_bucket_) {
        // Full: what has expired goes first; nothing alive is thrown away, since it may be a lock.
        std::erase_if(bucket.entries, [&](const auto& item) {
            if (item.second.expires > now) return false;
            bucket.bytes -= item.first.size() + item.second.value.size();
            return true;
        });
        if (bucket.bytes + size > bytes_max_per_bucket_) {
            return full();
        }
    }
    bucket.bytes += size;
    bucket.entries.insert_or_assign(std::move(key), Entry{std::string{value}, expires});
    return {};
}

// In place, so that a value that does not fit leaves the old one.
Result<void> KvStore::exchange(Bucket& bucket, Entry& entry, std::string_view value, Clock::time_point expires) const {
    std::size_t others = bucket.bytes - entry.value.size();
    if (others + value.size() > bytes_max_per_bucket_) return full();
    bucket.bytes = others + value.size();
    entry = {std::string{value}, expires};
    return {};
}

std::optional<std::string> KvStore::get(std::string_view key, Clock::time_point now) {
    Bucket& bucket = bucketOf(key);
    std::lock_guard lock(bucket.mutex);
    Entry* entry = find(bucket, std::string{key}, now);
    if (!entry) return std::nullopt;
    return entry->value;
}

Result<void> KvStore::set(std::string_view key, std::string_view value, std::chrono::milliseconds ttl,
                          Clock::time_point now) {
    if (auto sound = checkSizes(key, value); !sound) return sound;
    Bucket& bucket = bucketOf(key);
    std::lock_guard lock(bucket.mutex);
    std::string name{key};
    if (Entry* entry = find(bucket, name, now)) return exchange(bucket, *entry, value, expiry(ttl, now));
    return put(bucket, std::move(name), value, expiry(ttl, now), now);
}

Result<bool> KvStore::setIfAbsent(std::string_view key, std::string_view value, std::chrono::milliseconds ttl,
                                  Clock::time_point now) {
    if (auto sound = checkSizes(key, value); !sound) return std::move(sound).error();
    Bucket& bucket = bucketOf(key);
    std::lock_guard lock(bucket.mutex);
    std::string name{key};
    if (find(bucket, name, now)) return false;
    if (auto done = put(bucket, std::move(name), value, expiry(ttl, now), now); !done) return std::move(done).error();
    return true;
}

Result<bool> KvStore::replace(std::string_view key, std::string_view expected, std::string_view value,
                              std::chrono::milliseconds ttl, Clock::time_point now) {
    if (auto sound = checkSizes(key, value); !sound) return std::move(sound).error();
    Bucket& bucket = bucketOf(key);
    std::lock_guard lock(bucket.mutex);
    Entry* entry = find(bucket, std::string{key}, now);
    if (!entry || entry->value != expected) return false;
    if (auto done = exchange(bucket, *entry, value, expiry(ttl, now)); !done) return std::move(done).error();
    return true;
}

bool KvStore::removeIf(std::string_view key, std::string_view expected, Clock::time_point now) {
    Bucket& bucket = bucketOf(key);
    std::lock_guard lock(bucket.mutex);
    std::string name{key};
    Entry* entry = find(bucket, name, now);
    if (!entry || entry->value != expected) return false;
    bucket.bytes -= name.size() + entry->value.size();
    bucket.entries.erase(name);
    return true;
}

Result<std::int64_t> KvStore::add(std::string_view key, std::int64_t delta, std::chrono::milliseconds ttl,
                                  Clock::time_point now) {
    return addTo(key, delta, ttl, now, false);
}
Result<std::int64_t> KvStore::addLeased(std::string_view key, std::int64_t delta, std::chrono::milliseconds ttl,
                                        Clock::time_point now) {
    return addTo(key, delta, ttl, now, true);
}

Result<std::int64_t> KvStore::addTo(std::string_view key, std::int64_t delta, std::chrono::milliseconds ttl,
                                    Clock::time_point now, bool renews) {
    if (auto sound = checkSizes(key, {}); !sound) return std::move(sound).error();
    Bucket& bucket = bucketOf(key);
    std::lock_guard lock(bucket.mutex);
    std::string name{key};
    Entry* entry = find(bucket, name, now);
    std::int64_t value = 0;
    if (entry) {
        const std::string& text = entry->value;
        auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
            return Error::invalidArgument("the value of this key is not a counter");
        }
    }
    std::int64_t sum = 0;
    if (__builtin_add_overflow(value, delta, &sum)) return Error::invalidArgument("the counter would overflow");
    std::string text = std::to_string(sum);
    if (entry) {
        bucket.bytes += text.size() - entry->value.size();
        entry->value = std::move(text);
        if (renews) entry->expires = expiry(ttl, now);
        return sum;
    }
    if (auto done = put(bucket, std::move(name), text, expiry(ttl, now), now); !done) return std::move(done).error();
    return sum;
}

void KvStore::remove(std::string_view key) {
    Bucket& bucket = bucketOf(key);
    std::lock_guard lock(bucket.mutex);
    auto found = bucket.entries.find(std::string{key});
    if (found == bucket.entries.end()) return;
    bucket.bytes -= found->first.size() + found->second.value.size();
    bucket.entries.erase(found);
}

}  // namespace howdah::kernel
