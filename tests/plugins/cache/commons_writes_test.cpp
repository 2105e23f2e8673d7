// The level that instances share, over a fake kv: no write, and nothing else that makes an answer old, is missed.
#include "plugins/cache/clock.hpp"
#include "tests/plugins/cache/commons_stage.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

TEST_CASE("commons: after a write through either instance neither gives out what was read before") {
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    for (Instance* writer : {&one, &two}) {
        leave(one, readOf(41, writer == &one ? "select 1" : "select 2"), "old");
        leave(one, readOf(42, writer == &one ? "select 3" : "select 4"), "of another table");
        writer->write(FakeQuery::writes("update t", {41}));
        one.untilKept(41);
        two.untilKept(41);
        CHECK(isLeftOut(two, readOf(41, writer == &one ? "select 1" : "select 2"), "outdated"));
        CHECK(seenBy(two, readOf(42, writer == &one ? "select 3" : "select 4"), "").source == HOWDAH_FROM_SHARED);
    }
}

TEST_CASE("commons: a write of a whole database, and one of all databases, reach every answer of it") {
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    Played other(kv);
    for (const std::uint32_t database : {kShop, 0u}) {
        const std::string sql = concat("select ", database);
        leave(one, readOf(41, sql), "old");
        const int heard = two.shared()["heard"].get<int>();
        const auto number = other.begin({"", database, WriteMessage::kWhole, {Ledger::slotOf(database, 0)}});
        other.end(number);
        CacheHost::until([&] { return two.shared()["heard"].get<int>() >= heard + 2; });
        two.untilKept(41);
        CHECK(seenBy(two, readOf(41, sql), "new").source == HOWDAH_FROM_DATABASE);
    }
}

TEST_CASE("commons: a write while an answer is on its way into the store makes it nobody's") {
    Gate gate;
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    kv.setBefore(gate.holding("set"));
    const int stored = commonsOf(one)["stored"].get<int>();
    REQUIRE(one.host.read(readOf(41, "select slowly stored from t41"), "old").asked);
    CacheHost::until([&] { return gate.asked() > 0; });
    Played other(kv);
    const auto number = other.begin(41);
    two.untilHeld(41);
    gate.open();
    CacheHost::until([&] { return commonsOf(one)["stored"].get<int>() > stored; });
    other.end(number);
    two.untilKept(41);
    CHECK(isLeftOut(two, readOf(41, "select slowly stored from t41"), "outdated"));
}

TEST_CASE("commons: what was read while a write took longer than others hold it back is old once it is told again") {
    Sharing sharing(R"("unsettled_ms":1000,)");
    auto& [key, kv, one, two] = sharing;
    auto write = FakeQuery::writes("update t", {41});
    one.begin(*write);
    two.untilHeld(41);
    two.untilKept(41);
    leave(two, readOf(41, "select a from t41"), "old");
    leave(two, readOf(41, "select b from t41"), "old");
    one.host.after(*write, {});
    CHECK(seenBy(one, readOf(41, "select a from t41"), "new").source == HOWDAH_FROM_DATABASE);
    Instance* const both[] = {&one, &two};
    for (Instance* reader : both)
        CHECK(seenBy(*reader, readOf(41, "select b from t41"), "new").cells == std::vector<std::string>{"new"});
}

TEST_CASE("commons: what was given out before a long write was told again is forgotten by its writer, too") {
    const auto writer = std::this_thread::get_id();
    Sharing sharing(R"("unsettled_ms":1000,)");
    auto& [key, kv, one, two] = sharing;
    untilShared(two, one);
    auto write = FakeQuery::writes("update t", {41});
    one.begin(*write);
    two.untilHeld(41);
    two.untilKept(41);
    leave(two, readOf(41, "select a from t41"), "old");
    // Its end is known here, and its second number is not: until it is answered, what was before may be given out.
    std::optional<Seen> between;
    kv.setBefore([&](std::string_view what, std::string_view name) -> std::optional<Error> {
        if (what == "add" && name.ends_with("/count") && std::this_thread::get_id() == writer && !between)
            between = seenBy(one, readOf(41, "select a from t41"), "new");
        return std::nullopt;
    });
    one.host.after(*write, {});
    REQUIRE(between);
    REQUIRE(between->source == HOWDAH_FROM_SHARED);
    CHECK(seenBy(one, readOf(41, "select a from t41"), "new").cells == std::vector<std::string>{"new"});
}

TEST_CASE("commons: an answer that was read while a writer had a number and no entry is from before its write") {
    constexpr int kLease_ms = 3000;
    const SharedKeyFile key;
    std::atomic<std::uint64_t> number{0};
    std::atomic<int> looked{0};
    FakeKv kv;
    Instance one(kv, key.section("", R"("read_ms":1000,)", kLease_ms)),
        two(kv, key.section("", R"("read_ms":1000,)", kLease_ms));
    untilShared(one, two);
    kv.setBefore([&](std::string_view what, std::string_view name) -> std::optional<Error> {
        if (what == "get" && number > 0 && name == concat(kLogged, number.load())) ++looked;
        return std::nullopt;
    });
    number = static_cast<std::uint64_t>(kv.count("cache/default/count", 1));
    CacheHost::until([&] { return looked >= 4; });  // both, as both look as often
    leave(one, readOf(41, "select a from t41"), "old");
    const WriteMessage write{"played-1", kShop, 0, {Ledger::slotOf(kShop, 41)}};
    kv.put(concat(kLogged, number.load()), begunText(number, write));
    kv.tell("cache/default/all", begunText(number, write));
    two.untilHeld(41);
    kv.tell("cache/default/all", endedText(number, true));
    two.untilKept(41);
    CHECK(isLeftOut(two, readOf(41, "select a from t41"), "outdated"));
}

TEST_CASE("commons: who has joined again gives out nothing from before a write that it had heard of until then") {
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    leave(one, readOf(41, "select a from t41"), "old");
    one.write(FakeQuery::writes("update t", {41}));
    CacheHost::until([&] { return endsTold(kv, lastNumber(kv), true) == 1; });
    kv.erase(concat(kLogged, lastNumber(kv)));  // as it does when its time is over
    const int joined = two.shared()["joined"].get<int>();
    const auto members = membersIn(kv.value("cache/default/members").value_or(""));
    REQUIRE(members);
    for (const std::string& member : *members)
        kv.erase("cache/default/alive/" + member);
    CacheHost::until([&] { return two.shared()["joined"] > joined; });
    two.untilState("member");
    CHECK(isLeftOut(two, readOf(41, "select a from t41"), "outdated"));
}

TEST_CASE("commons: cache_invalidate through one instance reaches what lies in the store, for all") {
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    int round = 0;
    for (Instance* reader : {&one, &two}) {
        Instance& reads_first = reader == &one ? two : one;
        const std::string sql = concat("select ", ++round, " from t41");
        leave(reads_first, readOf(41, sql), "old");
        REQUIRE(one.host.call("cache_invalidate", {{"relation", "t"}}).status == HOWDAH_OK);
        CHECK(seenBy(*reader, readOf(41, sql), "new").source == HOWDAH_FROM_DATABASE);
    }
}

TEST_CASE("commons: who joins later gives out what is read from then on, and nothing from before") {
    const SharedKeyFile key;
    FakeKv kv;
    Instance one(kv, key.section());
    one.untilState("member");
    leave(one, rowsOf(41), "from before");
    Instance late(kv, key.section());
    late.untilState("member");
    CHECK(seenBy(late, rowsOf(41), "of the database").source == HOWDAH_FROM_DATABASE);
    CHECK(commonsOf(late)["outdated"] == 1);
    untilShared(one, late);
}

TEST_CASE("commons: what lay there before a write and is put back after it is old") {
    Names put, asked;
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    kv.setBefore(noting(put, asked));
    const Left left = leftBy(one, kv, put, rowsOf(41), "old");
    one.write(FakeQuery::writes("update t", {41}));
    CacheHost::until([&] { return two.host.isKept(readOf(41, "select other from t41")); });
    kv.put(left.name, left.value);
    CHECK(isLeftOut(two, rowsOf(41), "outdated"));
}

TEST_CASE("commons: in a store that was emptied nothing counts that is put back from before") {
    Names put, asked;
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    kv.setBefore(noting(put, asked));
    const Left left = leftBy(one, kv, put, rowsOf(41), "from before");
    const int joined[] = {one.shared()["joined"].get<int>(), two.shared()["joined"].get<int>()};
    kv.clear();
    CacheHost::until([&] { return one.shared()["joined"] > joined[0] && two.shared()["joined"] > joined[1]; });
    kv.put(left.name, left.value);
    untilShared(one, two);
    CHECK(seenBy(two, rowsOf(41), "of the database").source == HOWDAH_FROM_DATABASE);
}
