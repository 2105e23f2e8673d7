// Calls at once over several instances, as the kernel calls the plugin: what is refused and said, and that a slot comes
// back however its call ends.
#include <thread>

#include "tests/plugins/rate_limit/stage.hpp"

using namespace howdah;
using namespace howdah::test;

namespace {

std::string together(const char* when_unavailable, const char* principal) {
    return concat(R"({"shared":{"when_unavailable":")", when_unavailable,
                  R"(","lease_percent":0,"recheck_ms":0},"tiers":{"default":{"principal":)", principal, "}}}");
}

}  // namespace

TEST_CASE("rate_limit: calls at once are counted over instances that share, and get_quota shows them on both") {
    SharedStore store;
    const std::string section = together("closed", R"({"concurrency":2})");
    LimitStage one(section, {}, &store), two(section, {}, &store);
    StagedCall here(one.host, 1, {}), there(two.host, 1, {}), beyond(two.host, 2, {});
    REQUIRE(here.admitted());
    REQUIRE(there.admitted());
    CHECK_FALSE(beyond.admitted());
    CHECK(beyond.error().rule == "rate_limit.principal.concurrency");
    CHECK(beyond.error().message.find("has 2 calls at once, the limit is 2; retry in 1000 ms") != std::string::npos);
    CHECK(limitOf(one.quota(), "principal", "concurrency")["used"] == 2);
    CHECK(limitOf(two.quota(), "principal", "concurrency")["left"] == 0);
    here.end();
    here.end();
    CHECK(limitOf(two.quota(), "principal", "concurrency")["used"] == 1);
    CHECK(StagedCall(two.host, 3, {}).admitted());
    CHECK_FALSE(StagedCall(one.host, 4, {}).admitted());
    CHECK(StagedCall(one.host, 5, {"token:bob", "", ""}).admitted());
}

TEST_CASE("rate_limit: a call that another limit refuses holds no slot, and one without a slot is not counted") {
    SharedStore store;
    const std::string section = together("closed", R"({"calls":{"day":2},"concurrency":1})");
    LimitStage one(section, {}, &store), two(section, {}, &store);
    StagedCall first(one.host, 1, {}), second(two.host, 2, {});
    REQUIRE(first.admitted());
    CHECK_FALSE(StagedCall(two.host, 1, {}).admitted());
    first.end();
    REQUIRE(second.admitted());
    second.end();
    StagedCall third(one.host, 3, {});
    CHECK_FALSE(third.admitted());
    CHECK(third.error().rule == "rate_limit.principal.calls.day");
    CHECK(limitOf(one.quota(), "principal", "concurrency")["used"] == 0);
    CHECK(limitOf(one.quota(), "principal", "calls")["used"] == 2);
}

TEST_CASE("rate_limit: the slot of a call that was cancelled or ran out of time is free again by itself") {
    SharedStore store;
    const std::string section = together("closed", R"({"concurrency":1})");
    LimitStage one(section, {}, &store), two(section, {}, &store);
    StagedCall cancelled(one.host, 1, {});
    REQUIRE(cancelled.admitted());
    CHECK_FALSE(StagedCall(two.host, 1, {}).admitted());
    cancelled.cancel();
    cancelled.end();
    CHECK(cancelled.error().message.empty());  // else the kernel takes it for a failure of the hook
    std::uint64_t id = 2;
    while (limitOf(two.quota(), "principal", "concurrency")["used"] != 0)
        std::this_thread::yield();
    StagedCall next(two.host, ++id, {});
    REQUIRE(next.admitted());
    next.end();
    // The store's answer came when the hook had no time left: the kernel calls no afterCall for it.
    store.takes_too_long = true;
    CHECK_FALSE(StagedCall(one.host, ++id, {}).admitted());
    store.takes_too_long = false;
    while (limitOf(two.quota(), "principal", "concurrency")["used"] != 0)
        std::this_thread::yield();
    CHECK(StagedCall(two.host, ++id, {}).admitted());
}

TEST_CASE("rate_limit: while the store is away, closed refuses and open counts calls at once of its own") {
    SharedStore store;
    LimitStage closed(together("closed", R"({"concurrency":2})"), {}, &store);
    LimitStage open(together("open", R"({"concurrency":2})"), {}, &store);
    store.is_down = true;
    StagedCall refused(closed.host, 1, {});
    CHECK_FALSE(refused.admitted());
    CHECK(refused.error().rule == "rate_limit.shared");
    StagedCall first(open.host, 1, {}), second(open.host, 2, {});
    CHECK(first.admitted());
    CHECK(second.admitted());
    CHECK_FALSE(StagedCall(open.host, 3, {}).admitted());
    first.end();
    CHECK(first.error().message.empty());
    store.is_down = false;
    // The other one is told of the call that is still open.
    while (limitOf(closed.quota(), "principal", "concurrency")["used"] != 1)
        std::this_thread::yield();
    CHECK(StagedCall(closed.host, 2, {}).admitted());
    CHECK_FALSE(StagedCall(closed.host, 3, {}).admitted());
}

TEST_CASE("rate_limit: an instance that takes over goes on with the slots of calls that are open") {
    SharedStore store;
    const std::string folder = LimitStage::fresh(), section = together("closed", R"({"concurrency":2})");
    LimitStage elsewhere(section, {}, &store);
    LimitStage old(section, folder, &store);
    StagedCall before(old.host, 1, {});
    REQUIRE(before.admitted());
    LimitStage fresh(section, folder, &store);
    StagedCall second(fresh.host, 2, {});
    REQUIRE(second.admitted());
    CHECK_FALSE(StagedCall(elsewhere.host, 3, {}).admitted());
    before.end();  // told to the old one
    CHECK(StagedCall(elsewhere.host, 4, {}).admitted());
    CHECK_FALSE(StagedCall(fresh.host, 5, {}).admitted());
    std::filesystem::remove_all(folder);
}
