#include "plugins/guard/facts_cache.hpp"

#include <algorithm>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

namespace howdah::guard {
namespace {

struct Key {
    std::string_view sql;
    std::uint64_t generation;
    Path path;
    std::size_t hash;

    friend bool operator==(const Key& a, const Key& b) {
        return a.hash == b.hash && a.generation == b.generation && a.path == b.path && a.sql == b.sql;
    }
};

struct KeyHash {
    std::size_t operator()(const Key& key) const { return key.hash; }
};

Key keyOf(std::string_view sql, Path path, std::uint64_t generation) {
    const std::size_t text = std::hash<std::string_view>{}(sql);
    return {sql, generation, path, text ^ (generation * 0x9E3779B97F4A7C15u) ^ (path == Path::write ? 1u : 0u)};
}

std::size_t bytesOf(std::string_view sql, const Judgement& judgement) {
    std::size_t bytes = sizeof(Judgement) + 160 + sql.size();  // 160: the list and map nodes, roughly
    const Result<Facts>& result = judgement.result();
    if (!result) return bytes + result.error().message.size() + result.error().hint.size();
    auto add = [&](const ObjectName& name) { bytes += 2 * sizeof name + name.schema.size() + name.name.size(); };
    for (const TableUse& use : result->tables)
        add(use.table);
    for (const auto* names : {&result->functions, &result->operators, &result->types})
        for (const ObjectName& name : *names)
            add(name);
    bytes += result->relations.size() * sizeof(std::uint32_t);
    return bytes;
}

}  // namespace

class FactsCache::Part {
public:
    Part(std::size_t entries_max, std::size_t bytes_max) : entries_max_(entries_max), bytes_max_(bytes_max) {}

    std::shared_ptr<const Judgement> find(const Key& key) {
        const std::lock_guard lock(mutex_);
        const auto found = index_.find(key);
        if (found == index_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->judgement;
    }

    std::shared_ptr<const Judgement> insert(const Key& key, std::shared_ptr<const Judgement> judgement) {
        const std::size_t bytes = bytesOf(key.sql, *judgement);
        if (entries_max_ == 0 || bytes > bytes_max_) return judgement;
        std::list<Entry> fresh;
        fresh.push_back({std::string(key.sql), std::move(judgement), key, bytes});
        fresh.front().key.sql = fresh.front().sql;
        std::list<Entry> dropped;  // freed after the lock
        const std::lock_guard lock(mutex_);
        if (const auto found = index_.find(key); found != index_.end()) return found->second->judgement;
        entries_.splice(entries_.begin(), fresh);
        index_.emplace(entries_.front().key, entries_.begin());
        bytes_ += bytes;
        while (entries_.size() > entries_max_ || bytes_ > bytes_max_) {
            bytes_ -= entries_.back().bytes;
            index_.erase(entries_.back().key);
            dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
        }
        return entries_.front().judgement;
    }

    std::pair<std::size_t, std::size_t> size() const {
        const std::lock_guard lock(mutex_);
        return {entries_.size(), bytes_};
    }

private:
    struct Entry {
        std::string sql;
        std::shared_ptr<const Judgement> judgement;
        Key key;  // its text is `sql`
        std::size_t bytes;
    };

    const std::size_t entries_max_;
    const std::size_t bytes_max_;
    mutable std::mutex mutex_;
    std::list<Entry> entries_;  // newest use first
    std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> index_;
    std::size_t bytes_ = 0;
};

FactsCache::FactsCache(CacheLimits limits) {
    const std::size_t parts = std::max<std::size_t>(limits.parts, 1);
    for (std::size_t i = 0; i < parts; ++i)
        parts_.push_back(std::make_unique<Part>((limits.entries_max + parts - 1) / parts, limits.bytes_max / parts));
}

FactsCache::~FactsCache() = default;

FactsCache::Part& FactsCache::partOf(std::size_t hash) const {
    return *parts_[(hash >> 7) % parts_.size()];
}

std::shared_ptr<const Judgement> FactsCache::find(std::string_view sql, Path path, std::uint64_t generation) {
    const Key key = keyOf(sql, path, generation);
    auto found = partOf(key.hash).find(key);
    (found ? hits_ : misses_).fetch_add(1, std::memory_order_relaxed);
    return found;
}

std::shared_ptr<const Judgement> FactsCache::insert(std::string_view sql, Path path, std::uint64_t generation,
                                                    Result<Facts> result, std::uint64_t fingerprint) {
    const Key key = keyOf(sql, path, generation);
    return partOf(key.hash).insert(key, std::make_shared<const Judgement>(std::move(result), fingerprint));
}

std::size_t FactsCache::entryCount() const {
    std::size_t count = 0;
    for (const auto& part : parts_)
        count += part->size().first;
    return count;
}

std::size_t FactsCache::byteCount() const {
    std::size_t bytes = 0;
    for (const auto& part : parts_)
        bytes += part->size().second;
    return bytes;
}

}  // namespace howdah::guard
