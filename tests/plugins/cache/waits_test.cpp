// The plugin over a fake host: calls that wait for another's read, and queries whose end nobody tells.
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/plugins/cache/cache_host.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

TEST_CASE("cache: a call that asks what another is reading costs no read of its own") {
    Stage stage;
    auto leader = readOf(1);
    REQUIRE(stage.host.before(*leader) == HOWDAH_PROCEED);
    std::atomic<std::uint32_t> verdict{0};
    auto follower = readOf(1);
    std::thread waits([&] { verdict = stage.host.before(*follower, 1); });
    stage.untilWaiting();
    stage.host.after(*leader, {"one read"});
    waits.join();
    CHECK(verdict == HOWDAH_REPLY);
    CHECK(follower->replied == std::vector<std::string>{"one read"});
    CHECK(stage.host.stats()["misses"] == 1);
    CHECK(stage.host.stats()["hits_shared"] == 1);
    CHECK(stage.host.stats()["waiting"] == 0);
}

TEST_CASE("cache: when the read that others wait for fails, one of them reads, and it is answered") {
    Stage stage;
    auto leader = readOf(1);
    REQUIRE(stage.host.before(*leader) == HOWDAH_PROCEED);
    std::atomic<std::uint32_t> verdict{0};
    auto follower = readOf(1);
    std::thread waits([&] { verdict = stage.host.before(*follower, 1); });
    stage.untilWaiting();
    stage.host.failed(*leader, Error::timeout("late"));
    waits.join();
    CHECK(verdict == HOWDAH_PROCEED);
    stage.host.after(*follower, {"read by the other"}, 1);
    CHECK(stage.host.read(readOf(1), "").cells[0] == "read by the other");
}

TEST_CASE("cache: who waits longer than coalesce_ms asks the database himself") {
    Stage stage(R"({"coalesce_ms":20})");
    // Once more where a busy machine lets that time pass before the second call comes, which then waits for nobody.
    for (int round = 0; stage.host.stats()["waits_late"] == 0; ++round) {
        REQUIRE(round < 100);
        const std::string sql = concat("select ", round, " from t");
        auto leader = readOf(1, sql);
        REQUIRE(stage.host.before(*leader) == HOWDAH_PROCEED);
        auto follower = readOf(1, sql);
        CHECK(stage.host.before(*follower, 1) == HOWDAH_PROCEED);
        stage.host.after(*follower, {"a"}, 1);
        stage.host.after(*leader, {"b"});
        CHECK(stage.host.isKept(readOf(1, sql)));
    }
}

TEST_CASE("cache: a tenant does not wait for another's equal text") {
    Stage stage;
    auto leader = FakeQuery::reads("select name from t", {1}, 7);
    REQUIRE(stage.host.before(*leader) == HOWDAH_PROCEED);
    CHECK(stage.host.read(FakeQuery::reads("select name from t", {1}, 8), "of eight").asked);
    CHECK(stage.host.stats()["waits_late"] == 0);
    stage.host.after(*leader, {"of seven"});
}

TEST_CASE("cache: an answer that is older than ttl_ms when its read ends is not given to who waited for it") {
    Stage stage(R"({"ttl_ms":1})");
    auto leader = readOf(1);
    REQUIRE(stage.host.before(*leader) == HOWDAH_PROCEED);
    const auto begun = std::chrono::steady_clock::now();
    std::atomic<std::uint32_t> verdict{0};
    auto follower = readOf(1);
    std::thread waits([&] { verdict = stage.host.before(*follower, 1); });
    stage.untilWaiting();
    CacheHost::until([&] { return std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(2); });
    stage.host.after(*leader, {"too old"});
    waits.join();
    CHECK(verdict == HOWDAH_PROCEED);
    CHECK(stage.host.stats()["hits"] == 0);
    stage.host.after(*follower, {"fresh"}, 1);
}

TEST_CASE("cache: a read whose end nobody told leaves nothing to the next query at its address") {
    Stage stage;
    auto query = readOf(1, "left");
    REQUIRE(stage.host.before(*query) == HOWDAH_PROCEED);
    query->facts = nullptr;  // another query now, which no guard has judged
    REQUIRE(stage.host.before(*query) == HOWDAH_PROCEED);
    stage.host.after(*query, {"another's"});
    CHECK(stage.host.read(readOf(1, "left"), "its own").cells[0] == "its own");
}

TEST_CASE("cache: a write whose end nobody told is not taken for settled by the next query at its address") {
    Stage stage;
    auto query = FakeQuery::writes("update", {1});
    REQUIRE(stage.host.before(*query) == HOWDAH_PROCEED);
    query->access = HOWDAH_ACCESS_READ;
    query->facts = nullptr;
    REQUIRE(stage.host.before(*query) == HOWDAH_PROCEED);
    stage.host.after(*query, {"x"});
    stage.host.read(readOf(1), "maybe before it");
    CHECK_FALSE(stage.host.isKept(readOf(1)));
    CHECK(stage.host.stats()["writes"]["unsettled"] == 1);
}

TEST_CASE("cache: a call whose time is spent while it waits leaves nothing behind") {
    Stage stage;
    auto leader = readOf(1);
    REQUIRE(stage.host.before(*leader) == HOWDAH_PROCEED);
    auto follower = readOf(1);
    REQUIRE(stage.host.before(*follower, 1, std::chrono::milliseconds(1)) == HOWDAH_PROCEED);
    stage.host.after(*follower, {"nobody's"}, 1);
    CHECK(stage.host.stats()["stored"] == 0);
    stage.host.after(*leader, {"the leader's"});
    CHECK(stage.host.read(readOf(1), "").cells[0] == "the leader's");
}
