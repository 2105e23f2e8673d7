#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/facts_cache.hpp"

namespace howdah::guard {
namespace {

Facts factsWith(std::uint32_t parameters) {
    Facts facts;
    facts.parameters = parameters;
    return facts;
}

}  // namespace

TEST_CASE("guard cache: text, path and policy generation all belong to the key") {
    FactsCache cache({});
    cache.insert("select 1", Path::read, 1, factsWith(7));
    CHECK(cache.find("select 1", Path::read, 1)->result()->parameters == 7);
    CHECK(cache.find("select 1 ", Path::read, 1) == nullptr);
    CHECK(cache.find("select 1", Path::write, 1) == nullptr);
    CHECK(cache.find("select 1", Path::read, 2) == nullptr);
    CHECK(cache.hits() == 1);
    CHECK(cache.misses() == 3);
}

TEST_CASE("guard cache: a refusal is kept too") {
    FactsCache cache({});
    cache.insert("x", Path::read, 1, Error::refused("no"));
    REQUIRE(cache.find("x", Path::read, 1));
    CHECK(cache.find("x", Path::read, 1)->result().error().message == "no");
}

TEST_CASE("guard cache: at the limit the text used longest ago goes first") {
    FactsCache cache({.entries_max = 2, .parts = 1});
    cache.insert("a", Path::read, 1, factsWith(1));
    cache.insert("b", Path::read, 1, factsWith(2));
    CHECK(cache.find("a", Path::read, 1));
    cache.insert("c", Path::read, 1, factsWith(3));
    CHECK(cache.entryCount() == 2);
    CHECK(cache.find("b", Path::read, 1) == nullptr);
    CHECK(cache.find("a", Path::read, 1));
    CHECK(cache.find("c", Path::read, 1));
}

TEST_CASE("guard cache: bytes are bounded, and what is too large is handed back unkept") {
    FactsCache cache({.entries_max = 1000, .bytes_max = 16 * 1024, .parts = 1});
    for (int i = 0; i < 500; ++i)
        cache.insert(std::string(100, 'a') + std::to_string(i), Path::read, 1, factsWith(0));
    CHECK(cache.byteCount() <= 16 * 1024);
    CHECK(cache.entryCount() > 10);
    auto large = cache.insert(std::string(20'000, 'b'), Path::read, 1, factsWith(5));
    CHECK(large->result()->parameters == 5);
    CHECK(cache.find(std::string(20'000, 'b'), Path::read, 1) == nullptr);
}

TEST_CASE("guard cache: zero entries turn it off") {
    FactsCache cache({.entries_max = 0});
    CHECK(cache.insert("a", Path::read, 1, factsWith(1))->result()->parameters == 1);
    CHECK(cache.entryCount() == 0);
}

TEST_CASE("guard cache: several threads judge and find at once") {
    FactsCache cache({.entries_max = 32, .parts = 2});
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 2000; ++i) {
                const std::string sql = "select $" + std::to_string(1 + (i * 7 + t) % 64);
                auto found = cache.find(sql, Path::read, 1);
                if (!found) found = cache.insert(sql, Path::read, 1, classify(sql, Policy{}));
                if (!found->result() || found->result()->parameters != static_cast<std::uint32_t>(1 + (i * 7 + t) % 64))
                    ++wrong;
            }
        });
    threads.clear();
    CHECK(wrong == 0);
    CHECK(cache.entryCount() <= 32);
}

}  // namespace howdah::guard
