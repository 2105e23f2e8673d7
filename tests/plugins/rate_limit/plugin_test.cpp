// The plugin as the kernel calls it: what is refused and what is said, queries that reserve and settle, get_quota, the
// file over a restart, and an instance that takes over.
#include <fstream>

#include "tests/plugins/rate_limit/stage.hpp"

using namespace howdah;
using namespace howdah::test;

namespace {

constexpr const char* kFew = R"({"tiers":{
    "default":{"principal":{"calls":{"day":2},"concurrency":5}},
    "gold":{"principal":{"calls":{"day":4}}}}})";
constexpr const char* kRows = R"({"tiers":{"default":{"principal":{"rows":{"day":1000},"bytes":{"day":100000}}}},
    "query_rows_max":400, "query_bytes_max":40000})";

BatchBuilder rowsOf(int count) {
    BatchBuilder rows;
    for (int i = 0; i < count; ++i) {
        rows.cell("four");
        rows.endRow();
    }
    return rows;
}

}  // namespace

TEST_CASE("rate_limit: the call beyond the limit is refused, with what was exceeded and when it resets") {
    LimitStage stage(kFew);
    const Who ada;
    StagedCall one(stage.host, 1, ada), two(stage.host, 2, ada), three(stage.host, 3, ada);
    CHECK(one.admitted());
    CHECK(two.admitted());
    CHECK_FALSE(three.admitted());
    CHECK(three.error().rule == "rate_limit.principal.calls.day");
    CHECK(three.error().retry_after_ms > 0);
    CHECK(Json::parse(three.error().detail)["limit"] == 2);
    // Nothing a client can choose gives it more: not the client's name, not the tool, not the kind of call.
    CHECK_FALSE(StagedCall(stage.host, 4, ada, "list_tables", "another").admitted());
    CHECK_FALSE(StagedCall(stage.host, 5, ada, "file:///x", "another", HOWDAH_CALL_RESOURCE).admitted());
    CHECK_FALSE(StagedCall(stage.host, 6, ada, "complete", "another", HOWDAH_CALL_COMPLETION).admitted());
    CHECK(StagedCall(stage.host, 7, {"token:bob", "", ""}).admitted());
}

TEST_CASE("rate_limit: the tier is the principal's, and one nobody configured is the default") {
    LimitStage stage(kFew);
    const Who gold{"token:gold", "", "gold"}, other{"token:other", "", "platinum"};
    for (std::uint64_t id = 1; id <= 4; ++id)
        CHECK(StagedCall(stage.host, id, gold).admitted());
    CHECK_FALSE(StagedCall(stage.host, 5, gold).admitted());
    CHECK(StagedCall(stage.host, 6, other).admitted());
    CHECK(StagedCall(stage.host, 7, other).admitted());
    CHECK_FALSE(StagedCall(stage.host, 8, other).admitted());
}

TEST_CASE("rate_limit: a slot is free again when its call has ended, and is given back once") {
    LimitStage stage(R"({"tiers":{"default":{"principal":{"concurrency":1}}}})");
    StagedCall one(stage.host, 1, {}), two(stage.host, 2, {});
    REQUIRE(one.admitted());
    CHECK_FALSE(two.admitted());
    CHECK(two.error().rule == "rate_limit.principal.concurrency");
    one.end();
    one.end();
    REQUIRE(two.admitted());
    CHECK_FALSE(StagedCall(stage.host, 3, {}).admitted());
}

TEST_CASE("rate_limit: get_quota answers who has nothing left, and costs nothing") {
    LimitStage stage(kFew);
    StagedCall one(stage.host, 1, {}), two(stage.host, 2, {});
    REQUIRE(one.admitted());
    REQUIRE(two.admitted());
    CHECK(StagedCall(stage.host, 3, {}, "get_quota").admitted());
    const Json quota = stage.quota();
    CHECK(quota["tier"] == "default");
    CHECK(quota["principal"] == "token:ada");
    CHECK(limitOf(quota, "principal", "calls", "day")["used"] == 2);
    CHECK(limitOf(quota, "principal", "calls", "day")["left"] == 0);
    CHECK(limitOf(quota, "principal", "concurrency")["used"] == 2);
    CHECK(limitOf(quota, "principal", "concurrency")["left"] == 3);
    CHECK(stage.quota({"token:nobody", "", ""})["limits"][0]["used"] == 0);
}

TEST_CASE("rate_limit: a query is lowered to what is left, and what it did not give is there again") {
    LimitStage stage(kRows);
    StagedCall call(stage.host, 1, {});
    REQUIRE(call.admitted());
    howdah_query first{}, second{}, third{}, fourth{};
    second.rows_max = 500;
    CHECK(call.begin(first) == HOWDAH_PROCEED);
    CHECK(first.rows_max == 400);  // it had no limit of its own
    CHECK(first.bytes_max == 40000);
    CHECK(call.begin(second) == HOWDAH_PROCEED);
    CHECK(second.rows_max == 500);
    CHECK(call.begin(third) == HOWDAH_PROCEED);
    CHECK(third.rows_max == 100);
    CHECK(call.begin(fourth) == HOWDAH_DENY);
    CHECK(call.error().rule == "rate_limit.principal.rows.day");
    call.giveWhole(first, rowsOf(7));
    call.fail(second);
    call.stream(third, rowsOf(20));
    call.stream(third, rowsOf(30));
    call.endStream(third);
    const Json quota = stage.quota();
    CHECK(limitOf(quota, "principal", "rows")["used"] == 57);
    CHECK(limitOf(quota, "principal", "bytes")["used"] == 57 * 8);  // four bytes of size, four of text
}

TEST_CASE("rate_limit: queries of hooks, and of nobody's call, are not counted") {
    LimitStage stage(kRows);
    StagedCall call(stage.host, 1, {});
    REQUIRE(call.admitted());
    howdah_query nested{};
    nested.depth = 1;
    CHECK(call.begin(nested) == HOWDAH_PROCEED);
    CHECK(nested.rows_max == 0);
    StagedCall never_admitted(stage.host, 2, {});
    howdah_query stray{};
    CHECK(never_admitted.begin(stray) == HOWDAH_PROCEED);
    never_admitted.giveWhole(stray, rowsOf(5));
    CHECK(limitOf(stage.quota(), "principal", "rows")["used"] == 0);
}

TEST_CASE("rate_limit: quotas are kept over a restart, and calls at once are not") {
    const std::string folder = LimitStage::fresh();
    {
        LimitStage stage(kFew, folder);
        REQUIRE(StagedCall(stage.host, 1, {}).admitted());
        REQUIRE(StagedCall(stage.host, 2, {}).admitted());
    }
    LimitStage again(kFew, folder);
    CHECK_FALSE(StagedCall(again.host, 1, {}).admitted());
    CHECK(limitOf(again.quota(), "principal", "concurrency")["used"] == 0);
    std::filesystem::remove_all(folder);
}

TEST_CASE("rate_limit: an instance that takes over goes on with the same counts, calls that are open included") {
    const std::string folder = LimitStage::fresh();
    LimitStage old(R"({"tiers":{"default":{"principal":{"calls":{"day":10},"concurrency":2}}}})", folder);
    StagedCall before(old.host, 1, {});
    REQUIRE(before.admitted());
    LimitStage fresh(R"({"tiers":{"default":{"principal":{"calls":{"day":3},"concurrency":2}}}})", folder);
    StagedCall second(fresh.host, 2, {});
    REQUIRE(second.admitted());
    CHECK_FALSE(StagedCall(fresh.host, 3, {}).admitted());  // two are open
    before.end();                                           // told to the old one
    CHECK(StagedCall(fresh.host, 4, {}).admitted());
    second.end();
    CHECK_FALSE(StagedCall(fresh.host, 5, {}).admitted());  // three today
    std::filesystem::remove_all(folder);
}

TEST_CASE("rate_limit: a damaged file is told, and counting begins anew") {
    const std::string folder = LimitStage::fresh();
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/used.json") << "{";
    LimitStage stage(kFew, folder);
    bool told = false;
    for (const std::string& line : stage.host.logLines())
        told = told || line.find("quotas begin anew: ") == 0;
    CHECK(told);
    CHECK(StagedCall(stage.host, 1, {}).admitted());
    std::filesystem::remove_all(folder);
}

TEST_CASE("rate_limit: a wrong section is refused before anything starts") {
    ToolHost host;
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    CHECK(host.start(R"({"default_tier":"silver"})") == "rate_limit.default_tier: there is no tier silver");
}
