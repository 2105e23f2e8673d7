// Reads under way: who waits for whom, and who goes on when one fails. Waits have begun when they are counted.
#include "plugins/cache/flights.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <howdah/test/fake_host.hpp>

using namespace howdah;
using namespace howdah::cache;

namespace {

using Part = Flights::Part;
using Landing = Flights::Landing;
constexpr std::uint64_t kHash = 5;
constexpr std::uint64_t kNow = 1000;
constexpr std::uint64_t kPatience = 600'000'000'000;

EntryPtr entryOf(const std::string& key) {
    return Entry::ofResult(SharedKey(key), kHash, {0, 1}, {}, howdah_result{});
}

// So many followers, each on a thread of its own, that all wait.
class Crowd {
public:
    Crowd(howdah::test::FakeHost& fake, const Host& host, Flights& flights, const Flights::FlightPtr& flight, int size)
        : outcomes(static_cast<std::size_t>(size)) {
        for (auto& outcome : outcomes) {
            threads_.emplace_back([this, &fake, &host, &flights, flight, &outcome] {
                howdah::test::FakeCall call(fake);
                const Context context(host, call.ctx());
                outcome = flights.wait(context, flight);
                if (outcome.part == Part::leader) {
                    ++leaders;
                    flights.land(flight, Landing::shared, entryOf("read by a follower"));
                }
            });
        }
    }
    void join() {
        for (auto& thread : threads_)
            thread.join();
    }
    std::vector<Flights::Outcome> outcomes;
    std::atomic<int> leaders{0};

private:
    std::vector<std::thread> threads_;
};

struct Stage {
    explicit Stage(std::uint64_t patience_ns = kPatience) : host(fake.raw()), flights(patience_ns) {}
    void untilWaiting(std::size_t count) {
        while (flights.waiting() < count)
            std::this_thread::yield();
    }
    howdah::test::FakeHost fake;
    Host host;
    Flights flights;
};

}  // namespace

TEST_CASE("flights: the first leads, who comes while it flies follows, who comes later leads anew") {
    Flights flights(kPatience);
    const auto first = flights.board(kHash, SharedKey("a"), kNow);
    CHECK(first.part == Part::leader);
    CHECK(flights.board(kHash, SharedKey("a"), kNow).part == Part::follower);
    CHECK(flights.board(kHash, SharedKey("b"), kNow).part == Part::leader);  // the same hash, another key
    flights.land(first.flight, Landing::shared, entryOf("a"));
    CHECK(flights.board(kHash, SharedKey("a"), kNow).part == Part::leader);
}

TEST_CASE("flights: all who wait are given the answer") {
    Stage stage;
    const auto ticket = stage.flights.board(kHash, SharedKey("a"), kNow);
    Crowd crowd(stage.fake, stage.host, stage.flights, ticket.flight, 4);
    stage.untilWaiting(4);
    stage.flights.land(ticket.flight, Landing::shared, entryOf("a"));
    crowd.join();
    for (const auto& outcome : crowd.outcomes) {
        REQUIRE(outcome.entry);
        CHECK(outcome.entry->key() == "a");
    }
}

TEST_CASE("flights: a read that fails lets one go on, and the others are given what that one reads") {
    Stage stage;
    const auto ticket = stage.flights.board(kHash, SharedKey("a"), kNow);
    Crowd crowd(stage.fake, stage.host, stage.flights, ticket.flight, 4);
    stage.untilWaiting(4);
    stage.flights.land(ticket.flight, Landing::failed);
    crowd.join();
    CHECK(crowd.leaders == 1);
    int given = 0;
    for (const auto& outcome : crowd.outcomes)
        given += outcome.entry && outcome.entry->key() == "read by a follower" ? 1 : 0;
    CHECK(given == 3);
}

TEST_CASE("flights: an answer that cannot be shared lets all go on at once") {
    Stage stage;
    const auto ticket = stage.flights.board(kHash, SharedKey("a"), kNow);
    Crowd crowd(stage.fake, stage.host, stage.flights, ticket.flight, 3);
    stage.untilWaiting(3);
    stage.flights.land(ticket.flight, Landing::apart);
    crowd.join();
    CHECK(crowd.leaders == 0);
    for (const auto& outcome : crowd.outcomes) {
        CHECK_FALSE(outcome.entry);
        CHECK(outcome.part == Part::alone);
        CHECK_FALSE(outcome.late);
    }
    CHECK(stage.flights.board(kHash, SharedKey("a"), kNow).part == Part::leader);
}

TEST_CASE("flights: a key whose answer is too large is not waited for, until it was asked for often enough") {
    Flights flights(kPatience);
    flights.land(flights.board(kHash, SharedKey("a"), kNow).flight, Landing::kept_by_nobody);
    int alone = 0;
    while (flights.board(kHash, SharedKey("a"), kNow).part == Part::alone)
        ++alone;
    CHECK(alone == 64);
}

TEST_CASE("flights: who waits past his patience goes on alone, and is not counted on") {
    Stage stage(1);
    const auto ticket = stage.flights.board(kHash, SharedKey("a"), kNow);
    howdah::test::FakeCall call(stage.fake);
    const auto outcome = stage.flights.wait(Context(stage.host, call.ctx()), ticket.flight);
    CHECK(outcome.late);
    CHECK(outcome.part == Part::alone);
    stage.flights.land(ticket.flight, Landing::failed);  // nobody is left to lead: the flight is over
    CHECK(stage.flights.board(kHash, SharedKey("a"), kNow).part == Part::leader);
}

TEST_CASE("flights: a read that takes longer than anybody waits is not joined, and another takes its place") {
    Flights flights(kPatience);
    const auto slow = flights.board(kHash, SharedKey("a"), kNow);
    CHECK(flights.board(kHash, SharedKey("a"), kNow + kPatience).part == Part::follower);
    const auto next = flights.board(kHash, SharedKey("a"), kNow + kPatience + 1);
    CHECK(next.part == Part::leader);
    flights.land(slow.flight, Landing::shared, entryOf("a"));  // the one that flies now is not its own
    CHECK(flights.board(kHash, SharedKey("a"), kNow + kPatience + 1).part == Part::follower);
    flights.land(next.flight, Landing::shared, entryOf("a"));
    CHECK(flights.board(kHash, SharedKey("a"), kNow + kPatience + 1).part == Part::leader);
}
