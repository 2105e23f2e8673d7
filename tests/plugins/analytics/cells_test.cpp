#include "plugins/analytics/cells.hpp"

#include <set>

#include <doctest/doctest.h>

#include "tests/plugins/analytics/support.hpp"

namespace howdah::analytics {
namespace {

const Tally* cellOf(const Cells& cells, std::uint64_t fingerprint, std::string_view client) {
    for (const auto& [key, tally] : cells.table()) {
        if (key.pattern->fingerprint == fingerprint && key.names[Name::client] == client) return &tally;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("analytics: one pattern is counted apart for each set of names") {
    Cells cells({100, 10});
    cells.add(patternNamed(7), namesOf("ide"), tookMs(1));
    cells.add(patternNamed(7), namesOf("ide"), tookMs(3));
    cells.add(patternNamed(7), namesOf("chat"), tookMs(5));
    CHECK(cells.size() == 2);
    REQUIRE(cellOf(cells, 7, "ide"));
    CHECK(cellOf(cells, 7, "ide")->calls == 2);
    CHECK(cellOf(cells, 7, "ide")->latency_ns == 4 * kMs);
    CHECK(cellOf(cells, 7, "ide")->slowest_ns == 3 * kMs);
    CHECK(cellOf(cells, 7, "chat")->rows == 1);
}

TEST_CASE("analytics: a flood of patterns takes no more cells than allowed, sums stay and what took long stays apart") {
    Cells cells({64, 10});
    for (int i = 0; i < 50; ++i)
        cells.add(patternNamed(1), namesOf("ide"), tookMs(1000));
    for (std::uint64_t i = 0; i < 20000; ++i) {
        cells.add(patternNamed(1000 + i), namesOf("flood"), tookMs(1));
        REQUIRE(cells.size() <= 64);
    }
    const Tally sum = sumOf(cells);
    CHECK(sum.calls == 20050);
    CHECK(sum.rows == 20050);
    CHECK(sum.latency_ns == (50 * 1000 + 20000) * kMs);
    REQUIRE(cellOf(cells, 1, "ide"));
    CHECK(cellOf(cells, 1, "ide")->calls == 50);
    Tally others;
    for (const auto& [key, tally] : cells.table()) {
        if (key.pattern->kind == PatternKind::others) others.merge(tally);
    }
    CHECK(others.calls > 19900);
}

TEST_CASE("analytics: of clients no more are told apart than allowed, and who does much is one of them") {
    Cells cells({1000, 8});
    for (int i = 0; i < 20; ++i)
        cells.add(patternNamed(1), namesOf("ide", "acme"), tookMs(100));
    for (int i = 0; i < 5000; ++i) {
        cells.add(patternNamed(1), namesOf(concat("liar-", i), "acme"), tookMs(1));
        std::set<std::string> clients;
        for (const auto& [key, tally] : cells.table()) {
            if (key.names[Name::client] != kOthers) clients.insert(key.names[Name::client]);
            REQUIRE(key.pattern->fingerprint == 1);  // only the client was given up
            REQUIRE(key.names[Name::tenant] == "acme");
        }
        REQUIRE(clients.size() <= 8);
        REQUIRE(clients.contains("ide"));
    }
    CHECK(sumOf(cells).calls == 5020);
    CHECK(cellOf(cells, 1, "ide")->calls == 20);
}

TEST_CASE("analytics: cells shrink to one that stands for everything, and grow again") {
    Cells cells({100, 100});
    for (std::uint64_t i = 0; i < 90; ++i)
        cells.add(patternNamed(i + 10), namesOf(concat("client-", i), concat("tenant-", i % 7)), tookMs(i));
    const std::uint64_t before = sumOf(cells).latency_ns;
    cells.shrinkTo(0);
    REQUIRE(cells.size() == 1);
    CHECK(sumOf(cells).latency_ns == before);
    CHECK(cells.table().begin()->first.names[Name::tenant] == kOthers);
    cells.add(patternNamed(5), namesOf("ide"), tookMs(1));
    CHECK(cells.size() == 2);
    CHECK(sumOf(cells).calls == 91);
}

TEST_CASE("analytics: what cells take is told, and grows with what is in them") {
    Cells cells({1000, 100});
    CHECK(cells.bytes() == 0);
    std::size_t before = 0;
    for (std::uint64_t i = 0; i < 50; ++i) {
        cells.add(patternNamed(i), namesOf("a client with a long name"), tookMs(i));
        CHECK(cells.bytes() > before);
        before = cells.bytes();
    }
}

}  // namespace howdah::analytics
