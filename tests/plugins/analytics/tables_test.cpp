// The two tables on the way of every query: what is under way, and which pattern a text has.
#include <random>
#include <string>
#include <unordered_map>

#include <doctest/doctest.h>

#include "plugins/analytics/hash.hpp"
#include "plugins/analytics/known_texts.hpp"
#include "plugins/analytics/slot_map.hpp"

namespace howdah::analytics {

TEST_CASE("analytics: a table of what is under way holds what a map would, whatever comes and goes") {
    SlotMap<int> slots(64);
    std::unordered_map<std::uint64_t, int> model;
    std::minstd_rand random(42);
    for (int i = 0; i < 200000; ++i) {
        const std::uint64_t key = (random() % 100) * 16;  // addresses: multiples of something
        if (random() % 2 == 0) {
            int* place = slots.open(key);
            const bool room = model.contains(key) || model.size() < 32;
            REQUIRE((place != nullptr) == room);
            if (place) *place = model[key] = i;
        } else {
            slots.close(key);
            model.erase(key);
        }
        REQUIRE(slots.size() == model.size());
        const std::uint64_t other = (random() % 100) * 16;
        const auto known = model.find(other);
        const int* found = slots.find(other);
        REQUIRE((found != nullptr) == (known != model.end()));
        if (found) REQUIRE(*found == known->second);
    }
}

TEST_CASE("analytics: a text that is asked for stays known, and their number is bounded") {
    KnownTexts texts(100);
    const PatternPtr pattern = statementPattern(1, "select $1", 100);
    texts.keep(1, pattern);
    for (std::uint64_t hash = 2; hash < 10000; ++hash) {
        texts.keep(hash, pattern);
        REQUIRE(texts.find(1) != nullptr);
        REQUIRE(texts.size() <= 102);
    }
    CHECK(texts.find(2) == nullptr);
}

TEST_CASE("analytics: the hash takes every byte and where parts end") {
    const SecretHash& hash = SecretHash::ofProcess();
    std::string text(70, 'x');
    for (std::size_t size = 0; size < text.size(); ++size) {
        CHECK(hash(std::string_view(text).substr(0, size)) != hash(std::string_view(text).substr(0, size + 1)));
        std::string other = text;
        other[size] = 'y';
        CHECK(hash(other) != hash(text));
    }
    CHECK(hash("a", hash("b")) != hash("b", hash("a")));
}

}  // namespace howdah::analytics
