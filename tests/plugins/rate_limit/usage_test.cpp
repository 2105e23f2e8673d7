// A bucket and a window, in time that is passed in.
#include "plugins/rate_limit/usage.hpp"

#include <doctest/doctest.h>

using namespace howdah::rate_limit;

namespace {

constexpr std::int64_t kStart = 1'800'000'000 * kSecond_ns;  // neither the first second of an hour nor of a day
constexpr std::int64_t kMs = 1'000'000;

Usage at(const Rate& rate, std::int64_t now_ns, double taken) {
    Usage usage;
    usage.advance(rate, now_ns);
    usage.take(rate, taken);
    return usage;
}

}  // namespace

TEST_CASE("usage: a spent bucket has room again once one token has come back, not before") {
    const Rate rate{Measure::calls, Period::second, 10, 5};
    Usage usage = at(rate, kStart, 5);
    CHECK_FALSE(usage.hasRoom(rate, 1));
    CHECK(usage.roomAt(rate, 1) == kStart + 100 * kMs);
    usage.advance(rate, kStart + 99 * kMs);
    CHECK_FALSE(usage.hasRoom(rate, 1));
    usage.advance(rate, kStart + 100 * kMs);
    CHECK(usage.hasRoom(rate, 1));
    CHECK_FALSE(usage.hasRoom(rate, 2));
}

TEST_CASE("usage: thirds of a second make whole seconds, in whatever steps they are looked at") {
    const Rate rate{Measure::calls, Period::second, 3, 3};
    Usage usage = at(rate, kStart, 3);
    std::int64_t now = kStart;
    int granted = 0;
    for (int i = 0; i < 3000; ++i) {
        now += kMs;
        usage.advance(rate, now);
        if (!usage.hasRoom(rate, 1)) continue;
        usage.take(rate, 1);
        ++granted;
    }
    CHECK(granted == 9);
}

TEST_CASE("usage: a bucket never holds more than its burst, however long nobody came") {
    const Rate rate{Measure::rows, Period::second, 10, 20};
    Usage usage = at(rate, kStart, 20);
    usage.advance(rate, kStart + kDay_ns);
    CHECK(usage.left(rate) == 20);
    CHECK_FALSE(usage.hasRoom(rate, 21));
    CHECK(usage.roomAt(rate, 21) == kNever);
}

TEST_CASE("usage: a window is full until its end and empty from there on") {
    const Rate rate{Measure::calls, Period::hour, 2, 2};
    Usage usage = at(rate, kStart, 2);
    const std::int64_t end = usage.roomAt(rate, 1);
    CHECK(end % kHour_ns == 0);
    CHECK(end > kStart);
    CHECK(end <= kStart + kHour_ns);
    usage.advance(rate, end - 1);
    CHECK_FALSE(usage.hasRoom(rate, 1));
    usage.advance(rate, end);
    CHECK(usage.hasRoom(rate, 2));
    CHECK(usage.used() == 0);
}

TEST_CASE("usage: a day ends at midnight UTC") {
    const Rate rate{Measure::calls, Period::day, 1, 1};
    Usage usage = at(rate, kStart, 1);
    CHECK(usage.roomAt(rate, 1) % kDay_ns == 0);
}

TEST_CASE("usage: a clock that is set back gives nothing back") {
    const Rate window{Measure::calls, Period::hour, 2, 2};
    const std::int64_t hour = kStart - kStart % kHour_ns;
    Usage usage = at(window, hour + kSecond_ns, 2);
    usage.advance(window, hour - kSecond_ns);
    CHECK_FALSE(usage.hasRoom(window, 1));
    // By more than a window it was wrong before: then nobody waits until that time has come.
    usage.advance(window, hour - 3 * kHour_ns);
    CHECK(usage.hasRoom(window, 2));

    const Rate bucket{Measure::calls, Period::second, 10, 5};
    Usage spent = at(bucket, kStart, 5);
    spent.advance(bucket, kStart - kHour_ns);
    CHECK_FALSE(spent.hasRoom(bucket, 1));
    spent.advance(bucket, kStart - kHour_ns + 100 * kMs);
    CHECK(spent.hasRoom(bucket, 1));
}

TEST_CASE("usage: what is given back is there at once, and never more than was taken") {
    const Rate rate{Measure::rows, Period::second, 10, 100};
    Usage usage = at(rate, kStart, 100);
    usage.take(rate, -60);
    CHECK(usage.left(rate) == 60);
    usage.take(rate, -60);
    CHECK(usage.left(rate) == 100);
}
