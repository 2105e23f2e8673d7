// The ledger: all limits of a call in all or none, reservations of queries, room for keys, what the file holds.
#include "plugins/rate_limit/ledger.hpp"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "plugins/rate_limit/answer.hpp"
#include "plugins/rate_limit/state_file.hpp"

using namespace howdah;
using namespace howdah::rate_limit;

namespace {

constexpr std::int64_t kStart = 1'800'000'000 * kSecond_ns;

Limits limitsOf(std::vector<Rate> rates, std::uint32_t concurrency = 0) {
    return {std::move(rates), concurrency};
}
Rate perSecond(Measure measure, double amount, double burst) {
    return {measure, Period::second, amount, burst};
}
Rate perHour(Measure measure, double amount) {
    return {measure, Period::hour, amount, amount};
}

const Key kAda{Scope::principal, "acme", "ada", {}};
const Key kBob{Scope::principal, "acme", "bob", {}};
const Key kAcme{Scope::tenant, "acme", {}, {}};
const Key kAdaQuery{Scope::tool, "acme", "ada", "query"};

AppliedLimits applied(std::initializer_list<std::pair<Key, const Limits*>> items) {
    AppliedLimits limits;
    for (const auto& [key, its] : items)
        limits.add(key, *its);
    return limits;
}

double usedOf(const Ledger& ledger, const Key& key, const Limits& limits, std::int64_t now_ns) {
    return ledger.standing({key, &limits}, now_ns).rates.at(0).used;
}

}  // namespace

TEST_CASE("ledger: a call that one limit refuses takes nothing of the others") {
    Ledger ledger;
    const Limits each = limitsOf({perHour(Measure::calls, 10)});
    const Limits together = limitsOf({perHour(Measure::calls, 3)});
    for (std::uint64_t call = 1; call <= 3; ++call)
        REQUIRE_FALSE(ledger.admit(call, applied({{kAda, &each}, {kAcme, &together}}), kStart));
    const auto exceeded = ledger.admit(4, applied({{kBob, &each}, {kAcme, &together}}), kStart);
    REQUIRE(exceeded);
    CHECK(exceeded->scope == Scope::tenant);
    CHECK(exceeded->owner == "acme");
    CHECK(exceeded->used == 3);
    CHECK(usedOf(ledger, kBob, each, kStart) == 0);
    CHECK(ledger.standing({kBob, &each}, kStart).open == 0);
    CHECK(ledger.totals().refused[0] == 1);
}

TEST_CASE("ledger: calls at once are given back once each, and a stranger's end changes nothing") {
    Ledger ledger;
    const Limits limits = limitsOf({}, 2);
    const auto both = applied({{kAda, &limits}});
    REQUIRE_FALSE(ledger.admit(1, both, kStart));
    REQUIRE_FALSE(ledger.admit(2, both, kStart));
    const auto exceeded = ledger.admit(3, both, kStart);
    REQUIRE(exceeded);
    CHECK_FALSE(exceeded->rate);
    CHECK(exceeded->used == 2);
    ledger.end(3);  // was never admitted
    CHECK(ledger.admit(3, both, kStart));
    ledger.end(1);
    ledger.end(1);
    REQUIRE_FALSE(ledger.admit(4, both, kStart));
    CHECK(ledger.admit(5, both, kStart));
}

TEST_CASE("ledger: a query reserves what it may give and settles what it gave") {
    Ledger ledger;
    const Limits limits = limitsOf({perHour(Measure::rows, 1000), perHour(Measure::bytes, 100'000)});
    REQUIRE_FALSE(ledger.admit(1, applied({{kAda, &limits}}), kStart));
    Amounts first{700, 50'000};
    REQUIRE_FALSE(ledger.reserve(1, first, kStart));
    CHECK(first.rows == 700);
    Amounts second{700, 80'000};
    REQUIRE_FALSE(ledger.reserve(1, second, kStart));
    CHECK(second.rows == 300);  // lowered to what is left
    CHECK(second.bytes == 50'000);
    Amounts third{1, 1024};
    const auto exceeded = ledger.reserve(1, third, kStart);
    REQUIRE(exceeded);
    CHECK(exceeded->rate->measure == Measure::rows);
    ledger.settle(1, {10, 2000}, kStart);
    ledger.settle(1, {5, 1000}, kStart);
    CHECK(usedOf(ledger, kAda, limits, kStart) == 15);
    CHECK(ledger.standing({kAda, &limits}, kStart).rates.at(1).used == 3000);
    CHECK(ledger.totals().overshoot[1] == 0);
}

TEST_CASE("ledger: while others are open the smallest reservation is settled, so that the rest stays reserved") {
    Ledger ledger;
    const Limits limits = limitsOf({perHour(Measure::rows, 1000)});
    REQUIRE_FALSE(ledger.admit(1, applied({{kAda, &limits}}), kStart));
    Amounts large{900, 5000}, small{10, 5000};
    REQUIRE_FALSE(ledger.reserve(1, large, kStart));
    REQUIRE_FALSE(ledger.reserve(1, small, kStart));
    ledger.settle(1, {3, 100}, kStart);  // of the small one, or of the large one: the large one may still run
    CHECK(usedOf(ledger, kAda, limits, kStart) == 903);
    ledger.settle(1, {7, 100}, kStart);
    CHECK(usedOf(ledger, kAda, limits, kStart) == 10);
}

TEST_CASE("ledger: rows that streamed out before the end count, also when the query fails") {
    Ledger ledger;
    const Limits limits = limitsOf({perHour(Measure::rows, 1000)});
    REQUIRE_FALSE(ledger.admit(1, applied({{kAda, &limits}}), kStart));
    Amounts wanted{500, 5000};
    REQUIRE_FALSE(ledger.reserve(1, wanted, kStart));
    ledger.streamed(1, {200, 1});
    ledger.streamed(1, {120, 1});
    ledger.settle(1, {}, kStart);
    CHECK(usedOf(ledger, kAda, limits, kStart) == 320);
}

TEST_CASE("ledger: what goes out beyond the reservation is counted as overshoot, and still used") {
    Ledger ledger;
    const Limits limits = limitsOf({perHour(Measure::rows, 100)});
    REQUIRE_FALSE(ledger.admit(1, applied({{kAda, &limits}}), kStart));
    Amounts wanted{100, 5000};
    REQUIRE_FALSE(ledger.reserve(1, wanted, kStart));
    ledger.settle(1, {130, 5000}, kStart);
    CHECK(usedOf(ledger, kAda, limits, kStart) == 130);
    CHECK(ledger.totals().overshoot[1] == 30);
    CHECK(ledger.totals().overshoot[2] == 0);  // bytes have no limit
}

TEST_CASE("ledger: a query that ends in the next hour takes nothing from it") {
    Ledger ledger;
    const Limits limits = limitsOf({perHour(Measure::rows, 1000)});
    REQUIRE_FALSE(ledger.admit(1, applied({{kAda, &limits}}), kStart));
    Amounts wanted{400, 5000};
    REQUIRE_FALSE(ledger.reserve(1, wanted, kStart));
    const std::int64_t later = kStart + kHour_ns;
    REQUIRE_FALSE(ledger.admit(2, applied({{kAda, &limits}}), later));
    Amounts next{100, 5000};
    REQUIRE_FALSE(ledger.reserve(2, next, later));
    ledger.settle(1, {2, 10}, later);
    CHECK(usedOf(ledger, kAda, limits, later) == 100);
}

TEST_CASE("ledger: limits that count no rows reserve none") {
    Ledger ledger;
    const Limits limits = limitsOf({perHour(Measure::calls, 1000)});
    REQUIRE_FALSE(ledger.admit(1, applied({{kAda, &limits}}), kStart));
    Amounts wanted{400, 5000};
    REQUIRE_FALSE(ledger.reserve(1, wanted, kStart));
    CHECK(wanted.rows == 0);
    CHECK(wanted.bytes == 0);
    Amounts strangers{400, 5000};
    REQUIRE_FALSE(ledger.reserve(99, strangers, kStart));
    CHECK(strangers.rows == 0);
}

TEST_CASE("ledger: a call that is taken back was never counted") {
    Ledger ledger;
    const Limits limits = limitsOf({perHour(Measure::calls, 1)}, 1);
    const auto one = applied({{kAda, &limits}});
    REQUIRE_FALSE(ledger.admit(1, one, kStart));
    ledger.takeBack(1, kStart);
    REQUIRE_FALSE(ledger.admit(2, one, kStart));
    CHECK(ledger.totals().open_calls == 1);
}

TEST_CASE("ledger: a key is kept while it means something, and beyond keys_max a new one waits for room") {
    Ledger ledger(2);
    const Limits limits = limitsOf({perSecond(Measure::calls, 1, 1)}, 1);
    REQUIRE_FALSE(ledger.admit(1, applied({{kAda, &limits}}), kStart));
    REQUIRE_FALSE(ledger.admit(2, applied({{kBob, &limits}}), kStart));
    const Key carol{Scope::principal, "acme", "carol", {}};
    const auto full = ledger.admit(3, applied({{carol, &limits}}), kStart);
    REQUIRE(full);
    CHECK(full->too_many_keys);
    ledger.end(1);
    // Ada's bucket is full again after a second, and then she can be forgotten; Bob still has a call open.
    CHECK(ledger.admit(3, applied({{carol, &limits}}), kStart + kSecond_ns - 1));
    REQUIRE_FALSE(ledger.admit(3, applied({{carol, &limits}}), kStart + 2 * kSecond_ns));
    CHECK(ledger.totals().meters == 2);
    CHECK(ledger.standing({kBob, &limits}, kStart).open == 1);
    CHECK(ledger.standing({kAda, &limits}, kStart).open == 0);
}

TEST_CASE("ledger: making room for the second key of a call forgets none of its first") {
    Ledger ledger(1);
    const Limits limits = limitsOf({perSecond(Measure::calls, 1, 1)});
    const auto full = ledger.admit(1, applied({{kAda, &limits}, {kAdaQuery, &limits}}), kStart);
    REQUIRE(full);
    CHECK(full->too_many_keys);
    CHECK(ledger.totals().open_calls == 0);
    REQUIRE_FALSE(ledger.admit(2, applied({{kAda, &limits}}), kStart));
}

TEST_CASE("state file: windows that still run come back after a restart, whose ever they are") {
    const std::string path = (std::filesystem::temp_directory_path() / concat("rate-limit-", getpid())).string();
    const Limits limits = limitsOf({perHour(Measure::calls, 5)});
    {
        Ledger ledger;
        for (std::uint64_t call = 1; call <= 3; ++call)
            REQUIRE_FALSE(ledger.admit(call, applied({{kAda, &limits}, {kAdaQuery, &limits}}), kStart));
        CHECK(ledger.takeChanged());
        CHECK_FALSE(ledger.takeChanged());
        std::vector<Ledger::Line> lines;
        std::size_t from = 0;
        CHECK_FALSE(ledger.lines(from, kStart, lines));
        CHECK(lines.size() == 2);
        REQUIRE(writeState(path, lines));
    }
    auto lines = readState(path);
    REQUIRE_MESSAGE(lines, lines.error().message);
    Ledger again;
    again.restore(*lines, kStart + kSecond_ns);
    CHECK(usedOf(again, kAda, limits, kStart + kSecond_ns) == 3);
    CHECK(usedOf(again, kAdaQuery, limits, kStart + kSecond_ns) == 3);
    Ledger late;
    late.restore(*lines, kStart + 2 * kHour_ns);
    CHECK(late.totals().meters == 0);
    std::filesystem::remove(path);
}

TEST_CASE("state file: what is damaged, or not ours, is told and not believed") {
    const std::string path = (std::filesystem::temp_directory_path() / concat("rate-limit-bad-", getpid())).string();
    CHECK(readState(path)->empty());  // there is none yet
    for (const char* text : {"", "{", "[]", R"({"format":2,"used":[]})", R"({"format":1,"used":[["principal"]]})",
                             R"({"format":1,"used":[["nobody","","a","","calls","hour",3600000000000,1]]})",
                             R"({"format":1,"used":[["principal","","a","","calls","hour",1,1]]})",
                             R"({"format":1,"used":[["principal","","a","","calls","second",1000000000,1]]})",
                             R"({"format":1,"used":[["principal","","a","","calls","hour",3600000000000,-5]]})",
                             R"({"format":1,"used":[["principal","","a","","calls","hour","x",1]]})"}) {
        std::ofstream(path) << text;
        CHECK_MESSAGE(!readState(path), text);
    }
    std::filesystem::remove(path);
}

TEST_CASE("refusal: it says who, what, how much, and when to come again, in words and for programs") {
    Ledger ledger;
    const Limits limits = limitsOf({perSecond(Measure::calls, 2, 4)});
    for (std::uint64_t call = 1; call <= 4; ++call)
        REQUIRE_FALSE(ledger.admit(call, applied({{kAdaQuery, &limits}}), kStart));
    const Error error = refusalOf(*ledger.admit(5, applied({{kAdaQuery, &limits}}), kStart));
    CHECK(error.code == Code::refused);
    CHECK(error.rule == "rate_limit.tool.calls.second");
    CHECK(error.retry_after_ms == 500);
    CHECK(error.message ==
          "principal ada with tool query may use 2 calls per second (4 at once) and has used 4; retry in 500 ms");
    const auto detail = nlohmann::json::parse(error.detail);
    CHECK(detail["exceeded"] == "calls");
    CHECK(detail["limit"] == 4);
    CHECK(detail["used"] == 4);
    CHECK(detail["retry_after_ms"] == 500);
    CHECK(detail["resets_at"] == "2027-01-15T08:00:00Z");
}
