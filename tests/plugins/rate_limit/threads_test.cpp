// Two shards at once, for the thread sanitizer and for exactness: what is granted is the limit, not one more or less.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/plugins/rate_limit/stage.hpp"

using namespace howdah;
using namespace howdah::test;

namespace {

constexpr std::uint64_t kCallsEach = 2000;

// Runs it on two threads, which begin together.
template <typename Body>
void onTwoShards(Body body) {
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    for (std::uint64_t shard = 0; shard < 2; ++shard) {
        threads.emplace_back([&, shard] {
            ++ready;
            while (ready < 2)
                std::this_thread::yield();
            body(shard);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
}

}  // namespace

TEST_CASE("two shards: of parallel calls exactly as many pass as the limit says") {
    LimitStage stage(R"({"tiers":{"default":{"principal":{"calls":{"day":1500}},"tenant":{"calls":{"day":2500}}}}})");
    std::atomic<std::uint64_t> passed{0}, ids{0};
    onTwoShards([&](std::uint64_t shard) {
        const Who who{concat("token:", shard), "acme", ""};
        for (std::uint64_t i = 0; i < kCallsEach; ++i) {
            StagedCall call(stage.host, ++ids, who);
            if (!call.admitted()) continue;
            ++passed;
            call.end();
        }
    });
    CHECK(passed == 2500);
}

TEST_CASE("two shards: calls at once never exceed the limit, while queries reserve and settle") {
    LimitStage stage(R"({"tiers":{"default":{"principal":{"concurrency":1,"rows":{"day":100000000}}}}})");
    std::atomic<int> inside{0}, most{0};
    std::atomic<std::uint64_t> passed{0}, ids{0};
    onTwoShards([&](std::uint64_t) {
        for (std::uint64_t i = 0; i < kCallsEach; ++i) {
            StagedCall call(stage.host, ++ids, {});
            if (!call.admitted()) continue;
            const int now = ++inside;
            if (now > most) most = now;
            howdah_query query{};
            CHECK(call.begin(query) == HOWDAH_PROCEED);
            BatchBuilder rows;
            rows.cell("x");
            rows.endRow();
            call.giveWhole(query, rows);
            ++passed;
            --inside;
            call.end();
        }
    });
    CHECK(most == 1);
    CHECK(passed > 0);
    const Json quota = stage.quota();
    CHECK(limitOf(quota, "principal", "rows")["used"] == passed.load());
    CHECK(limitOf(quota, "principal", "concurrency")["used"] == 0);
}
