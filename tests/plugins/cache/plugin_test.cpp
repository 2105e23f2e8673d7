// The plugin over a fake host: what is remembered, for whom, and until when.
#include "plugins/cache/clock.hpp"
#include "tests/plugins/cache/cache_host.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

TEST_CASE("cache: the same question is answered without the database, by every shard") {
    Stage stage;
    CHECK(stage.host.read(readOf(1), "first").asked);
    const auto again = stage.host.read(readOf(1), "second");
    CHECK_FALSE(again.asked);
    CHECK(again.cells == std::vector<std::string>{"first"});
    CHECK_FALSE(stage.host.read(readOf(1), "second", 1).asked);
    const Json stats = stage.host.stats();
    CHECK(stats["hits"] == 2);
    CHECK(stats["misses"] == 1);
    CHECK(stats["levels"]["l1"]["hits"] == 1);
    CHECK(stats["levels"]["l2"]["hits"] == 1);
    CHECK(stats["database_ms_saved"] == 2);
}

TEST_CASE("cache: an answer says that it comes from memory, and how long ago it was read") {
    Stage stage;
    auto first = readOf(1);
    REQUIRE(stage.host.before(*first) == HOWDAH_PROCEED);
    const std::uint64_t asked_ns = bootNs();  // the read was let through before
    stage.host.after(*first, {"x"});
    auto again = readOf(1);
    const std::uint64_t again_ns = bootNs();
    REQUIRE(stage.host.before(*again) == HOWDAH_REPLY);
    CHECK(again->replied_with.source == HOWDAH_FROM_MEMORY);
    CHECK(again->replied_with.age_ns >= again_ns - asked_ns);
    CHECK(again->replied_with.elapsed_ns == 0);
}

TEST_CASE("cache: another scope is another question, whatever the text") {
    Stage stage;
    CHECK(stage.host.read(FakeQuery::reads("select name from t", {1}, 7), "of seven").asked);
    const auto other = stage.host.read(FakeQuery::reads("select name from t", {1}, 8), "of eight");
    CHECK(other.asked);
    CHECK(stage.host.read(FakeQuery::reads("select name from t", {1}, 7), "").cells[0] == "of seven");
    CHECK(stage.host.read(FakeQuery::reads("select name from t", {1}, 8), "").cells[0] == "of eight");
}

TEST_CASE("cache: two principals whose scope hashes meet are not given each other's rows") {
    Stage stage;
    const auto of = [](std::string_view subject, std::string_view tenant) {
        auto query = readOf(1);
        query->who.subject = toAbi(subject);
        query->who.tenant = toAbi(tenant);
        return query;
    };
    stage.host.read(of("ann", "acme"), "of ann");
    CHECK(stage.host.read(of("bob", "acme"), "of bob").cells[0] == "of bob");
    CHECK(stage.host.read(of("ann", "other"), "of another ann").cells[0] == "of another ann");
    CHECK(stage.host.read(of("ann", "acme"), "").cells[0] == "of ann");
}

TEST_CASE("cache: only what the guard calls cacheable is remembered") {
    Stage stage;
    const auto isAsked = [&](auto change) {
        for (int round = 0; round < 2; ++round) {
            auto query = readOf(1, "select now()");
            change(*query);
            if (!stage.host.read(std::move(query), "x").asked) return false;
        }
        return true;
    };
    CHECK(isAsked([](FakeQuery& query) { query.facts = nullptr; }));
    CHECK(isAsked([](FakeQuery& query) { query.judged.flags = HOWDAH_FACT_READ_ONLY; }));
    CHECK(isAsked([](FakeQuery& query) { query.judged.schema_version = 0; }));
    CHECK(isAsked([](FakeQuery& query) { query.judged.struct_size = offsetof(howdah_facts, relations); }));
    CHECK(isAsked([](FakeQuery& query) { query.scope_hash = 0; }));
    CHECK(isAsked([](FakeQuery& query) { query.flags = HOWDAH_RUN_DRY; }));
    CHECK(isAsked([](FakeQuery& query) { query.flags = HOWDAH_RUN_STABLE; }));
    CHECK(isAsked([](FakeQuery& query) { query.with({textValue("Today")}); }));
    CHECK_FALSE(isAsked([](FakeQuery&) {}));
}

TEST_CASE("cache: at relations_max tables an answer is remembered, beyond it is not") {
    Stage stage(R"({"relations_max":2})");
    CHECK(stage.host.read(FakeQuery::reads("two", {1, 2}), "x").asked);
    CHECK(stage.host.isKept(FakeQuery::reads("two", {1, 2})));
    CHECK(stage.host.read(FakeQuery::reads("three", {1, 2, 3}), "x").asked);
    CHECK_FALSE(stage.host.isKept(FakeQuery::reads("three", {1, 2, 3})));
}

TEST_CASE("cache: a write makes answers over its relations out of date, and no others") {
    Stage stage;
    stage.host.read(readOf(1, "over one"), "old");
    stage.host.read(readOf(2, "over two"), "old");
    stage.host.write(FakeQuery::writes("update one", {1}));
    CHECK(stage.host.read(readOf(1, "over one"), "new").cells[0] == "new");
    CHECK(stage.host.read(readOf(2, "over two"), "new").cells[0] == "old");
}

TEST_CASE("cache: a write under another name of the same database counts as well") {
    Stage stage;
    stage.host.read(readOf(1), "old");
    auto write = FakeQuery::writes("update one", {1});
    write->database = toAbi("same");
    stage.host.write(std::move(write));
    CHECK(stage.host.read(readOf(1), "new").cells[0] == "new");
}

TEST_CASE("cache: a write whose reach is not known, or DDL, makes all of the database out of date") {
    for (const int how : {0, 1, 2, 3}) {
        CAPTURE(how);
        Stage stage;
        stage.host.read(readOf(1), "old");
        auto write = FakeQuery::writes("write", {2});
        if (how == 0) write->facts = nullptr;
        if (how == 1) write->judged.flags = 0;
        if (how == 2) write->judged.kind = HOWDAH_STATEMENT_DDL;
        if (how == 3) write->judged.struct_size = offsetof(howdah_facts, relations);
        stage.host.write(std::move(write));
        CHECK(stage.host.read(readOf(1), "new").cells[0] == "new");
        CHECK(stage.host.stats()["writes"]["of_whole_databases"] == 1);
    }
}

TEST_CASE("cache: a write that waited while a definition changed may reach more than it was let through for") {
    Stage stage;
    auto write = FakeQuery::writes("update one", {1});
    REQUIRE(stage.host.before(*write) == HOWDAH_PROCEED);
    auto trigger = FakeQuery::writes("create trigger", {});
    trigger->judged.kind = HOWDAH_STATEMENT_DDL;
    stage.host.write(std::move(trigger));
    stage.host.read(readOf(2), "old");
    CHECK(stage.host.isKept(readOf(2)));
    stage.host.after(*write, {});
    CHECK(stage.host.read(readOf(2), "new").cells[0] == "new");
}

TEST_CASE("cache: writes side by side move all of a database once more after one of unknown reach, and no further") {
    Stage stage;
    auto crossed = FakeQuery::writes("update one", {1});
    REQUIRE(stage.host.before(*crossed) == HOWDAH_PROCEED);
    auto whole = FakeQuery::writes("call anything()", {});
    whole->facts = nullptr;
    stage.host.write(std::move(whole));
    auto later = FakeQuery::writes("update one", {1});
    REQUIRE(stage.host.before(*later) == HOWDAH_PROCEED);
    stage.host.read(readOf(2), "before the crossed one ends");
    stage.host.after(*crossed, {});
    CHECK(stage.host.read(readOf(2), "behind it").asked);
    stage.host.after(*later, {});
    CHECK(stage.host.isKept(readOf(2)));
}

TEST_CASE("cache: what is declared out of date while a write is under way does not widen the write") {
    Stage stage;
    auto write = FakeQuery::writes("update one", {1});
    REQUIRE(stage.host.before(*write) == HOWDAH_PROCEED);
    REQUIRE(stage.host.call("cache_invalidate", Json::object()).status == HOWDAH_OK);
    stage.host.read(readOf(2), "behind it");
    stage.host.after(*write, {});
    CHECK(stage.host.isKept(readOf(2)));
}

TEST_CASE("cache: a write right behind a new definition counts for the whole database") {
    for (const bool in_a_function : {false, true}) {
        CAPTURE(in_a_function);
        Stage stage;
        CacheHost::until([&] {  // the first time, unless this thread is held up
            auto trigger = FakeQuery::writes("create trigger", {});
            trigger->judged.kind = in_a_function ? HOWDAH_STATEMENT_SELECT : HOWDAH_STATEMENT_DDL;
            trigger->judged.flags = in_a_function ? HOWDAH_FACT_VOLATILE : HOWDAH_FACT_REACH_KNOWN;
            stage.host.write(std::move(trigger));
            stage.host.read(readOf(2), "old");
            stage.host.write(FakeQuery::writes("update one", {1}));
            return stage.host.read(readOf(2), "new").asked;
        });
    }
}

TEST_CASE("cache: while a write is under way nothing it reaches is given out or remembered") {
    Stage stage;
    stage.host.read(readOf(1), "old");
    auto write = FakeQuery::writes("update one", {1});
    REQUIRE(stage.host.before(*write) == HOWDAH_PROCEED);
    CHECK(stage.host.read(readOf(1), "not yet").asked);
    CHECK_FALSE(stage.host.isKept(readOf(1)));
    stage.host.after(*write, {});
    CHECK(stage.host.read(readOf(1), "new").asked);
    CHECK(stage.host.read(readOf(1), "").cells[0] == "new");
}

TEST_CASE("cache: a read that a write crossed is answered and not remembered") {
    Stage stage;
    for (const bool write_ends : {true, false}) {
        auto read = readOf(1);
        REQUIRE(stage.host.before(*read) == HOWDAH_PROCEED);
        auto write = FakeQuery::writes("update one", {1});
        REQUIRE(stage.host.before(*write) == HOWDAH_PROCEED);
        if (write_ends) stage.host.after(*write, {});
        stage.host.after(*read, {"of some time"});
        if (!write_ends) stage.host.after(*write, {});
        CHECK_FALSE(stage.host.isKept(readOf(1)));
        stage.host.write(FakeQuery::writes("update one", {1}));
    }
}

TEST_CASE(
    "cache: after a write that failed for sure answers are remembered again, after one that is open they are not") {
    Stage stage;
    const auto fails = [&](const Error& error, std::uint32_t relation, std::uint32_t flags = 0) {
        auto write = FakeQuery::writes("update", {relation});
        write->flags = flags;
        REQUIRE(stage.host.before(*write) == HOWDAH_PROCEED);
        stage.host.failed(*write, error);
        const std::string text = concat("select name from t", relation);
        stage.host.read(readOf(relation, text), "x");
        return stage.host.isKept(readOf(relation, text));
    };
    CHECK(fails(Error::database("23505", "duplicate key"), 1));
    CHECK(fails(Error::refused("denied"), 2));
    CHECK_FALSE(fails(Error::database("08006", "connection lost"), 3));
    CHECK_FALSE(fails(Error::database("40003", "completion unknown"), 4));
    CHECK_FALSE(fails(Error::timeout("late"), 5));
    CHECK_FALSE(fails(Error::cancelled("gone"), 6));
    CHECK_FALSE(fails(Error::unavailable("lost"), 7));
    CHECK_FALSE(fails(Error::internal("fault"), 8));
    CHECK_FALSE(fails(Error::database("57P01", "terminating connection"), 9));
    CHECK(fails(Error::timeout("late"), 10, HOWDAH_RUN_DRY));
    Error too_long = Error::timeout("the statement took too long");
    too_long.sqlstate = "57014";
    CHECK(fails(too_long, 11));
    CHECK(stage.host.stats()["writes"]["unsettled"] == 7);
}

TEST_CASE("cache: an error that would come again is remembered, one that may pass is not") {
    Stage stage;
    const auto fails = [&](const char* sqlstate) {
        auto query = readOf(1, sqlstate);
        REQUIRE(stage.host.before(*query) == HOWDAH_PROCEED);
        stage.host.failed(*query, Error::database(sqlstate, "no"));
        auto again = readOf(1, sqlstate);
        const std::uint32_t verdict = stage.host.before(*again);
        if (verdict == HOWDAH_PROCEED) stage.host.after(*again, {"x"});
        return verdict == HOWDAH_DENY && CacheHost::denied.sqlstate == sqlstate && CacheHost::denied.message == "no";
    };
    CHECK(fails("22012"));
    CHECK(fails("42883"));
    CHECK(fails("21000"));
    CHECK_FALSE(fails("42501"));
    CHECK_FALSE(fails("57014"));
    CHECK_FALSE(fails("53300"));
    stage.host.write(FakeQuery::writes("update", {1}));
    auto later = readOf(1, "22012");
    CHECK(stage.host.before(*later) == HOWDAH_PROCEED);
    stage.host.after(*later, {"x"});
}

TEST_CASE("cache: an answer at entry_bytes_max is remembered, a larger one and a streamed one are not") {
    Stage stage(R"({"entry_bytes_max":1024})");
    const auto sizedTo = [](std::size_t bytes) { return std::string(bytes - 4 - 5 - 8, 'x'); };  // cell head, name, tag
    CHECK(stage.host.read(readOf(1, "fits"), sizedTo(1024)).asked);
    CHECK(stage.host.isKept(readOf(1, "fits")));
    CHECK(stage.host.read(readOf(1, "too large"), sizedTo(1025)).asked);
    CHECK_FALSE(stage.host.isKept(readOf(1, "too large")));
    auto streamed = readOf(1, "streamed");
    REQUIRE(stage.host.before(*streamed) == HOWDAH_PROCEED);
    const FakeRows rows({"x"});
    howdah_result result = rows.result();
    result.flags = HOWDAH_RESULT_STREAMED;
    result.batch_count = 0;
    stage.host.afterResult(*streamed, result);
    CHECK_FALSE(stage.host.isKept(readOf(1, "streamed")));
    CHECK(stage.host.stats()["not_kept"]["too_large"] == 2);
}

TEST_CASE("cache: a database that is off is asked, and its writes still count for its other name") {
    Stage stage(R"({"databases_off":["same"]})");
    CHECK_FALSE(stage.host.isKept(readOf(1)));
    auto off = readOf(1);
    off->database = toAbi("same");
    stage.host.read(std::move(off), "x");
    off = readOf(1);
    off->database = toAbi("same");
    CHECK_FALSE(stage.host.isKept(std::move(off)));
    CHECK(stage.host.isKept(readOf(1)));
    auto write = FakeQuery::writes("update", {1});
    write->database = toAbi("same");
    stage.host.write(std::move(write));
    CHECK_FALSE(stage.host.isKept(readOf(1)));
}

TEST_CASE("cache_invalidate: a relation, a database, and what is not there") {
    Stage stage;
    stage.host.read(readOf(41, "of it"), "old");
    stage.host.read(readOf(42, "of another"), "old");
    CHECK(stage.host.call("cache_invalidate", {{"relation", "shop.orders"}}).status == HOWDAH_OK);
    CHECK(stage.host.read(readOf(41, "of it"), "new").cells[0] == "new");
    CHECK(stage.host.read(readOf(42, "of another"), "new").cells[0] == "old");
    const auto whole = stage.host.call("cache_invalidate", Json::object());
    CHECK(Json::parse(whole.structured) == Json::parse(R"({"database":"main","invalidated":"database"})"));
    CHECK(stage.host.read(readOf(42, "of another"), "new").cells[0] == "new");
    stage.host.relation = 0;
    CHECK(stage.host.call("cache_invalidate", {{"relation", "no.such"}}).status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(stage.host.call("cache_invalidate", {{"database", "no"}}).error.message ==
          "no database \"no\"; configured: main, same");
}

TEST_CASE("cache_invalidate: a tenant may not make others' answers out of date") {
    Stage stage;
    stage.host.read(readOf(1), "old");
    stage.host.principal.tenant = toAbi("acme");
    CHECK(stage.host.call("cache_invalidate", Json::object()).status == HOWDAH_ERROR_REFUSED);
    CHECK(stage.host.isKept(readOf(1)));
}

TEST_CASE("cache: answers on disk outlive the instance that takes over, as long as nothing was written") {
    const Folder folder;
    const char* section = R"({"l3":{"enabled":true,"read_ms":1000},"ttl_ms":86400000})";
    CacheHost fresh(folder.path());
    {
        CacheHost old(folder.path());
        old.begin(section);
        CacheHost::until([&] { return old.stats()["levels"]["l3"]["state"] == "ready"; });
        old.read(readOf(1, "stays"), "from disk");
        old.read(readOf(2, "is written"), "from disk");
        fresh.begin(R"({"ttl_ms":86400000})");  // beside it, as a reload does: the epochs go on
        old.stop();
    }
    fresh.write(FakeQuery::writes("update", {2}));
    CacheHost last(folder.path());
    last.begin(section);
    fresh.stop();
    CacheHost::until([&] { return last.stats()["levels"]["l3"]["state"] == "ready"; });
    CHECK(last.read(readOf(1, "stays"), "asked").cells[0] == "from disk");
    const auto entries = [&] { return last.stats()["levels"]["l3"]["entries"].get<int>(); };
    const int before = entries();
    CHECK(last.read(readOf(2, "is written"), "asked").cells[0] == "asked");
    CHECK(entries() == before - 1);  // what is met out of date takes no room any longer
    CHECK(last.stats()["levels"]["l3"]["hits"] == 1);
    last.stop();
}

TEST_CASE("cache: what was put down when answers lived longer is not given out beyond what holds now") {
    const Folder folder;
    CacheHost now(folder.path());
    {
        CacheHost old(folder.path());
        old.begin(R"({"l3":{"enabled":true,"read_ms":1000},"ttl_ms":86400000})");
        CacheHost::until([&] { return old.stats()["levels"]["l3"]["state"] == "ready"; });
        old.read(readOf(1), "long ago");
        now.begin();  // beside it, as a reload does: the epochs go on
        old.stop();
    }
    CacheHost last(folder.path());
    last.begin(R"({"l3":{"enabled":true,"read_ms":1000},"ttl_ms":1})");
    now.stop();
    CacheHost::until([&] { return last.stats()["levels"]["l3"]["state"] == "ready"; });
    CHECK(last.read(readOf(1), "fresh").cells[0] == "fresh");
    CHECK(last.stats()["levels"]["l3"]["hits"] == 0);
    CHECK(last.stats()["gone"]["expired"] >= 1);
    last.stop();
}

TEST_CASE("cache: a file that could not be opened is tried again, and the tries are told") {
    const Folder folder;
    const std::string in_its_way = folder.path() + "/answers.db";
    std::filesystem::create_directories(in_its_way);
    CacheHost host(folder.path());
    host.begin(R"({"l3":{"enabled":true}})");
    const auto disk = [&] { return host.stats()["levels"]["l3"]; };
    CacheHost::until([&] { return disk()["opens_failed"] == 1; });
    CHECK(disk()["state"] == "failing");
    CHECK(disk()["open"] == false);
    CHECK(disk()["retry_ms"] > 0);
    std::filesystem::remove_all(in_its_way);
    int asked = 0;
    CacheHost::until([&] {
        host.read(readOf(1, "miss " + std::to_string(++asked)), "x");
        return disk()["state"] == "ready";
    });
    CHECK(disk()["open"] == true);
    CHECK(disk()["retry_ms"] == 0);
    host.stop();
}

TEST_CASE("configuration: what is off must be a database there is") {
    const Folder folder;
    CacheHost host(folder.path());
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    CHECK(host.start(R"({"databases_off":["nope"]})") == "cache.databases_off: there is no database nope");
}
