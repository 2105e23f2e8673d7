// The levels in memory: near and shared, and what is no longer true.
#include "plugins/cache/memory.hpp"

#include <doctest/doctest.h>

#include "tests/plugins/cache/folder.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

namespace {

struct Stage {
    Stage()
        : ledger(std::move(*Ledger::open({folder.path(), 1}, 0))),
          memory(*ledger, {10, 1u << 20}, {160, 1u << 24}, 2) {}
    EntryPtr entry(const std::string& key, std::uint64_t ends_ns = 100) {
        return Entry::ofResult(SharedKey(key), hashOf(key), {0, ends_ns}, {ledger->footing(slot)}, howdah_result{});
    }
    static std::uint64_t hashOf(const std::string& key) { return std::hash<std::string>()(key); }
    const Entry* find(std::size_t shard, const std::string& key, std::uint64_t now_ns = 1) {
        return memory.find(shard, hashOf(key), key, now_ns, counters);
    }

    Folder folder;
    std::unique_ptr<Ledger> ledger;
    Memory memory;
    Counters counters;
    const std::uint32_t slot = Ledger::slotOf(1, 1);
};

}  // namespace

TEST_CASE("memory: what one shard has stored another finds, and then has near") {
    Stage stage;
    stage.memory.store(0, stage.entry("a"));
    REQUIRE(stage.find(0, "a"));
    CHECK(stage.counters.hits_l1.value() == 1);
    REQUIRE(stage.find(1, "a"));
    CHECK(stage.counters.hits_l2.value() == 1);
    REQUIRE(stage.find(1, "a"));
    CHECK(stage.counters.hits_l1.value() == 2);
    CHECK_FALSE(stage.find(0, "b"));
}

TEST_CASE("memory: an entry is given out until it ends, and not at its end") {
    Stage stage;
    stage.memory.store(0, stage.entry("a", 100));
    CHECK(stage.find(0, "a", 99));
    CHECK_FALSE(stage.find(0, "a", 100));
    CHECK(stage.counters.expired.value() == 2);  // in either level
    CHECK_FALSE(stage.find(0, "a", 1));          // it is gone
    CHECK(stage.memory.l2().entries == 0);
}

TEST_CASE("memory: an entry whose relation was written is not given out by any level") {
    Stage stage;
    stage.memory.store(0, stage.entry("a"));
    REQUIRE(stage.find(1, "a"));
    stage.ledger->move(stage.slot);
    CHECK_FALSE(stage.find(0, "a"));
    CHECK_FALSE(stage.find(1, "a"));
    CHECK(stage.counters.outdated.value() == 3);
    stage.memory.store(1, stage.entry("a"));
    CHECK(stage.find(0, "a"));
}

TEST_CASE("memory: what leaves the near level is still in the shared one") {
    Stage stage;
    for (int i = 0; i < 100; ++i)
        stage.memory.store(0, stage.entry("key " + std::to_string(i)));
    CHECK(stage.memory.l1().entries <= 10);
    CHECK(stage.memory.l2().entries > 50);
    CHECK(stage.memory.all().size() == stage.memory.l2().entries);
}
