// Calls at once over several instances: never more than the limit, all of it when nothing is lost, and what an instance
// that died had open is free when its terms are over.
#include "plugins/rate_limit/slots.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <howdah/test/fake_host.hpp>

#include "tests/plugins/rate_limit/shared_store.hpp"

using namespace howdah;
using namespace howdah::rate_limit;
using namespace howdah::test;

namespace {

constexpr std::int64_t kTermBegins = 300'000'000 * Slots::kTerm_ns;
constexpr std::int64_t kLate = kTermBegins + Slots::kAhead_ns;  // the next term's counter is kept already
constexpr std::int64_t kNext = kTermBegins + Slots::kTerm_ns;
constexpr std::int64_t kAfterNext = kNext + Slots::kTerm_ns;

Limits atOnce(std::uint32_t calls) {
    return {{}, calls};
}

// One instance, as the plugin uses its slots.
class Peer {
public:
    explicit Peer(SharedStore& store, std::chrono::milliseconds recheck = std::chrono::milliseconds(0))
        : slots_({true, 5, WhenUnavailable::closed, recheck}, {store.table(), &store}, open),
          host_(fake_.raw()),
          request_(fake_) {}

    static AppliedLimits ofAda(const Limits& limits) {
        AppliedLimits applied;
        applied.add({Scope::principal, "acme", "ada", {}}, limits);
        return applied;
    }
    bool take(const AppliedLimits& limits, std::int64_t now_ns) {
        const auto refused = slots_.take(context(), limits, now_ns);
        failed = !refused;
        if (refused && *refused) exceeded = **refused;
        return refused && !*refused;
    }
    bool take(const Limits& limits, std::int64_t now_ns) { return take(ofAda(limits), now_ns); }
    void hold(const Limits& limits, std::int64_t now_ns) { slots_.hold(ofAda(limits), now_ns); }
    bool giveBack(const Limits& limits, std::int64_t now_ns) {
        return slots_.giveBack(context(), ofAda(limits), now_ns);
    }
    bool giveBackCancelled(const Limits& limits, std::int64_t now_ns) {
        FakeCall cancelled(fake_);
        cancelled.cancel();
        return slots_.giveBack(Context(host_, cancelled.ctx()), ofAda(limits), now_ns);
    }
    void settle(std::int64_t now_ns) { slots_.settle(context(), now_ns); }
    std::uint32_t count(std::int64_t now_ns) {
        return slots_.count(context(), {Scope::principal, "acme", "ada", {}}, 0, now_ns);
    }

    bool failed = false;
    Exceeded exceeded;
    Slots::Open open;

private:
    Context context() { return {host_, request_.ctx()}; }

    FakeHost fake_;
    Slots slots_;
    Host host_;
    FakeCall request_;
};

}  // namespace

TEST_CASE("slots: instances have the limit together, and a call that ended makes room at all of them") {
    SharedStore store;
    const Limits limits = atOnce(5);
    Peer one(store), two(store), three(store);
    const std::array<Peer*, 3> peers{&one, &two, &three};
    int taken = 0;
    for (std::size_t i = 0; i < 12; ++i)
        taken += peers[i % 3]->take(limits, kTermBegins) ? 1 : 0;
    CHECK(taken == 5);
    CHECK(one.exceeded.limit == 5);
    CHECK_FALSE(one.exceeded.rate);
    CHECK(three.count(kTermBegins) == 5);
    CHECK(one.giveBack(limits, kTermBegins));
    CHECK(three.take(limits, kTermBegins));
    CHECK_FALSE(one.take(limits, kTermBegins));
}

TEST_CASE("slots: what a dead instance had open is free when the term it stands in is over, and not before") {
    for (const auto& [died, free] : {std::pair{kLate - 1, kNext}, std::pair{kLate, kAfterNext}}) {
        SharedStore store;
        const Limits limits = atOnce(2);
        Peer alive(store);
        {
            Peer dead(store);
            REQUIRE(dead.take(limits, died));
            REQUIRE(dead.take(limits, died));
        }
        for (std::int64_t now = died; now < free; now += kSecond_ns / 2) {
            alive.settle(now);
            CHECK_FALSE(alive.take(limits, now));
        }
        CHECK_FALSE(alive.take(limits, free - 1));
        CHECK(alive.take(limits, free));
        CHECK(alive.take(limits, free));
        CHECK_FALSE(alive.take(limits, free));
    }
}

TEST_CASE("slots: a call keeps its slot for as long as it runs, and gives it back once") {
    SharedStore store;
    const Limits limits = atOnce(1);
    Peer one(store), two(store);
    REQUIRE(one.take(limits, kTermBegins));
    std::int64_t now = kTermBegins;
    for (int i = 0; i < 60; ++i) {  // half a minute
        one.settle(now);
        CHECK_FALSE(two.take(limits, now));
        now += kSecond_ns / 2;
    }
    CHECK(one.giveBack(limits, now));
    for (const std::int64_t later : {now, now + Slots::kTerm_ns}) {
        CHECK(two.take(limits, later));
        CHECK_FALSE(one.take(limits, later));
        CHECK(two.giveBack(limits, later));
    }
}

TEST_CASE("slots: parallel instances never exceed the limit and use all of it, while two counters are kept") {
    SharedStore store;
    const Limits limits = atOnce(10);
    std::atomic<int> taken{0}, ready{0};
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            Peer peer(store);
            ++ready;
            while (ready < 4)
                std::this_thread::yield();
            for (int call = 0; call < 20; ++call)
                if (peer.take(limits, kLate)) ++taken;
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    CHECK(taken == 10);
}

TEST_CASE("slots: parallel calls that come and go are never more than the limit, whatever answers are lost") {
    for (const std::int64_t now_ns : {kTermBegins, kLate}) {
        for (const unsigned loses : {0U, 7U, 2U}) {
            SharedStore store;
            store.loses_every = loses;
            const Limits limits = atOnce(3);
            std::atomic<int> inside{0}, most{0}, passed{0};
            std::vector<std::thread> threads;
            threads.reserve(4);
            for (int i = 0; i < 4; ++i) {
                threads.emplace_back([&] {
                    Peer peer(store);
                    for (int call = 0; call < 300; ++call) {
                        if (!peer.take(limits, now_ns)) continue;
                        const int now = ++inside;
                        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
                        }
                        ++passed;
                        --inside;
                        (void)peer.giveBack(limits, now_ns);
                        peer.settle(now_ns);
                    }
                });
            }
            for (std::thread& thread : threads)
                thread.join();
            CHECK(most <= 3);
            if (loses != 2) CHECK(passed > 0);
            // What was lost is forgotten with the terms.
            store.loses_every = 0;
            Peer fresh(store);
            for (int i = 0; i < 3; ++i)
                CHECK(fresh.take(limits, kAfterNext));
            CHECK_FALSE(fresh.take(limits, kAfterNext));
        }
    }
}

TEST_CASE(
    "slots: over many terms calls are admitted exactly while there is room, with clocks that differ never beyond") {
    for (const std::int64_t differ : {std::int64_t{0}, kSecond_ns}) {
        SharedStore store;
        const Limits limits = atOnce(6);
        Peer one(store), two(store), three(store);
        const std::array<Peer*, 3> peers{&one, &two, &three};
        std::array<int, 3> open{};
        std::mt19937 random(7);
        for (int step = 0; step < 6000; ++step) {
            const std::int64_t now = kTermBegins + step * (kSecond_ns / 50);
            const std::size_t i = random() % 3;
            const auto clock = [&](std::size_t of) { return now + (static_cast<std::int64_t>(of) - 1) * differ; };
            const int all = open[0] + open[1] + open[2];
            if (step % 25 == 0) {
                for (std::size_t of = 0; of < 3; ++of)
                    peers[of]->settle(clock(of));
            }
            // Mostly full, now and then empty.
            if (open[i] > 0 && random() % (step % 1000 < 800 ? 3 : 1) == 0) {
                CHECK(peers[i]->giveBack(limits, clock(i)));
                --open[i];
            } else if (peers[i]->take(limits, clock(i))) {
                REQUIRE(all < 6);
                ++open[i];
            } else if (differ == 0) {
                REQUIRE(all == 6);
            }
        }
    }
}

TEST_CASE("slots: a store that is away is an error, and calls that were let in meanwhile count when it is back") {
    SharedStore store;
    const Limits limits = atOnce(2);
    Peer one(store), two(store);
    store.is_down = true;
    CHECK_FALSE(one.take(limits, kTermBegins));
    CHECK(one.failed);
    one.hold(limits, kTermBegins);
    one.hold(limits, kTermBegins);
    one.settle(kTermBegins);
    store.is_down = false;
    one.settle(kTermBegins + kSecond_ns);
    CHECK_FALSE(two.take(limits, kTermBegins + kSecond_ns));
    CHECK(one.giveBack(limits, kTermBegins + kSecond_ns));
    CHECK(two.take(limits, kTermBegins + kSecond_ns));
    CHECK_FALSE(two.take(limits, kTermBegins + kSecond_ns));
}

TEST_CASE("slots: an answer that was lost costs room until the term is over, and gives none") {
    SharedStore store;
    const Limits limits = atOnce(3);
    Peer one(store), two(store);
    store.loses_every = 1;
    CHECK_FALSE(one.take(limits, kTermBegins));  // and is counted
    store.loses_every = 0;
    REQUIRE(one.take(limits, kTermBegins));
    REQUIRE(one.take(limits, kTermBegins));
    CHECK_FALSE(two.take(limits, kTermBegins));
    store.loses_every = 1;
    CHECK_FALSE(one.giveBack(limits, kTermBegins));  // and is taken off
    store.loses_every = 0;
    one.settle(kTermBegins);
    CHECK(two.take(limits, kTermBegins));
    CHECK_FALSE(two.take(limits, kTermBegins));
    one.settle(kLate);
    two.settle(kLate);
    CHECK(two.take(limits, kNext));
    CHECK_FALSE(two.take(limits, kNext));
}

TEST_CASE("slots: a call that was cancelled leaves its slot to settle()") {
    SharedStore store;
    const Limits limits = atOnce(1);
    Peer one(store), two(store);
    REQUIRE(one.take(limits, kTermBegins));
    const unsigned asked = store.asked;
    CHECK_FALSE(one.giveBackCancelled(limits, kTermBegins));
    CHECK(store.asked == asked);
    CHECK_FALSE(two.take(limits, kTermBegins));
    one.settle(kTermBegins);
    CHECK(two.take(limits, kTermBegins));
}

TEST_CASE("slots: a call that its tool's limit refuses is not counted of its principal or tenant") {
    SharedStore store;
    const Limits few = atOnce(1), many = atOnce(9);
    Peer one(store), two(store);
    AppliedLimits limits;
    limits.add({Scope::principal, "acme", "ada", {}}, many);
    limits.add({Scope::tenant, "acme", {}, {}}, many);
    limits.add({Scope::tool, "acme", "ada", "query"}, few);
    REQUIRE(one.take(limits, kTermBegins));
    const unsigned before = store.asked;
    CHECK_FALSE(two.take(limits, kTermBegins));
    CHECK(store.asked - before == 2);  // of the tool, and back
    CHECK(two.exceeded.scope == Scope::tool);
    CHECK(two.exceeded.part == "query");
    // Refused by the tenant it leaves the others as they were.
    AppliedLimits full;
    full.add({Scope::principal, "acme", "bob", {}}, few);
    full.add({Scope::tenant, "acme", {}, {}}, few);
    CHECK_FALSE(two.take(full, kTermBegins));
    CHECK(two.exceeded.scope == Scope::tenant);
    AppliedLimits alone;
    alone.add({Scope::principal, "acme", "bob", {}}, few);
    CHECK(two.take(alone, kTermBegins));
}

TEST_CASE("slots: who was refused is not asked for again at once, but when a call here has ended") {
    SharedStore store;
    const Limits limits = atOnce(2);
    constexpr std::int64_t kRecheck_ns = 100'000'000;
    Peer one(store, std::chrono::milliseconds(100)), two(store);
    REQUIRE(one.take(limits, kTermBegins));
    REQUIRE(two.take(limits, kTermBegins));
    CHECK_FALSE(one.take(limits, kTermBegins));
    const unsigned asked = store.asked;
    CHECK_FALSE(one.take(limits, kTermBegins + kRecheck_ns - 1));
    CHECK(store.asked == asked);
    CHECK_FALSE(one.take(limits, kTermBegins + kRecheck_ns));
    CHECK(one.giveBack(limits, kTermBegins + kRecheck_ns));
    CHECK(one.take(limits, kTermBegins + kRecheck_ns));
}

TEST_CASE("slots: whoever has nothing open is forgotten, however many there were") {
    SharedStore store;
    const Limits limits = atOnce(1);
    Peer one(store);
    for (int i = 0; i < 500; ++i) {
        const std::string subject = std::to_string(i);
        AppliedLimits applied;
        applied.add({Scope::principal, "acme", subject, {}}, limits);
        REQUIRE(one.take(applied, kTermBegins));
    }
    REQUIRE(one.take(limits, kTermBegins));
    one.settle(kTermBegins + kSecond_ns);
    CHECK(one.open.size() == 501);
    CHECK(one.giveBack(limits, kTermBegins + kSecond_ns));
    one.settle(kTermBegins + kSecond_ns + Slots::kAhead_ns);
    CHECK(one.open.size() == 501);
    one.settle(kTermBegins + kSecond_ns + Slots::kAhead_ns + 1);
    CHECK(one.open.size() == 500);
}
