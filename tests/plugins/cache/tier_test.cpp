// A tier keeps its budget, and keeps what is used.
#include "plugins/cache/tier.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <doctest/doctest.h>

#include "plugins/cache/key.hpp"

using namespace howdah::cache;

namespace {

EntryPtr entryOf(int number, std::size_t bytes = 100) {
    const std::string key = "key " + std::to_string(number);
    const std::string rows(bytes, 'x');
    const howdah_batch batch{reinterpret_cast<const std::uint8_t*>(rows.data()), rows.size(), 1};
    howdah_result result{};
    result.batches = &batch;
    result.batch_count = 1;
    return Entry::ofResult(SharedKey(key), hashOf(key, 1), {0, 1}, {}, result);
}

bool has(Tier& tier, int number) {
    const EntryPtr entry = entryOf(number);
    return tier.find(entry->hash(), entry->key()) != nullptr;
}

// Asks, and stores what is not there, as the cache does. True: it was there.
bool use(Tier& tier, int number, std::size_t bytes = 100) {
    if (has(tier, number)) return true;
    std::vector<EntryPtr> left;
    tier.insert(entryOf(number, bytes), left);
    return false;
}

constexpr std::size_t kPlenty = 1u << 30;

}  // namespace

TEST_CASE("tier: it never holds more entries than its budget, nor more bytes") {
    const std::size_t one = entryOf(1000)->size();
    for (const Budget budget : {Budget{50, kPlenty}, Budget{100'000, 50 * one}, Budget{1, kPlenty}}) {
        Tier tier(budget);
        for (int i = 0; i < 500; ++i) {
            use(tier, i);
            REQUIRE(tier.entryCount() <= budget.entries);
            REQUIRE(tier.byteCount() <= budget.bytes);
        }
        CHECK(tier.entryCount() >= 1);
    }
}

TEST_CASE("tier: every entry that comes in is in it or is given back") {
    Tier tier({20, kPlenty});
    std::size_t given_back = 0;
    for (int i = 0; i < 300; ++i) {
        std::vector<EntryPtr> left;
        tier.insert(entryOf(i), left);
        given_back += left.size();
    }
    std::size_t inside = 0;
    tier.forEach([&](const EntryPtr&) { ++inside; });
    CHECK(inside == tier.entryCount());
    CHECK(given_back + inside == 300);
}

TEST_CASE("tier: an entry as large as the budget is taken, a larger one is not") {
    const EntryPtr entry = entryOf(1, 5000);
    for (const bool fits : {true, false}) {
        Tier tier({10, entry->size() - (fits ? 0 : 1)});
        std::vector<EntryPtr> left;
        tier.insert(entry, left);
        CHECK(tier.entryCount() == (fits ? 1 : 0));
        CHECK(left.size() == (fits ? 0 : 1));
    }
}

TEST_CASE("tier: without a budget nothing is kept") {
    Tier tier({0, kPlenty});
    CHECK_FALSE(use(tier, 1));
    CHECK_FALSE(use(tier, 1));
}

TEST_CASE("tier: an entry with the same key takes the other's place") {
    Tier tier({10, kPlenty});
    std::vector<EntryPtr> left;
    tier.insert(entryOf(1, 100), left);
    tier.insert(entryOf(1, 3000), left);
    CHECK(tier.entryCount() == 1);
    CHECK(tier.byteCount() == entryOf(1, 3000)->size());
    tier.erase(entryOf(1)->hash(), entryOf(1)->key());
    CHECK(tier.entryCount() == 0);
    CHECK(tier.byteCount() == 0);
}

TEST_CASE("tier: equal hashes do not make equal keys") {
    Tier tier({10, kPlenty});
    std::vector<EntryPtr> left;
    howdah_result empty{};
    tier.insert(Entry::ofResult(SharedKey("one"), 5, {0, 1}, {}, empty), left);
    CHECK(tier.find(5, "one"));
    CHECK_FALSE(tier.find(5, "two"));
}

TEST_CASE("tier: a scan of ten times its size leaves what is used often") {
    Tier tier({100, kPlenty});
    for (int round = 0; round < 8; ++round)
        for (int i = 0; i < 60; ++i)
            use(tier, i);
    for (int i = 1000; i < 2000; ++i)
        use(tier, i);
    int left = 0;
    for (int i = 0; i < 60; ++i)
        left += has(tier, i) ? 1 : 0;
    CHECK(left >= 57);  // the window's share may go
}

TEST_CASE("tier: what was used often once makes room for what is used now") {
    Tier tier({100, kPlenty});
    for (int round = 0; round < 20; ++round)
        for (int i = 0; i < 100; ++i)
            use(tier, i);
    for (int round = 0; round < 60; ++round)
        for (int i = 500; i < 590; ++i)
            use(tier, i);
    int now = 0;
    for (int i = 500; i < 590; ++i)
        now += has(tier, i) ? 1 : 0;
    CHECK(now >= 80);
}

TEST_CASE("tier: on a Zipf replay it beats a plain LRU of the same size") {
    constexpr int kKeys = 10'000;
    constexpr std::size_t kSize = 500;
    std::vector<double> weights;
    for (int i = 1; i <= kKeys; ++i)
        weights.push_back(1 / std::pow(i, 0.9));
    std::discrete_distribution<int> zipf(weights.begin(), weights.end());
    std::mt19937_64 random(7);
    Tier tier({kSize, kPlenty});
    std::list<int> lru;
    std::unordered_map<int, std::list<int>::iterator> places;
    int hits = 0, lru_hits = 0;
    for (int i = 0; i < 100'000; ++i) {
        const int key = zipf(random);
        hits += use(tier, key) ? 1 : 0;
        if (const auto known = places.find(key); known != places.end()) {
            ++lru_hits;
            lru.splice(lru.begin(), lru, known->second);
            continue;
        }
        lru.push_front(key);
        places[key] = lru.begin();
        if (lru.size() > kSize) {
            places.erase(lru.back());
            lru.pop_back();
        }
    }
    CAPTURE(hits);
    CAPTURE(lru_hits);
    CHECK(hits > lru_hits + 3000);
}

TEST_CASE("sketch: what was asked for often is estimated higher, up to its limit, and is halved in time") {
    Sketch sketch(64);
    CHECK(sketch.estimate(1) == 0);
    for (int i = 0; i < 5; ++i)
        sketch.add(hashOf("often", 1));
    sketch.add(hashOf("once", 1));
    CHECK(sketch.estimate(hashOf("often", 1)) >= 5);
    CHECK(sketch.estimate(hashOf("once", 1)) < 5);
    for (int i = 0; i < 100; ++i)
        sketch.add(hashOf("often", 1));
    CHECK(sketch.estimate(hashOf("often", 1)) == 15);
    for (int i = 0; i < 2000; ++i)
        sketch.add(hashOf(std::to_string(i), 1));
    CHECK(sketch.estimate(hashOf("often", 1)) < 15);
}
