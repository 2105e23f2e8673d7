// A write among other instances, over a fake kv: what they are told, and what its answer waits for.
#include "plugins/cache/clock.hpp"
#include "tests/plugins/cache/peers_stage.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

TEST_CASE("peers: the answer to a write waits until the other has it in its ledger") {
    FakeKv kv;
    Instance one(kv), two(kv);
    one.untilState("member");
    two.untilState("member");
    CacheHost::until([&] { return one.shared()["instances"] == 2; });
    two.untilKept(41);
    auto write = FakeQuery::writes("update t", {41});
    one.begin(*write);
    const auto number = lastNumber(kv);
    one.host.after(*write, {});
    CHECK(two.host.read(rowsOf(41), "new").asked);
    CHECK(lastNumber(kv) == number);  // it was told once
}

TEST_CASE("peers: a write that took longer than others hold it back is told again before it is answered") {
    FakeKv kv;
    Instance one(kv, R"({"unsettled_ms":1000,"shared":{"enabled":true,"lease_ms":1200}})");
    one.untilState("member");
    auto write = FakeQuery::writes("update t", {41});
    one.begin(*write);
    const auto first = lastNumber(kv);
    const std::uint64_t begun_ns = bootNs();
    CacheHost::until([&] { return bootNs() - begun_ns > 1000 * kMs; });
    one.host.after(*write, {});
    REQUIRE(lastNumber(kv) > first);
    const auto again = logged(kv, lastNumber(kv));
    REQUIRE(again);
    CHECK(again->write.slots == std::vector<std::uint32_t>{Ledger::slotOf(kShop, 41)});
    CacheHost::until([&] { return endsTold(kv, again->number, true) == 1; });
}

TEST_CASE("peers: a write whose time is over before another has heard of it is not answered as if all had") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    Played other(kv);
    other.join();  // and never acknowledges
    CacheHost::until([&] { return one.shared()["instances"] == 2; });
    auto write = FakeQuery::writes("update t", {41});
    one.begin(*write);
    CHECK(one.host.afterWithin(*write, std::chrono::milliseconds(1)) == HOWDAH_DENY);
    CHECK(CacheHost::denied.code == Code::timeout);
    CHECK(CacheHost::denied.message.find("the statement was executed") != std::string::npos);
    CHECK(one.shared()["writes"]["cut_short"] == 1);

    auto patient = FakeQuery::writes("update t", {41});
    one.begin(*patient);
    CHECK(one.host.afterWithin(*patient, std::chrono::seconds(60)) == HOWDAH_PROCEED);
    CHECK(one.shared()["writes"]["waited_out"] == 1);
}

TEST_CASE("peers: a write that may have reached more than it told, as definitions moved, tells of its whole database") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    auto narrow = FakeQuery::writes("update t", {41});
    one.begin(*narrow);
    auto defines = FakeQuery::writes("create trigger", {41});
    defines->judged.kind = HOWDAH_STATEMENT_DDL;
    one.write(std::move(defines));
    const auto before = lastNumber(kv);
    one.host.after(*narrow, {});
    REQUIRE(lastNumber(kv) > before);
    const auto again = logged(kv, lastNumber(kv));
    REQUIRE(again);
    CHECK(again->write.slots == std::vector<std::uint32_t>{Ledger::slotOf(kShop, 0)});
}

TEST_CASE("peers: who has found a write in the log before it was told may say so at once") {
    const auto writer = std::this_thread::get_id();
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    Played other(kv);
    other.join();
    CacheHost::until([&] { return one.shared()["instances"] == 2; });
    kv.setBefore([&](std::string_view what, std::string_view key) -> std::optional<Error> {
        if (what != "get" || !key.ends_with("/store") || std::this_thread::get_id() != writer) return std::nullopt;
        const auto entry = logged(kv, lastNumber(kv));
        if (!entry) return std::nullopt;
        const std::size_t heard = kv.taken("/to/" + entry->write.instance);
        for (int twice = 0; twice < 2; ++twice)  // who takes the second has done with the first
            other.hear(entry->number, entry->write.instance);
        CacheHost::until([&] { return kv.taken("/to/" + entry->write.instance) >= heard + 2; });
        return std::nullopt;
    });
    one.write(FakeQuery::writes("update t", {41}));
    const Json writes = one.shared()["writes"];
    CHECK(writes["acknowledged"] == 1);
    CHECK(writes["waited_out"] == 0);
}

TEST_CASE(
    "peers: a write that is refused holds nothing back elsewhere, and one whose end nobody told is said to be open") {
    std::atomic<bool> fails{true};
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    kv.setBefore([&](std::string_view what, std::string_view key) -> std::optional<Error> {
        if (what == "set" && key.starts_with(kLogged) && fails.exchange(false)) return Error::unavailable("no room");
        return std::nullopt;
    });
    auto write = FakeQuery::writes("update t", {41});
    REQUIRE(one.host.before(*write) == HOWDAH_DENY);
    const auto refused = lastNumber(kv);
    CacheHost::until([&] { return endsTold(kv, refused, true) == 1; });
    const auto entry = logged(kv, refused);
    REQUIRE(entry);
    CHECK((entry->write.flags & WriteMessage::kEnded) != 0);

    one.begin(*write);
    const auto lost = lastNumber(kv);
    one.begin(*write);  // another query at the same address
    CacheHost::until([&] { return endsTold(kv, lost, false) == 1; });
    one.host.after(*write, {});
}

TEST_CASE("peers: with writes_alone: allow a write goes on when nobody can be told, and waits for nobody") {
    std::atomic<bool> away{false};
    FakeKv kv;
    Instance one(kv, R"({"shared":{"enabled":true,"lease_ms":1200,"writes_alone":"allow"}})");
    one.untilState("member");
    kv.setBefore([&](std::string_view, std::string_view) -> std::optional<Error> {
        if (away) return Error::unavailable("the store is away");
        return std::nullopt;
    });
    auto told = FakeQuery::writes("update t", {43});
    one.begin(*told);
    const int refused = one.shared()["writes"]["refused"].get<int>();
    away = true;
    auto write = FakeQuery::writes("update t", {41});
    CHECK(one.host.before(*write) == HOWDAH_PROCEED);
    CHECK(one.host.afterWithin(*write, std::chrono::milliseconds(0)) == HOWDAH_PROCEED);
    CHECK(one.shared()["writes"]["refused"] == refused + 1);
    one.untilState("alone");
    CHECK_FALSE(one.answersFromMemory(42));
    CHECK_FALSE(one.answersFromMemory(42));  // nothing is given out without a lease
    CHECK(one.host.afterWithin(*told, std::chrono::seconds(60)) == HOWDAH_PROCEED);
    away = false;
    one.untilState("member");
}

TEST_CASE("peers: a write that reaches more tables than a message holds is one of its whole database") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    std::vector<std::uint32_t> tables(WriteMessage::kSlotsMax, 41);
    for (const std::size_t more : {0, 1}) {
        tables.resize(WriteMessage::kSlotsMax + more, 41);
        one.write(FakeQuery::writes("update", tables));
        const auto entry = logged(kv, lastNumber(kv));
        REQUIRE(entry);
        CHECK(entry->write.slots.size() == (more ? 1 : WriteMessage::kSlotsMax));
        CHECK((entry->write.slots[0] == Ledger::slotOf(kShop, 0)) == (more == 1));
    }
}

TEST_CASE("peers: a write whose number is of a store that was emptied before its entry lay there is not sent") {
    std::atomic<bool> empties{false};
    std::atomic<int> stores{0};
    FakeKv kv;
    Played other(kv);
    other.join();
    Instance one(kv);
    kv.setBefore([&](std::string_view what, std::string_view key) -> std::optional<Error> {
        if (what == "set" && key.starts_with(kLogged) && empties.exchange(false)) {
            kv.clear();
            kv.put("cache/default/store", concat("store-", ++stores));
        }
        return std::nullopt;
    });
    const auto isRefused = [&] {
        empties = true;
        auto write = FakeQuery::writes("update t", {41});
        return one.host.before(*write) == HOWDAH_DENY && CacheHost::denied.message.ends_with("store was emptied");
    };
    CHECK(isRefused());  // also while it is no member
    one.untilState("member");
    CHECK(isRefused());
}

TEST_CASE("peers: a write while which the store was emptied is told again in the new one") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    auto write = FakeQuery::writes("update t", {41});
    one.begin(*write);
    const int joined = one.shared()["joined"].get<int>();
    kv.clear();
    CacheHost::until([&] { return one.shared()["joined"] > joined; });
    REQUIRE(lastNumber(kv) == 0);
    one.host.after(*write, {});
    const auto again = logged(kv, lastNumber(kv));
    REQUIRE(again);
    CHECK(again->write.slots == std::vector<std::uint32_t>{Ledger::slotOf(kShop, 41)});
}

TEST_CASE("peers: who is silent and gives no sign of life is taken off the list by a write that waited for it") {
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    Played other(kv);
    other.join();
    CacheHost::until([&] { return one.shared()["instances"] == 2; });
    one.write(FakeQuery::writes("update t", {41}));
    CHECK(one.shared()["writes"]["waited_out"] == 1);
    CHECK(one.shared()["instances"] == 2);  // it lives
    kv.erase("cache/default/alive/played-1");
    one.write(FakeQuery::writes("update t", {41}));
    CacheHost::until([&] { return one.shared()["instances"] == 1; });
}

TEST_CASE("peers: a write for which the store was too slow is given up at once") {
    const auto writer = std::this_thread::get_id();
    std::atomic<int> asked_after{0};
    std::atomic<bool> slow{true};
    FakeKv kv;
    Instance one(kv);
    one.untilState("member");
    kv.setBefore([&](std::string_view what, std::string_view) -> std::optional<Error> {
        if (std::this_thread::get_id() != writer) return std::nullopt;
        if (!slow) ++asked_after;
        if (what == "add" && slow.exchange(false)) {
            const std::uint64_t begun_ns = bootNs();
            CacheHost::until([&] { return bootNs() - begun_ns > 301 * kMs; });
        }
        return std::nullopt;
    });
    auto write = FakeQuery::writes("update t", {41});
    CHECK(one.host.before(*write) == HOWDAH_DENY);
    CHECK(CacheHost::denied.message.ends_with("answers too slowly"));
    CHECK(asked_after == 0);
    const auto refused = lastNumber(kv);
    CacheHost::until([&] { return endsTold(kv, refused, true) == 1; });
}
