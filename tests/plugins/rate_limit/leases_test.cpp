// Counts that instances share: what all of them grant in a window is never more than the limit, and all of it when
// nothing is lost.
#include "plugins/rate_limit/leases.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "tests/plugins/rate_limit/shared_store.hpp"
#include "tests/plugins/rate_limit/stage.hpp"

using namespace howdah;
using namespace howdah::rate_limit;
using namespace howdah::test;

namespace {

constexpr std::int64_t kStart = 1'800'000'000 * kSecond_ns;
const Key kAda{Scope::principal, "acme", "ada", {}};

Limits perHour(Measure measure, double amount) {
    return {{{measure, Period::hour, amount, amount}}, 0};
}

// One instance, as the plugin uses its leases.
class Instance {
public:
    Instance(SharedStore& store, unsigned lease_percent)
        : leases_({true, lease_percent, WhenUnavailable::closed, std::chrono::milliseconds(100)},
                  {store.table(), &store}, holdings),
          host_(fake_.raw()),
          request_(fake_) {}

    // What it was granted; 0 when refused or not answered.
    double draw(const Limits& limits, double amount, double least = 1, std::int64_t now_ns = kStart,
                const Key& whose = kAda) {
        AppliedLimits applied;
        applied.add(whose, limits);
        auto refused =
            leases_.draw(Context(host_, request_.ctx()), applied, limits.rates[0].measure, least, amount, now_ns);
        failed = !refused;
        return refused && !*refused ? amount : 0;
    }
    void giveBack(const Limits& limits, double amount, std::int64_t drawn_ns = kStart, std::int64_t now_ns = kStart) {
        AppliedLimits applied;
        applied.add(kAda, limits);
        leases_.giveBack(Context(host_, request_.ctx()), applied, limits.rates[0].measure, amount, drawn_ns, now_ns);
    }
    bool failed = false;
    Leases::Holdings holdings;

private:
    FakeHost fake_;
    Leases leases_;
    Host host_;
    FakeCall request_;
};

}  // namespace

TEST_CASE("shared: instances that draw one by one are granted the limit together, and no call more") {
    const Limits limits = perHour(Measure::calls, 1000);
    for (const unsigned percent : {0U, 5U, 50U}) {
        SharedStore own;
        std::vector<std::unique_ptr<Instance>> instances;
        for (int i = 0; i < 3; ++i)
            instances.push_back(std::make_unique<Instance>(own, percent));
        double granted = 0;
        for (int i = 0; i < 3000; ++i)
            granted += instances[static_cast<std::size_t>(i) % 3]->draw(limits, 1);
        CHECK(granted == 1000);
    }
}

TEST_CASE("shared: a lease spares most questions, and what an idle instance holds is at most its lease") {
    SharedStore store;
    const Limits limits = perHour(Measure::calls, 1000);
    Instance busy(store, 10), idle(store, 10);
    REQUIRE(idle.draw(limits, 1) == 1);  // and holds 99 more
    const unsigned before = store.asked;
    double granted = 0;
    for (int i = 0; i < 1200; ++i)
        granted += busy.draw(limits, 1);
    CHECK(granted == 900);
    CHECK(store.asked - before <= 12);  // nine leases, one look in vain with its correction
    for (int i = 0; i < 200; ++i)
        granted += idle.draw(limits, 1);
    CHECK(granted == 999);
}

TEST_CASE("shared: parallel instances never exceed the limit, whatever answers are lost") {
    for (const unsigned loses : {0U, 7U, 2U}) {
        SharedStore store;
        store.loses_every = loses;
        const Limits limits = perHour(Measure::calls, 2000);
        std::atomic<int> granted{0};
        std::vector<std::thread> instances;
        for (int i = 0; i < 4; ++i) {
            instances.emplace_back([&] {
                Instance instance(store, 1);
                for (int call = 0; call < 1500; ++call)
                    if (instance.draw(limits, 1) > 0) ++granted;
            });
        }
        for (std::thread& instance : instances)
            instance.join();
        CHECK(granted <= 2000);
        if (loses == 0) CHECK(granted >= 2000 - 4 * 20);  // what the last leases held
        CHECK(granted > 0);
    }
}

TEST_CASE("shared: rows are lowered to what there is, and what was not used is there for the other instance") {
    SharedStore store;
    const Limits limits = perHour(Measure::rows, 1000);
    Instance one(store, 5), two(store, 5);
    CHECK(one.draw(limits, 700) == 700);
    CHECK(two.draw(limits, 700) == 300);
    CHECK(two.draw(limits, 1) == 0);
    one.giveBack(limits, 690);
    // It keeps a lease of fifty; the rest is everybody's, once it is looked for again.
    CHECK(two.draw(limits, 700, 1, kStart + kSecond_ns) == 640);
    CHECK(one.draw(limits, 700, 1, kStart + kSecond_ns) == 50);
}

TEST_CASE("shared: more used than drawn is paid from what is drawn next") {
    SharedStore store;
    const Limits limits = perHour(Measure::rows, 1000);
    Instance one(store, 0);
    CHECK(one.draw(limits, 100) == 100);
    one.giveBack(limits, -40);
    CHECK(one.draw(limits, 1000) == 860);
}

TEST_CASE("shared: a window that is over takes nothing with it, and nothing of it is given back") {
    SharedStore store;
    const Limits limits = perHour(Measure::rows, 100);
    Instance one(store, 0), two(store, 0);
    CHECK(one.draw(limits, 100) == 100);
    const std::int64_t later = kStart + kHour_ns;
    one.giveBack(limits, 90, kStart, later);
    CHECK(two.draw(limits, 100, 1, later) == 100);
    CHECK(one.draw(limits, 1, 1, later) == 0);
}

TEST_CASE("shared: a second with a burst is a window of as many seconds as the burst takes to come back") {
    SharedStore store;
    const Limits limits{{{Measure::calls, Period::second, 5, 20}}, 0};
    Instance one(store, 0);
    double granted = 0;
    for (int i = 0; i < 30; ++i)
        granted += one.draw(limits, 1);
    CHECK(granted == 20);
    CHECK(one.draw(limits, 1, 1, kStart + 3 * kSecond_ns) == 0);
    CHECK(one.draw(limits, 1, 1, kStart + 4 * kSecond_ns) == 1);
}

TEST_CASE("shared: what is held of windows that are over is forgotten, however many they were") {
    SharedStore store;
    Instance one(store, 5);
    const Limits limits = perHour(Measure::calls, 100);
    for (const std::int64_t hour : {0, 1}) {
        for (int i = 0; i < 12'000; ++i) {
            const std::string subject = std::to_string(i);
            CHECK(one.draw(limits, 1, 1, kStart + hour * kHour_ns, {Scope::principal, "acme", subject, {}}) == 1);
        }
    }
    CHECK(one.holdings.size() == 12'000);
}

TEST_CASE("shared: a store that cannot be asked is an error, not a grant") {
    SharedStore store;
    const Limits limits = perHour(Measure::calls, 10);
    Instance one(store, 0);
    store.is_down = true;
    CHECK(one.draw(limits, 1) == 0);
    CHECK(one.failed);
    store.is_down = false;
    CHECK(one.draw(limits, 1) == 1);
}

namespace {

std::string shared(const char* when_unavailable) {
    return concat(R"({"shared":{"when_unavailable":")", when_unavailable,
                  R"(","lease_percent":0},"tiers":{"default":{"principal":{"calls":{"day":3},"rows":{"day":100}}}}})");
}

}  // namespace

TEST_CASE("rate_limit: two instances that share are one limit, and get_quota shows it on both") {
    SharedStore store;
    LimitStage one(shared("closed"), {}, &store), two(shared("closed"), {}, &store);
    CHECK(StagedCall(one.host, 1, {}).admitted());
    CHECK(StagedCall(two.host, 1, {}).admitted());
    CHECK(StagedCall(one.host, 2, {}).admitted());
    StagedCall refused(two.host, 2, {});
    CHECK_FALSE(refused.admitted());
    CHECK(refused.error().rule == "rate_limit.principal.calls.day");
    CHECK(limitOf(one.quota(), "principal", "calls")["used"] == 3);
    CHECK(limitOf(two.quota(), "principal", "calls")["left"] == 0);
}

TEST_CASE("rate_limit: rows that one instance reserves are not the other's, until they are settled") {
    SharedStore store;
    LimitStage one(shared("closed"), {}, &store), two(shared("closed"), {}, &store);
    StagedCall here(one.host, 1, {}), there(two.host, 1, {});
    REQUIRE(here.admitted());
    REQUIRE(there.admitted());
    howdah_query first{}, second{}, third{};
    first.rows_max = 80;
    CHECK(here.begin(first) == HOWDAH_PROCEED);
    CHECK(there.begin(second) == HOWDAH_PROCEED);
    CHECK(second.rows_max == 20);
    there.giveWhole(second, {});
    here.giveWhole(first, {});
    CHECK(here.begin(third) == HOWDAH_PROCEED);
    CHECK(third.rows_max == 100);
}

TEST_CASE("rate_limit: while the shared count is away, closed refuses and open counts alone") {
    SharedStore store;
    store.is_down = true;
    LimitStage closed(shared("closed"), {}, &store), open(shared("open"), {}, &store);
    StagedCall refused(closed.host, 1, {});
    CHECK_FALSE(refused.admitted());
    CHECK(refused.error().rule == "rate_limit.shared");
    CHECK(refused.error().code == Code::unavailable);
    CHECK(refused.error().retry_after_ms > 0);
    for (std::uint64_t id = 1; id <= 3; ++id)
        CHECK(StagedCall(open.host, id, {}).admitted());
    CHECK_FALSE(StagedCall(open.host, 4, {}).admitted());
    // What was never drawn is never given back to the others.
    store.is_down = false;
    CHECK(limitOf(open.quota(), "principal", "calls")["used"] == 0);
    // The refused one was taken back.
    CHECK(StagedCall(closed.host, 2, {}).admitted());
}

TEST_CASE("rate_limit: an instance that takes over draws on what the one before it holds, not on another limit's") {
    SharedStore store;
    const std::string folder = LimitStage::fresh();
    const auto section = [](int day) {
        return concat(R"({"shared":{"lease_percent":50},"tiers":{"default":{"principal":{"calls":{"day":)", day,
                      "}}}}}");
    };
    LimitStage old(section(100), folder, &store);
    REQUIRE(StagedCall(old.host, 1, {}).admitted());  // and holds 49 more
    const unsigned asked = store.asked;
    LimitStage fresh(section(100), folder, &store);
    for (std::uint64_t id = 2; id <= 50; ++id)
        REQUIRE(StagedCall(fresh.host, id, {}).admitted());
    CHECK(store.asked == asked);
    REQUIRE(StagedCall(fresh.host, 51, {}).admitted());  // of the second half
    LimitStage lower(section(60), folder, &store);
    CHECK_FALSE(StagedCall(lower.host, 52, {}).admitted());  // a hundred have been granted
    std::filesystem::remove_all(folder);
}

TEST_CASE("rate_limit: a call whose shared count answers too late is refused, and holds nothing after it") {
    SharedStore store;
    LimitStage stage(R"({"shared":{"lease_percent":0,"when_unavailable":"open"},
        "tiers":{"default":{"principal":{"calls":{"day":5},"rows":{"day":100},"concurrency":1}}}})",
                     {}, &store);
    store.takes_too_long = true;
    CHECK_FALSE(StagedCall(stage.host, 1, {}).admitted());  // the kernel calls no afterCall for it
    store.takes_too_long = false;
    StagedCall call(stage.host, 2, {});
    REQUIRE(call.admitted());
    store.takes_too_long = true;
    howdah_query late{};
    CHECK(call.begin(late) == HOWDAH_DENY);  // nor afterQuery
    store.takes_too_long = false;
    StagedCall(stage.host, 2, {}).end();
    CHECK(limitOf(stage.quota(), "principal", "concurrency")["used"] == 0);
    REQUIRE(StagedCall(stage.host, 3, {}).admitted());
    howdah_query whole{};
    CHECK(StagedCall(stage.host, 3, {}).begin(whole) == HOWDAH_PROCEED);
    CHECK(whole.rows_max == 100);
}

namespace {

// A guard to whom everything is a select, and a planner to whom everything costs 30.
struct Planning {
    static howdah_status facts(void*, howdah_ctx*, howdah_str, std::uint32_t, const howdah_facts** out) {
        static const howdah_facts kSelect = [] {
            howdah_facts select{};
            select.struct_size = sizeof select;
            select.kind = HOWDAH_STATEMENT_SELECT;
            return select;
        }();
        *out = &kSelect;
        return HOWDAH_OK;
    }
    static void prepare(ToolHost& host) {
        static constexpr howdah_statement_v1 kTable{sizeof kTable, 0, &facts, nullptr};
        host.services[HOWDAH_STATEMENT_1] = {&kTable, nullptr};
        host.database = [](const howdah_query_request&) {
            FakeResult plan;
            plan.column("QUERY PLAN", 114);
            plan.row({R"([{"Plan":{"Total Cost":30}}])"});
            return Result<FakeResult>(std::move(plan));
        };
    }
};

}  // namespace

TEST_CASE("rate_limit: planner cost that the shared count does not grant is not spent here either") {
    SharedStore store;
    const char* section =
        R"({"shared":{"lease_percent":0,"recheck_ms":0},"tiers":{"default":{"principal":{"cost":{"day":100}}}}})";
    LimitStage one(section, {}, &store, &Planning::prepare), two(section, {}, &store, &Planning::prepare);
    StagedCall here(one.host, 1, {}), there(two.host, 1, {});
    REQUIRE(here.admitted());
    REQUIRE(there.admitted());
    howdah_query query{};
    for (int i = 0; i < 3; ++i)
        CHECK(here.begin(query) == HOWDAH_PROCEED);
    CHECK(there.begin(query) == HOWDAH_DENY);  // ten are left
    CHECK(there.error().rule == "rate_limit.principal.cost.day");
    store.is_down = true;
    CHECK(there.begin(query) == HOWDAH_DENY);
    // What an instance has counted itself is what it shows while the other's cannot be asked.
    CHECK(limitOf(two.quota(), "principal", "cost")["used"] == 0);
    CHECK(limitOf(one.quota(), "principal", "cost")["used"] == 90);
}
