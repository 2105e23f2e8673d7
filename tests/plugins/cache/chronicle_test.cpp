// What an instance can tell of an answer of another one, by numbers and durations alone.
#include "plugins/cache/chronicle.hpp"

#include <doctest/doctest.h>

using namespace howdah::cache;

namespace {

constexpr std::uint64_t kSpan = 2560;  // ten for each step

}  // namespace

TEST_CASE("chronicle: a write reaches the slots it names, from its number on") {
    Chronicle chronicle(kSpan);
    const Footing of_five[] = {{4, 100}, {5, 100}};
    CHECK_FALSE(chronicle.isWrittenSince(0, of_five));
    const std::uint32_t slots[] = {5, 6};
    chronicle.noteWrite(7, slots);
    CHECK(chronicle.isWrittenSince(6, of_five));
    CHECK_FALSE(chronicle.isWrittenSince(7, of_five));
    const Footing of_four[] = {{4, 100}};
    CHECK_FALSE(chronicle.isWrittenSince(0, of_four));
    chronicle.noteWrite(3, slots);  // heard of behind a later one
    CHECK(chronicle.isWrittenSince(6, of_five));
    chronicle.forgetWrites();
    CHECK_FALSE(chronicle.isWrittenSince(0, of_five));
}

TEST_CASE("chronicle: an answer is as old as the last own tick that is not after its own") {
    Chronicle chronicle(kSpan);
    CHECK_FALSE(chronicle.before(1000));
    chronicle.noteTick(10, 500);
    chronicle.noteTick(20, 600);
    CHECK_FALSE(chronicle.before(9));  // read before this instance had its first
    CHECK(chronicle.before(10) == 500);
    CHECK(chronicle.before(19) == 500);
    CHECK(chronicle.before(20) == 600);
    CHECK(chronicle.before(1000) == 600);
    CHECK(chronicle.tick() == 20);
}

TEST_CASE("chronicle: a tick is wanted when the last is a step old, and those that tell nothing more go") {
    Chronicle chronicle(kSpan);
    CHECK(chronicle.wantsTick(0));
    chronicle.noteTick(1, 100);
    CHECK_FALSE(chronicle.wantsTick(109));
    CHECK(chronicle.wantsTick(110));
    chronicle.noteTick(2, 110);
    chronicle.noteTick(3, 110 + kSpan - 1);
    CHECK(chronicle.before(1) == 100);
    chronicle.noteTick(4, 110 + kSpan);  // the second alone is as old as any answer may be
    CHECK_FALSE(chronicle.before(1));
    CHECK(chronicle.before(2) == 110);
}

TEST_CASE("chronicle: of many ticks so many are kept that an answer seems older by a step at most") {
    Chronicle chronicle(kSpan);
    constexpr std::uint64_t kTicks = 1000;
    for (std::uint64_t tick = 1; tick <= kTicks; ++tick)
        chronicle.noteTick(tick, tick);
    std::uint64_t dense = 0;
    for (std::uint64_t tick = 1; tick <= kTicks; ++tick) {
        const auto before = chronicle.before(tick);
        REQUIRE(before);
        CHECK(*before <= tick);
        CHECK(*before + 10 > tick);
        dense += *before == tick;
    }
    CHECK(dense < kTicks / 4);
}

TEST_CASE("chronicle: ticks that begin anew leave nothing of the old ones") {
    Chronicle chronicle(kSpan);
    chronicle.noteTick(50, 100);
    chronicle.noteTick(2, 200);
    CHECK_FALSE(chronicle.before(1));
    CHECK(chronicle.before(50) == 200);
    chronicle.forgetTicks();
    CHECK(chronicle.tick() == 0);
    CHECK_FALSE(chronicle.before(50));
}
