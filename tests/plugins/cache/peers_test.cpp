// The plugin among other instances, over a fake kv: who is one of them, and what is kept while others write.
#include "plugins/cache/clock.hpp"
#include "tests/plugins/cache/peers_stage.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

TEST_CASE("peers: a kv that nobody else sees is refused at the start, and the remedy named") {
    Folder folder;
    FakeKv kv(HOWDAH_KV_LOCAL);
    CacheHost host(folder.path());
    host.services[HOWDAH_KV_1] = kv.service();
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    const std::string why = host.start(kShared);
    CHECK(why.find("cache.shared.enabled needs a howdah.kv/1 that other instances see") != std::string::npos);
    CHECK(why.find("add the plugin redis") != std::string::npos);
}

TEST_CASE("peers: what another instance writes is kept from its begin to its end by nobody") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    one.untilKept(41);
    one.untilKept(42);
    Played other(kv);
    const auto number = other.begin(41);
    CacheHost::until([&] { return one.shared()["heard"] == 1; });
    CHECK_FALSE(one.answersFromMemory(41));
    CHECK_FALSE(one.answersFromMemory(41));  // what was read meanwhile neither
    CHECK(one.answersFromMemory(42));
    other.end(number);
    one.untilKept(41);
}

TEST_CASE("peers: a write of another instance that was told to nobody is found in the log") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    one.untilKept(41);
    Played other(kv);
    other.begin({"", kShop, 0, {Ledger::slotOf(kShop, 41)}}, false);
    CacheHost::until([&] { return !one.answersFromMemory(41); });
    CHECK_FALSE(one.answersFromMemory(41));
}

TEST_CASE("peers: a number is a writer's from when it was seen, not from when a slow store was asked") {
    std::atomic<std::uint64_t> number{0};
    std::atomic<int> looked_for{0};
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    // The store takes for the counter longer than a writer may; one comes meanwhile, and its entry at the second look.
    kv.setBefore([&](std::string_view what, std::string_view key) -> std::optional<Error> {
        if (what == "add" && number == 0) {
            const std::uint64_t begun_ns = bootNs();
            CacheHost::until([&] { return bootNs() - begun_ns > 1300 * kMs; });
            number = static_cast<std::uint64_t>(kv.count(key, 1));
        }
        const WriteMessage write{"played-1", kShop, 0, {Ledger::slotOf(kShop, 41)}};
        if (what == "get" && number > 0 && key == concat(kLogged, number.load()) && ++looked_for == 2)
            kv.put(key, begunText(number, write));
        return std::nullopt;
    });
    CacheHost::until([&] { return looked_for >= 2; });
    one.untilHeld(41);
}

TEST_CASE("peers: a write that is told of after the counter was asked, and before that is looked at, costs no lease") {
    std::atomic<int> looks{0};
    std::atomic<bool> told{false};
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    const int joined = one.shared()["joined"].get<int>();
    Played other(kv);
    kv.setBefore([&](std::string_view what, std::string_view key) -> std::optional<Error> {
        if (what == "add" && told) ++looks;
        if (what == "get" && key == "cache/default/store" && !told) {
            other.begin(41);
            CacheHost::until([&] { return !kv.told("/to/played-1").empty(); });
            told = true;
        }
        return std::nullopt;
    });
    CacheHost::until([&] { return looks >= 1; });  // so the one that was held up is over
    CHECK(one.shared()["joined"] == joined);
    CHECK(one.shared()["state"] == "member");
}

TEST_CASE("peers: what was judged before another instance defined anew is not kept, also when it waited for a read") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    auto leader = rowsOf(41);
    REQUIRE(one.host.before(*leader) == HOWDAH_PROCEED);
    auto follower = rowsOf(41);
    std::atomic<std::uint32_t> verdict{HOWDAH_FAULT};
    std::thread waiting([&] { verdict = one.host.before(*follower, 1); });
    CacheHost::until([&] { return one.host.stats()["waiting"] == 1; });
    Played other(kv);
    const auto number = other.begin({"",
                                     kShop,
                                     WriteMessage::kWhole | WriteMessage::kDefines,
                                     {Ledger::slotOf(kShop, 0), Ledger::slotOf(kShop, Ledger::kDefinitions)}});
    other.end(number);
    CacheHost::until([&] { return one.shared()["heard"] == 2; });
    one.host.failed(*leader, Error::unavailable("the connection broke"));
    waiting.join();
    REQUIRE(verdict == HOWDAH_PROCEED);
    one.host.after(*follower, {"by the old definition"}, 1);
    CHECK_FALSE(one.answersFromMemory(41));
}

TEST_CASE("peers: who joins takes the place of those whose sign of life has run out, and of no others") {
    FakeKv kv;
    std::vector<std::string> dead;
    for (std::size_t i = 1; i < kMembersMax; ++i)
        dead.push_back("dead-" + std::to_string(i));
    kv.put("cache/default/members", membersText(dead));
    Played other(kv);
    other.join();
    Instance one(kv);
    one.untilState("member");
    CacheHost::until([&] { return one.shared()["instances"] == 2; });
    const auto members = membersIn(kv.value("cache/default/members").value_or("?"));
    REQUIRE(members);
    CHECK(members->front() == "played-1");
}

TEST_CASE("peers: who stops is no longer on the list") {
    FakeKv kv;
    Played other(kv);
    other.join();
    {
        Instance one(kv);
        one.untilState("member");
        REQUIRE(kv.value("cache/default/members") != "played-1");
    }
    CHECK(kv.value("cache/default/members") == "played-1");
}

TEST_CASE("peers: a look that is thrown out of is not the last one") {
    std::atomic<bool> thrown{false};
    FakeKv kv;
    kv.setBefore([&](std::string_view what, std::string_view) -> std::optional<Error> {
        if (what == "add" && !thrown.exchange(true)) throw std::bad_alloc();
        return std::nullopt;
    });
    Instance one(kv);
    one.untilState("member");
    CHECK(thrown);
}

TEST_CASE("peers: who joins finds a write that is under way, also behind many numbers without an entry") {
    FakeKv kv;
    Played other(kv);
    const auto number = other.begin(41);
    kv.count("cache/default/count", 200);  // writers that did not get so far as to log
    Instance one(kv);
    one.untilState("member");
    CHECK_FALSE(one.answersFromMemory(41));
    CHECK_FALSE(one.answersFromMemory(41));
    other.end(number);
    one.untilKept(41);
}

TEST_CASE("peers: who cannot hear does not ask without a rest, finds writes in the log, and hears again") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    kv.setDeaf(true);
    CacheHost::until([&] { return kv.failedToHear("/to/") >= 2 && kv.failedToHear("/all") >= 2; });
    // Both rest for an eighth of a lease: the one has not run away while the other came so far.
    CHECK(kv.failedToHear("/to/") < 50);
    CHECK(kv.failedToHear("/all") < 50);
    Played other(kv);
    other.begin(41);
    one.untilHeld(41);
    kv.setDeaf(false);
    const int heard = one.shared()["heard"].get<int>();
    const auto number = other.begin(42);
    CacheHost::until([&] { return one.shared()["heard"].get<int>() > heard; });
    other.end(number);
}

TEST_CASE("peers: of more writes under way than are remembered none leaves an answer") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    one.untilKept(42);
    const int joined = one.shared()["joined"].get<int>();
    Played other(kv);
    for (std::size_t i = 0; i <= Peers::kForeignMax; ++i) {
        other.begin(41);
        if (i % 256 == 0) CacheHost::until([&] { return one.shared()["heard"].get<std::size_t>() >= i; });
    }
    CacheHost::until([&] { return one.shared()["joined"].get<int>() > joined; });
    one.untilHeld(41);
    CHECK_FALSE(one.answersFromMemory(42));
}
