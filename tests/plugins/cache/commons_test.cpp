// The level that instances share, over a fake kv: who is given what, what lies there, and what becomes of calls when it
// is away.
#include "plugins/cache/clock.hpp"
#include "tests/plugins/cache/commons_stage.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

TEST_CASE("commons: what one instance has read the other answers without the database, and says how old it is") {
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    leave(one, rowsOf(41), "secret row");
    const std::uint64_t read_ns = bootNs();
    const int hits = commonsOf(two)["hits"].get<int>();
    const std::uint64_t asked_ns = bootNs();
    const Seen seen = seenBy(two, rowsOf(41), "of the database");
    CHECK(seen.source == HOWDAH_FROM_SHARED);
    CHECK(seen.cells == std::vector<std::string>{"secret row"});
    CHECK(seen.age_ns >= asked_ns - read_ns);
    CHECK(commonsOf(two)["hits"] == hits + 1);
    CHECK(commonsOf(two)["bytes_read"] > 0);
    const Seen again = seenBy(two, rowsOf(41), "of the database");
    CHECK(again.source == HOWDAH_FROM_MEMORY);  // it has moved up
    CHECK(again.age_ns >= seen.age_ns);
}

TEST_CASE("commons: what lies in the store shows neither rows nor questions nor who asked") {
    const SharedKeyFile key;
    Names put, asked;
    FakeKv kv;
    kv.setBefore(noting(put, asked));
    Instance one(kv, key.section());
    one.untilState("member");
    auto query = readOf(41, "select name from patients");
    query->who.subject = toAbi("token:somebody");
    query->who.tenant = toAbi("a tenant");
    leave(one, std::move(query), "a row nobody may see");
    const std::string value = kv.value(put.last()).value_or("");
    REQUIRE(value.size() > 100);
    for (const std::string_view plain : {"nobody may see", "patients", "somebody", "a tenant", "SELECT 1", "value"}) {
        CHECK(value.find(plain) == std::string::npos);
        CHECK(put.last().find(plain) == std::string::npos);
    }
}

TEST_CASE("commons: an answer of another principal, tenant, scope or version is not found, nor opened in its place") {
    Names put, asked;
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    kv.setBefore(noting(put, asked));
    const Left left = leftBy(one, kv, put, rowsOf(41), "of local");
    const auto changed = [](int which) {
        auto query = rowsOf(41);
        if (which == 0) query->who.subject = toAbi("somebody else");
        if (which == 1) query->who.tenant = toAbi("another tenant");
        if (which == 2) query->scope_hash = 8;
        if (which == 3) query->judged.schema_version = 2;
        return query;
    };
    for (int which = 0; which < 4; ++which) {
        CAPTURE(which);
        CHECK(seenBy(two, changed(which), "own").cells == std::vector<std::string>{"own"});
        REQUIRE(asked.last() != left.name);
    }
    // Whoever may write to the store puts it where the other's would lie. Its own instance has forgotten it meanwhile.
    Instance three(kv, key.section());
    untilShared(one, three);
    for (int which = 0; which < 4; ++which) {
        CAPTURE(which);
        auto probe = changed(which);
        probe->text = concat("select ", which, " from t41");
        probe->sql = toAbi(probe->text);
        kv.setBefore([&](std::string_view what, std::string_view at) -> std::optional<Error> {
            if (what == "get" && isAnswer(at)) kv.put(at, left.value);
            return std::nullopt;
        });
        CHECK(isLeftOut(three, std::move(probe), "damaged"));
    }
}

TEST_CASE("commons: an answer that was changed, cut or made up is left out and counted") {
    Names put, asked;
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    kv.setBefore(noting(put, asked));
    const auto changes = std::vector<std::function<void(std::string&)>>{
        [](std::string& value) { value[0] ^= 1; },                   // its number
        [](std::string& value) { value[6] ^= 1; },                   // far ahead of any
        [](std::string& value) { value[8] ^= 1; },                   // its tick
        [](std::string& value) { value[16] ^= 1; },                  // the nonce
        [](std::string& value) { value[value.size() / 2] ^= 1; },    // what is sealed
        [](std::string& value) { value.back() ^= 1; },               // the tag
        [](std::string& value) { value.resize(value.size() - 1); },  //
        [](std::string& value) { value.resize(20); },
        [](std::string& value) { value.resize(15); },
        [](std::string& value) { value.clear(); },
        [](std::string& value) { value = std::string(value.size(), 'x'); },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        CAPTURE(i);
        const std::string sql = concat("select ", i, " from t41");
        Left left = leftBy(one, kv, put, readOf(41, sql), "right");
        REQUIRE(left.value.size() > 100);
        changes[i](left.value);
        kv.put(left.name, left.value);
        const int stored = commonsOf(two)["stored"].get<int>();
        CHECK(isLeftOut(two, readOf(41, sql), "damaged"));
        CacheHost::until([&] { return commonsOf(two)["stored"].get<int>() > stored; });
    }
}

TEST_CASE("commons: instances with other keys find nothing of one another") {
    const SharedKeyFile key('a'), other('b');
    FakeKv kv;
    Instance one(kv, key.section()), two(kv, other.section());
    one.untilState("member");
    two.untilState("member");
    leave(one, rowsOf(41), "of the one");
    CHECK(seenBy(two, rowsOf(41), "of the database").source == HOWDAH_FROM_DATABASE);
    CHECK(commonsOf(two)["misses"] == 1);
    CHECK(commonsOf(two)["damaged"] == 0);
}

TEST_CASE("commons: an answer that is too large, or for which there is no room, is not put there") {
    const SharedKeyFile key;
    FakeKv kv;
    Instance one(kv, key.section("", R"("read_ms":1000,"entry_bytes_max":1024,"bytes_max":20000,)"));
    one.untilState("member");
    leaveUntil(one, rowsOf(41), std::string(1024, 'x'), [&] { return commonsOf(one)["too_large"] == 1; });
    CHECK(commonsOf(one)["stored"] == 0);
    CHECK(commonsOf(one)["bytes_written"] == 0);

    for (int stored = 0; commonsOf(one)["left_out"] == 0; ++stored)
        leaveUntil(one, readOf(41, concat("select ", stored)), std::string(400, 'x'), [&] {
            const Json commons = commonsOf(one);
            return commons["stored"].get<int>() > stored || commons["left_out"] > 0;
        });
    CHECK(commonsOf(one)["stored"] > 10);
    CHECK(commonsOf(one)["bytes"] > 18'000);
    CHECK(commonsOf(one)["bytes"] <= 20'000);
}

TEST_CASE("commons: an answer runs out in the store no later than it may be given out") {
    const SharedKeyFile key;
    Names put, asked;
    FakeKv kv;
    kv.setBefore(noting(put, asked));
    Instance one(kv, key.section(R"("ttl_ms":3000,)"));
    one.untilState("member");
    leave(one, rowsOf(41), "short-lived");
    CacheHost::until([&] { return !kv.value(put.last()); });
}

TEST_CASE("commons: errors are nobody else's answers") {
    const SharedKeyFile key;
    Names put, asked;
    FakeKv kv;
    kv.setBefore(noting(put, asked));
    Instance one(kv, key.section());
    one.untilState("member");
    auto query = rowsOf(41);
    REQUIRE(one.host.before(*query) == HOWDAH_PROCEED);
    Error error(Code::database, "division by zero");
    error.sqlstate = "22012";
    one.host.failed(*query, error);
    leave(one, rowsOf(42), "what is put behind it");
    CHECK(put.count() == 1);
}

TEST_CASE("commons: a store that is away fails no read, and is left alone for a while") {
    const SharedKeyFile key;
    std::atomic<int> asked{0};
    FakeKv kv;
    Instance one(kv, key.section());
    one.untilState("member");
    kv.setBefore(refusing("get", asked));
    CHECK(seenBy(one, rowsOf(41), "of the database").source == HOWDAH_FROM_DATABASE);
    CHECK(commonsOf(one)["failed"] == 1);
    const std::uint64_t begun_ns = bootNs();
    int reads = 0;
    while (bootNs() - begun_ns < 1000 * kMs)
        CHECK(seenBy(one, readOf(41, concat("select ", ++reads)), "row").cells == std::vector<std::string>{"row"});
    CHECK(asked.load() >= 2);  // it is tried again
    CHECK(asked.load() <= 6);  // after 0.1, 0.3 and 0.7 s
    CHECK(reads > asked.load());
    kv.setBefore(nullptr);
    CacheHost::until([&] {
        (void)seenBy(one, readOf(41, concat("select ", ++reads)), "row");
        return commonsOf(one)["misses"] > 0;
    });
    CHECK(commonsOf(one)["pause_ms"] == 0);
}

TEST_CASE("commons: a store that takes nothing is left alone for a while, and still asked for what lies there") {
    const SharedKeyFile key;
    std::atomic<int> refused{0};
    FakeKv kv;
    Instance one(kv, key.section());
    one.untilState("member");
    kv.setBefore(refusing("set", refused));
    int reads = 0;
    const auto read = [&] { return seenBy(one, readOf(41, concat("select ", ++reads)), "row").cells; };
    CHECK(read() == std::vector<std::string>{"row"});
    CacheHost::until([&] { return commonsOf(one)["failed"] == 1; });
    const std::uint64_t begun_ns = bootNs();
    while (bootNs() - begun_ns < 500 * kMs)
        CHECK(read() == std::vector<std::string>{"row"});
    CHECK(refused.load() < reads / 2);
    CHECK(commonsOf(one)["misses"] == reads);
    kv.setBefore(nullptr);
    CacheHost::until([&] { return read(), commonsOf(one)["stored"] > 0; });
}

TEST_CASE("commons: a store that is slow costs a read read_ms, and calls that ask the same at once wait for one read") {
    Gate gate;
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    leave(one, rowsOf(41), "shared");
    const int late = commonsOf(one)["late"].get<int>();
    kv.setBefore(gate.holding("get"));
    CHECK(seenBy(one, rowsOf(42), "of the database").source == HOWDAH_FROM_DATABASE);
    CHECK(commonsOf(one)["late"] == late + 1);
    CHECK(gate.asked() == 1);

    Seen leader, follower;
    std::thread leads([&] { leader = seenBy(two, rowsOf(41), "of the database"); });
    CacheHost::until([&] { return gate.asked() == 2; });
    std::thread follows([&] { follower = seenBy(two, rowsOf(41), "of the database", 1); });
    CacheHost::until([&] { return two.host.stats()["waiting"] == 1; });
    gate.open();
    leads.join();
    follows.join();
    CHECK(gate.asked() == 2);
    CHECK(leader.cells == std::vector<std::string>{"shared"});
    CHECK(follower.cells == std::vector<std::string>{"shared"});
    CHECK(leader.source == HOWDAH_FROM_SHARED);
    CHECK(follower.source == HOWDAH_FROM_MEMORY);
}

TEST_CASE("commons: what was written while a call waited for the store is not given out") {
    Gate gate;
    Sharing sharing;
    auto& [key, kv, one, two] = sharing;
    leave(one, rowsOf(41), "old");
    kv.setBefore(gate.holding("get"));
    Seen seen;
    std::thread reads([&] { seen = seenBy(two, rowsOf(41), "new"); });
    CacheHost::until([&] { return gate.asked() > 0; });
    const int heard = two.shared()["heard"].get<int>();
    Played other(kv);
    other.end(other.begin(41));
    CacheHost::until([&] { return two.shared()["heard"].get<int>() >= heard + 2; });
    gate.open();
    reads.join();
    CHECK(seen.cells == std::vector<std::string>{"new"});
}

TEST_CASE("commons: without a key that can be used the plugin does not start, and says how to make one") {
    Folder folder, place;
    FakeKv kv;
    CacheHost host(folder.path());
    host.services[HOWDAH_KV_1] = kv.service();
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    const std::string why = host.start(
        concat(R"({"shared":{"enabled":true,"answers":{"enabled":true,"key_file":")", place.path(), R"(/none"}}})"));
    CHECK(why.find("/none") != std::string::npos);
}
