// Keys: what is not the same question never has the same bytes.
#include "plugins/cache/key.hpp"

#include <set>

#include "tests/plugins/cache/cache_host.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

namespace {

std::string keyOf(const FakeQuery& query) {
    std::string key = "what was in the buffer";
    writeKey(query, key);
    return key;
}

template <typename Change>
std::string changed(Change change) {
    auto query = FakeQuery::reads("select 1", {1});
    query->with({textValue("a"), Value(1).raw()});
    change(*query);
    query->sql = toAbi(query->text);
    return keyOf(*query);
}

}  // namespace

TEST_CASE("key: each thing an answer depends on makes another key") {
    std::set<std::string> keys;
    keys.insert(changed([](FakeQuery&) {}));
    keys.insert(changed([](FakeQuery& query) { query.text = "select 2"; }));
    keys.insert(changed([](FakeQuery& query) { query.scope_hash = 8; }));
    keys.insert(changed([](FakeQuery& query) { query.judged.schema_version = 2; }));
    keys.insert(changed([](FakeQuery& query) { query.database = toAbi("same"); }));
    keys.insert(changed([](FakeQuery& query) { query.rows_max = 5; }));
    keys.insert(changed([](FakeQuery& query) { query.bytes_max = 5; }));
    keys.insert(changed([](FakeQuery& query) { query.rows_skip = 5; }));
    keys.insert(changed([](FakeQuery& query) { query.values[0] = textValue("b"); }));
    keys.insert(changed([](FakeQuery& query) { query.values[0] = Value(nullptr).raw(); }));
    keys.insert(changed([](FakeQuery& query) { query.values[0] = Value::json("a").raw(); }));
    keys.insert(changed([](FakeQuery& query) { query.values[0].type_oid = 25; }));
    keys.insert(changed([](FakeQuery& query) { query.values[1] = Value(1.0).raw(); }));
    keys.insert(changed([](FakeQuery& query) { query.values[1] = Value(true).raw(); }));
    keys.insert(changed([](FakeQuery& query) { query.parameter_count = 1; }));
    keys.insert(changed([](FakeQuery& query) { query.who.subject = toAbi("somebody"); }));
    keys.insert(changed([](FakeQuery& query) { query.who.tenant = toAbi("somebody"); }));
    CHECK(keys.size() == 17);
}

TEST_CASE("key: which request it was, and its time limit, do not count") {
    const std::string plain = changed([](FakeQuery&) {});
    CHECK(changed([](FakeQuery& query) { query.timeout_ms = 5; }) == plain);
    CHECK(changed([](FakeQuery& query) { query.request_id = 5; }) == plain);
}

TEST_CASE("key: texts that run into each other do not make one key") {
    const auto two = [](std::string_view first, std::string_view second) {
        return changed([&](FakeQuery& query) { query.with({textValue(first), textValue(second)}); });
    };
    CHECK(two("ab", "c") != two("a", "bc"));
    CHECK(two("", "abc") != two("abc", ""));
}

TEST_CASE("key: scope, database and principal are read back from it") {
    const std::string key = changed([](FakeQuery& query) {
        query.database = toAbi("same");
        query.who.subject = toAbi("somebody");
        query.who.tenant = toAbi("acme");
    });
    CHECK(partsOf(key).scope_hash == 7);
    CHECK(partsOf(key).database == "same");
    CHECK(partsOf(key).subject == "somebody");
    CHECK(partsOf(key).tenant == "acme");
    CHECK(partsOf("").database.empty());
}

TEST_CASE("key: a word that may be a moment is found in any case, in any text or JSON, and in no number") {
    for (const char* text : {"now", "NOW", "x now()", "Today", "tomorrow", "{yesterday}", "yesterdaY", "snow"}) {
        CAPTURE(text);
        const howdah_value value = textValue(text);
        CHECK(namesAMoment(&value, 1));
    }
    for (const char* text : {"", "no", "n o w", "2024-01-01", "toda", "infinity", "epoch"}) {
        CAPTURE(text);
        const howdah_value value = textValue(text);
        CHECK_FALSE(namesAMoment(&value, 1));
    }
    const howdah_value json = Value::json(R"(["now"])").raw();
    CHECK(namesAMoment(&json, 1));
    const howdah_value numbers[] = {Value(1).raw(), Value(nullptr).raw(), Value(2.5).raw()};
    CHECK_FALSE(namesAMoment(numbers, 3));
    CHECK_FALSE(namesAMoment(nullptr, 0));
}

TEST_CASE("hash: it depends on every byte, on the length and on the seed") {
    std::string bytes(67, 'x');
    std::set<std::uint64_t> hashes{hashOf(bytes, 1), hashOf(bytes, 2)};
    for (std::size_t length = 0; length < bytes.size(); ++length)
        hashes.insert(hashOf(std::string_view(bytes).substr(0, length), 1));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string other = bytes;
        other[at] = 'y';
        hashes.insert(hashOf(other, 1));
    }
    CHECK(hashes.size() == 2 + 67 + 67);
}
