// Entries as bytes: whole ones come back, and whatever else is given, nothing breaks.
#include "plugins/cache/entry.hpp"

#include "tests/plugins/cache/cache_host.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

namespace {

constexpr std::uint64_t kLong = 1000;

EntryPtr sample() {
    const FakeRows rows({"first", "", "third"});
    return Entry::ofResult(SharedKey("key"), 5, {10, 20}, {{1, 2}, {3, 4}}, rows.result());
}

}  // namespace

TEST_CASE("entry: what it was made of may go") {
    const EntryPtr entry = sample();
    REQUIRE(entry->batches().size() == 1);
    BatchReader reader(entry->batches()[0], entry->columns().size());
    std::vector<std::string> cells;
    while (reader.next())
        cells.emplace_back(reader.cells()[0].text());
    CHECK(cells == std::vector<std::string>{"first", "", "third"});
    CHECK(fromAbi(entry->columns()[0].name) == "value");
    CHECK(fromAbi(entry->trailer().command_tag) == "SELECT 1");
    CHECK(entry->size() > sizeof(Entry));
}

TEST_CASE("entry: it comes back from its bytes as it was") {
    const EntryPtr entry = sample();
    const EntryPtr back = Entry::fromBytes(entry->toBytes(), 5, kLong);
    REQUIRE(back);
    CHECK(back->toBytes() == entry->toBytes());
    CHECK(back->key() == "key");
    CHECK(back->life().born_ns == 10);
    CHECK(back->life().ends_ns == 20);
    CHECK(back->footings() == entry->footings());
    CHECK(back->trailer().row_count == 3);
}

TEST_CASE("entry: one that comes back where answers may be less old ends when they do") {
    const std::string bytes = sample()->toBytes();  // born at 10, ends at 20
    CHECK(Entry::fromBytes(bytes, 5, 4)->life().ends_ns == 14);
    CHECK(Entry::fromBytes(bytes, 5, 10)->life().ends_ns == 20);
    CHECK(Entry::fromBytes(bytes, 5, 11)->life().ends_ns == 20);
    CHECK(Entry::fromBytes(bytes, 5, 4)->life().born_ns == 10);
}

TEST_CASE("entry: a part of its bytes, or more than them, is no entry") {
    const std::string bytes = sample()->toBytes();
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        CAPTURE(length);
        CHECK_FALSE(Entry::fromBytes(std::string_view(bytes).substr(0, length), 5, kLong));
    }
    CHECK_FALSE(Entry::fromBytes(bytes + "x", 5, kLong));
}

TEST_CASE("entry: bytes that were changed never make rows that run over their end") {
    const std::string bytes = sample()->toBytes();
    std::size_t entries = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (const int change : {0x01, 0x80, 0xff}) {
            std::string other = bytes;
            other[at] = static_cast<char>(other[at] ^ change);
            const EntryPtr back = Entry::fromBytes(other, 5, kLong);
            if (!back) continue;
            ++entries;
            for (const howdah_batch& batch : back->batches()) {
                BatchReader reader(batch, back->columns().size());
                std::uint64_t rows = 0;
                while (reader.next())
                    ++rows;
                CHECK(rows == batch.row_count);
            }
        }
    }
    CHECK(entries > 0);  // of those whose key or values changed
}

TEST_CASE("entry: that of another instance lives and stands as is said here, on the same relations or not at all") {
    const std::string bytes = sample()->toBytes();  // on slots 1 and 3
    const EntryPtr here = Entry::ofPeer(bytes, 5, {100, 200}, {{3, 7}, {1, 8}});
    REQUIRE(here);
    CHECK(here->life().born_ns == 100);
    CHECK(here->life().ends_ns == 200);
    CHECK(here->footings() == std::vector<Footing>{{3, 7}, {1, 8}});
    CHECK_FALSE(Entry::ofPeer(bytes, 5, {100, 200}, {{1, 8}}));
    CHECK_FALSE(Entry::ofPeer(bytes, 5, {100, 200}, {{1, 8}, {2, 7}}));
    CHECK_FALSE(Entry::ofPeer(bytes, 5, {100, 200}, {{1, 8}, {3, 7}, {4, 9}}));
    CHECK_FALSE(Entry::ofPeer(bytes.substr(1), 5, {100, 200}, {{1, 8}, {3, 7}}));
}
