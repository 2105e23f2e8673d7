// Who is next, who has his share, when an endpoint counts as down: time is passed in.
#include <doctest/doctest.h>

#include "plugins/pool/breaker.hpp"
#include "plugins/pool/freshness.hpp"
#include "plugins/pool/retry.hpp"
#include "plugins/pool/silence.hpp"
#include "plugins/pool/wait_line.hpp"

namespace howdah::pool {
namespace {

struct Waiting {
    Principal* principal = nullptr;
    std::uint32_t shard = 0;
    std::uint64_t since_ns = 0;
    int number = 0;
};
using Line = WaitLine<Waiting>;

std::shared_ptr<Waiting> waiting(Principal& who, int number, std::uint32_t shard = 0, std::uint64_t since_ns = 0) {
    return std::make_shared<Waiting>(Waiting{&who, shard, since_ns, number});
}
const auto kAnybody = [](const Principal&) { return true; };
constexpr std::uint32_t kOther = 9;  // a shard nobody is on

void holds(Principal& who, std::uint32_t count) {
    who.group->held += count - who.held;
    who.held = count;
}

// The next `count` of the line, or all that there are.
std::vector<int> inOrder(Line& line, std::size_t count) {
    std::vector<int> order;
    while (order.size() < count) {
        auto next = line.next(kOther, 0, kAnybody);
        if (!next) break;
        order.push_back(next->number);
    }
    return order;
}

// A tenant of several principals and one of a single one.
struct Tenants {
    explicit Tenants(std::size_t count) : many(count) {
        for (auto& one : many)
            one.group = many.front().group;
    }
    std::vector<Principal> many;
    Principal other;
};
const Breaker::Failed kRefused{};

}  // namespace

TEST_CASE("wait line: principals take turns, each first in, first out") {
    Line line;
    Principal a, b;
    for (int number : {1, 2, 3})
        line.add(waiting(a, number));
    line.add(waiting(b, 11));
    line.add(waiting(b, 12));
    CHECK(a.waiting == 3);
    CHECK(inOrder(line, 9) == std::vector<int>{1, 11, 2, 12, 3});
    CHECK(line.empty());
    CHECK(a.waiting == 0);
}

TEST_CASE("wait line: the connection's own shard comes first in its principal's line, until somebody waits for long") {
    Principal a;
    auto filled = [&](Line& line) {
        line.add(waiting(a, 1, 1, 1000));
        line.add(waiting(a, 2, 0, 2000));
        line.add(waiting(a, 3, 0, 3000));
    };
    for (auto [shard, now_ns, expected] : {std::tuple<std::uint32_t, std::uint64_t, int>{0, 4000, 2},
                                           {1, 4000, 1},
                                           {2, 4000, 1},
                                           {0, 1000 + kPassedOverNs, 2},
                                           {0, 1001 + kPassedOverNs, 1}}) {
        Line line;
        filled(line);
        CHECK(line.next(shard, now_ns, kAnybody)->number == expected);
        (void)line.takeAll();
    }
}

TEST_CASE("wait line: who has his share is passed over, and who leaves is gone") {
    Line line;
    Principal a, b;
    a.held = 5;
    auto left = waiting(b, 11);
    line.add(waiting(a, 1));
    line.add(left);
    line.add(waiting(b, 12));
    CHECK(line.remove(left));
    CHECK_FALSE(line.remove(left));
    auto share = [](const Principal& who) { return who.held < 5; };
    CHECK(line.anyMay(share));
    CHECK(line.next(kOther, 0, share)->number == 12);
    CHECK_FALSE(line.anyMay(share));
    CHECK(line.next(kOther, 0, share) == nullptr);
    CHECK(line.size() == 1);
    (void)line.takeAll();
    CHECK(a.waiting == 0);
}

TEST_CASE("wait line: full, the youngest of the longest line gives way, never to somebody who waits as much") {
    Line line;
    Principal a, b;
    for (int number : {1, 2})
        line.add(waiting(a, number));
    CHECK(line.giveWay(a) == nullptr);
    auto gone = line.giveWay(b);
    REQUIRE(gone);
    CHECK(gone->number == 2);
    line.add(waiting(b, 11));
    CHECK(line.giveWay(b) == nullptr);
    CHECK(line.ahead(a) == 2);
    (void)line.takeAll();
}

TEST_CASE("wait line: a tenant of fifty principals has as many turns as a tenant of one") {
    Line line;
    Tenants tenants(50);
    for (int number = 0; auto& one : tenants.many)
        line.add(waiting(one, number++));
    for (int number : {100, 101, 102})
        line.add(waiting(tenants.other, number));
    CHECK(tenants.other.group->waiting == 3);
    CHECK(inOrder(line, 8) == std::vector<int>{0, 100, 1, 101, 2, 102, 3, 4});
    // Who comes when the flood waits already has the turn after the next one.
    line.add(waiting(tenants.other, 103));
    CHECK(inOrder(line, 3) == std::vector<int>{5, 103, 6});
    CHECK(tenants.many.front().group->waiting == 43);
    (void)line.takeAll();
    CHECK(tenants.many.front().group->waiting == 0);
}

TEST_CASE("wait line: within a tenant principals take turns, each first in, first out") {
    Line line;
    Tenants tenants(2);
    for (int number : {1, 2, 3})
        line.add(waiting(tenants.many[0], number));
    line.add(waiting(tenants.other, 100));
    for (int number : {11, 12})
        line.add(waiting(tenants.many[1], number));
    CHECK(inOrder(line, 9) == std::vector<int>{1, 100, 11, 2, 12, 3});
    CHECK(line.empty());
}

TEST_CASE("wait line: principals without a tenant do not share their turns") {
    Principals principals;
    Line line;
    auto& ann = principals.met("", "ann", 1);
    auto& ben = principals.met("", "ben", 1);
    auto& of_acme = principals.met("acme", "ann", 1);
    CHECK(ann.group != ben.group);
    CHECK(ann.group != of_acme.group);
    CHECK(principals.met("acme", "ben", 1).group == of_acme.group);
    CHECK(principals.met("acm", "eben", 1).group != of_acme.group);
    for (auto* who : {&ann, &ben, &of_acme, &principals.met("acme", "ben", 1)})
        for (int turn : {0, 1})
            line.add(waiting(*who, turn));
    CHECK(inOrder(line, 8) == std::vector<int>{0, 0, 0, 1, 1, 0, 1, 1});
}

TEST_CASE("wait line: of a tenant whose first principal has his share or leaves, the next one has the turn") {
    Line line;
    Tenants tenants(3);
    Principal &first = tenants.many[0], &second = tenants.many[1], &third = tenants.many[2];
    first.held = 5;
    auto left = waiting(second, 2);
    line.add(waiting(first, 1));
    line.add(left);
    line.add(waiting(third, 3));
    line.add(waiting(tenants.other, 100));
    CHECK(line.remove(left));
    CHECK_FALSE(line.remove(left));
    CHECK(first.group->waiting == 2);
    auto share = [](const Principal& who) { return who.held < 5; };
    CHECK(line.next(kOther, 0, share)->number == 3);
    CHECK(line.next(kOther, 0, share)->number == 100);
    CHECK_FALSE(line.anyMay(share));
    CHECK(line.next(kOther, 0, share) == nullptr);
    CHECK(line.next(kOther, 0, kAnybody)->number == 1);
    CHECK(line.empty());
    CHECK(first.group->waiting == 0);
}

TEST_CASE("wait line: full, the tenant that waits most gives way, were it with one statement for each principal") {
    Line line;
    Tenants tenants(4);
    for (int number : {1, 2, 3})
        line.add(waiting(tenants.many[number - 1], number));
    CHECK(line.giveWay(tenants.many[3]) == nullptr);  // its own waits no longer
    auto gone = line.giveWay(tenants.other);
    REQUIRE(gone);
    CHECK(gone->number == 3);  // whose turn would have come last
    line.add(waiting(tenants.other, 100));
    CHECK(line.giveWay(tenants.other) == nullptr);  // two against one
    line.add(waiting(tenants.many[0], 11));
    gone = line.giveWay(tenants.other);  // three against one
    REQUIRE(gone);
    CHECK(gone->number == 11);  // the youngest of the longest line
    line.add(waiting(tenants.many[0], 11));
    gone = line.giveWay(tenants.many[3]);  // within the tenant: two against none
    REQUIRE(gone);
    CHECK(gone->number == 11);
    CHECK(line.size() == 3);
    (void)line.takeAll();
}

TEST_CASE("wait line: how many are ahead counts one turn of each other tenant, however many principals it has") {
    Line line;
    Tenants tenants(5);
    for (int number : {1, 2, 3, 4})
        line.add(waiting(tenants.many[number - 1], number));
    line.add(waiting(tenants.many[0], 11));
    CHECK(line.ahead(tenants.other) == 1);
    line.add(waiting(tenants.other, 100));
    CHECK(line.ahead(tenants.other) == 3);    // its own, and two of the five
    CHECK(line.ahead(tenants.many[4]) == 5);  // one of each of its tenant, and the other's only one
    (void)line.takeAll();
}

TEST_CASE("principals: one alone may have all; with a rival something is always left for the next") {
    Principals principals;
    auto& local = principals.met("", "local", 1000);
    holds(local, 19);
    CHECK(principals.mayHoldMore(local, 19, 20, 1000));
    auto& a = principals.met("", "a", 2000);
    holds(local, 15);
    CHECK(principals.mayHoldMore(local, 15, 20, 2000));
    holds(local, 16);
    CHECK_FALSE(principals.mayHoldMore(local, 16, 20, 2000));
    CHECK(principals.mayHoldMore(a, 20, 20, 2000));  // its first
    holds(a, 1);
    CHECK(principals.mayHoldMore(a, 18, 20, 2000));
    CHECK_FALSE(principals.mayHoldMore(a, 19, 20, 2000));                // the last is for whoever holds none
    CHECK(principals.mayHoldMore(local, 16, 20, 2000 + kRememberedNs));  // the rival is forgotten
    // A known user of a server with authentication leaves one, before anybody else has come.
    Principals alone;
    auto& first = alone.met("acme", "a", 1000);
    holds(first, 18);
    CHECK(alone.mayHoldMore(first, 18, 20, 1000));
    holds(first, 19);
    CHECK_FALSE(alone.mayHoldMore(first, 19, 20, 1000));
    CHECK(first.name == "acme/a");
    // What nobody asked for (a report) is no rival.
    (void)alone.met("", "", 1000);
    holds(first, 17);
    CHECK(alone.mayHoldMore(first, 18, 20, 1000));
}

TEST_CASE("principals: what a tenant's principals hold is its own share, and leaves something to other tenants") {
    Principals principals;
    auto& a = principals.met("acme", "a", 1000);
    auto& b = principals.met("acme", "b", 1000);
    holds(a, 16);
    CHECK_FALSE(principals.mayHoldMore(a, 16, 20, 1000));  // b is a rival within the tenant
    CHECK(principals.mayHoldMore(b, 16, 20, 1000));
    holds(b, 2);
    auto& c = principals.met("acme", "c", 1000);
    CHECK(principals.mayHoldMore(c, 18, 20, 1000));
    holds(b, 3);
    CHECK_FALSE(principals.mayHoldMore(c, 19, 20, 1000));  // the last is for a tenant that may come
    auto& other = principals.met("other", "a", 2000);
    CHECK(principals.mayHoldMore(other, 19, 20, 2000));
    holds(a, 10);
    holds(b, 5);
    CHECK(principals.mayHoldMore(c, 15, 20, 2000));
    holds(b, 6);
    CHECK_FALSE(principals.mayHoldMore(c, 16, 20, 2000));
    CHECK(principals.mayHoldMore(c, 16, 20, 2000 + kRememberedNs));  // the other tenant is forgotten
    // Principals without a tenant share none.
    auto& ann = principals.met("", "ann", 3000);
    holds(ann, 1);
    CHECK(principals.mayHoldMore(principals.met("", "ben", 3000), 19, 20, 3000));
}

TEST_CASE("principals: those that hold or wait are kept, of the others only so many") {
    Principals principals;
    auto& kept = principals.met("", "kept", 1);
    holds(kept, 1);
    for (std::size_t i = 0; i < 3 * kPrincipalsMax; ++i)
        (void)principals.met("", std::to_string(i), 2 + i);
    CHECK(principals.count() <= kPrincipalsMax);
    CHECK(&principals.met("", "kept", 1) == &kept);
}

TEST_CASE("breaker: opens at the fifth failure in a row; two successes close it") {
    Breaker breaker;
    for (int i = 0; i < 4; ++i)
        CHECK_FALSE(breaker.failed(1000, kRefused, 0.5));
    CHECK_FALSE(breaker.succeeded(1000));
    for (int i = 0; i < 4; ++i)
        CHECK_FALSE(breaker.failed(1000, kRefused, 0.5));
    CHECK_FALSE(breaker.isOpen());
    CHECK(breaker.failed(1000, kRefused, 0.5));
    CHECK(breaker.isOpen());
    CHECK_FALSE(breaker.failed(2000, kRefused, 0.5));  // open already
    CHECK_FALSE(breaker.succeeded(3000));
    CHECK(breaker.state() == Breaker::State::half_open);
    CHECK(breaker.failed(4000, kRefused, 0.5));  // back
    CHECK(breaker.isOpen());
    CHECK_FALSE(breaker.succeeded(5000));
    CHECK(breaker.succeeded(6000));
    CHECK(breaker.state() == Breaker::State::closed);
}

TEST_CASE("breaker: half of twenty attempts within ten seconds open it, of nineteen or of older ones do not") {
    auto after = [](int attempts, std::uint64_t apart_ns) {
        Breaker breaker;
        std::uint64_t now_ns = 100 * kSecondNs;
        for (int i = 0; i < attempts; ++i, now_ns += apart_ns)
            i % 2 == 0 ? void(breaker.succeeded(now_ns)) : void(breaker.failed(now_ns, kRefused, 0.5));
        return breaker.isOpen();
    };
    CHECK(after(20, kSecondNs / 10));
    CHECK_FALSE(after(19, kSecondNs / 10));
    CHECK_FALSE(after(40, kSecondNs));
}

TEST_CASE("breaker: silence counts as three, what lasts opens it at once") {
    Breaker silent;
    CHECK_FALSE(silent.failed(1000, {.silent = true}, 0.5));
    CHECK(silent.failed(1000, {.silent = true}, 0.5));
    Breaker refused;
    CHECK(refused.failed(0, {.lasting = true, .answered = true}, 0.5));
    CHECK(refused.wasAnswered());
    CHECK(refused.nextProbeNs() == 2 * kSecondNs);
}

TEST_CASE("breaker: a cancel that is not taken for 750 ms, with nothing else heard, is told once and opens it") {
    Silence silence;
    CHECK_FALSE(silence.isToBeTold(kSecondNs));
    CHECK(silence.cancelSent(1000));
    CHECK_FALSE(silence.cancelSent(kSecondNs));  // of another statement: the first one counts
    CHECK(silence.dueNs() == 750'001'000);
    CHECK_FALSE(silence.isToBeTold(750'000'999));
    CHECK(silence.isToBeTold(750'001'000));
    CHECK_FALSE(silence.isToBeTold(2 * kSecondNs));
    silence.cancelSent(3 * kSecondNs);
    silence.heard();
    CHECK_FALSE(silence.isToBeTold(9 * kSecondNs));
    CHECK_FALSE(silence.dueNs());
    // A far server: a cancel is four round trips of a connection's seven.
    silence.connected(kSecondNs);
    silence.cancelSent(10 * kSecondNs);
    CHECK_FALSE(silence.isToBeTold(12 * kSecondNs - 1));
    CHECK(silence.isToBeTold(12 * kSecondNs));
    silence.connected(1000);
    silence.cancelSent(20 * kSecondNs);
    CHECK(silence.dueNs() == 20 * kSecondNs + 750'000'000);
    Breaker still;
    CHECK(still.failed(0, {.still = true}, 0.5));
    CHECK(still.nextProbeNs() == 250'000'000);
}

TEST_CASE("breaker: probes every 250 ms, every 2 s after a minute") {
    Breaker breaker;
    for (int i = 0; i < 5; ++i)
        breaker.failed(0, kRefused, 0.5);
    CHECK(breaker.nextProbeNs() == 250'000'000);
    CHECK(breaker.retryAfterMs(0) == 251);
    CHECK(breaker.retryAfterMs(kSecondNs) == 1);
    breaker.failed(60 * kSecondNs - 1, kRefused, 0.5);
    CHECK(breaker.nextProbeNs() == 60 * kSecondNs - 1 + 250'000'000);
    breaker.failed(60 * kSecondNs, kRefused, 0.5);
    CHECK(breaker.nextProbeNs() == 62 * kSecondNs);
}

TEST_CASE("freshness: a connection is taken unseen for a second, looked at for half a minute, then asked") {
    CHECK(validationOf(Care::repeatable, kSecondNs - 1) == Validation::none);
    CHECK(validationOf(Care::repeatable, kSecondNs) == Validation::look);
    CHECK(validationOf(Care::repeatable, 30 * kSecondNs - 1) == Validation::look);
    CHECK(validationOf(Care::repeatable, 30 * kSecondNs) == Validation::ping);
    CHECK(validationOf(Care::once, 0) == Validation::look);
    CHECK(validationOf(Care::once, 30 * kSecondNs) == Validation::ping);
    CHECK(validationOf(Care::tried, 0) == Validation::ping);
}

TEST_CASE("freshness: a connection is replaced at the end of its life, up to a tenth of it earlier at random") {
    CHECK(expiryNs(kSecondNs, milliseconds{10'000}, 0.0) == 11 * kSecondNs);
    CHECK(expiryNs(kSecondNs, milliseconds{10'000}, 0.5) == 10 * kSecondNs + kSecondNs / 2);
    CHECK(expiryNs(kSecondNs, milliseconds{10'000}, 1.0) == 10 * kSecondNs);
}

TEST_CASE("retry: the pause is anything from none to its bound, by chance") {
    RetryBudget budget(10);
    const Failure failure{Error{}, Outcome::sent_read};
    CHECK(pauseBeforeRetry(failure, 1, 0, UINT64_MAX, 0.0, budget) == 0u);
    CHECK(pauseBeforeRetry(failure, 1, 0, UINT64_MAX, 0.5, budget) == 50'000'000u);
    CHECK(pauseBeforeRetry(failure, 2, 0, UINT64_MAX, 0.25, budget) == 50'000'000u);
    CHECK(pauseBeforeRetry(failure, 2, 0, UINT64_MAX, 1.0, budget) == 200'000'000u);
}

}  // namespace howdah::pool
