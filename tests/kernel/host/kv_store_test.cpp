#include "kernel/host/kv_store.hpp"

#include <doctest/doctest.h>

namespace howdah::kernel {
namespace {

using std::chrono::milliseconds;
constexpr KvStore::Clock::time_point kStart{std::chrono::hours(1)};

}  // namespace

TEST_CASE("kv: a value is there until its time to live is over, and for ever without one") {
    KvStore kv;
    REQUIRE(kv.set("a", "1", milliseconds(100), kStart));
    REQUIRE(kv.set("b", "2", milliseconds(0), kStart));
    CHECK(kv.get("a", kStart + milliseconds(99)) == "1");
    CHECK_FALSE(kv.get("a", kStart + milliseconds(100)));
    CHECK(kv.get("b", kStart + std::chrono::hours(9999)) == "2");
    REQUIRE(kv.set("c", "3", milliseconds::max(), kStart));
    CHECK(kv.get("c", kStart) == "3");
}

TEST_CASE("kv: setIfAbsent is a lock: one gets it, and the next one after it expired") {
    KvStore kv;
    CHECK(*kv.setIfAbsent("lock", "me", milliseconds(10), kStart));
    CHECK_FALSE(*kv.setIfAbsent("lock", "you", milliseconds(10), kStart + milliseconds(9)));
    CHECK(*kv.setIfAbsent("lock", "you", milliseconds(10), kStart + milliseconds(10)));
    kv.remove("lock");
    CHECK(*kv.setIfAbsent("lock", "they", milliseconds(10), kStart + milliseconds(11)));
}

TEST_CASE("kv: a counter keeps the time to live of its first use and never wraps") {
    KvStore kv;
    CHECK(*kv.add("n", 5, milliseconds(100), kStart) == 5);
    CHECK(*kv.add("n", -7, milliseconds(100), kStart + milliseconds(50)) == -2);
    CHECK(*kv.add("n", 1, milliseconds(100), kStart + milliseconds(100)) == 1);
    CHECK(*kv.add("big", INT64_MAX, milliseconds(0), kStart) == INT64_MAX);
    CHECK_FALSE(kv.add("big", 1, milliseconds(0), kStart));
    REQUIRE(kv.set("text", "many", milliseconds(0), kStart));
    CHECK_FALSE(kv.add("text", 1, milliseconds(0), kStart));
}

TEST_CASE("kv: keys and values have bounds, on both sides of the edge") {
    KvStore kv;
    CHECK(kv.set(std::string(512, 'k'), std::string(65536, 'v'), milliseconds(0), kStart));
    CHECK_FALSE(kv.set(std::string(513, 'k'), "v", milliseconds(0), kStart));
    CHECK_FALSE(kv.set("", "v", milliseconds(0), kStart));
    CHECK_FALSE(kv.set("k", std::string(65537, 'v'), milliseconds(0), kStart));
}

TEST_CASE("kv: a full store refuses, keeps what is alive and forgets what has expired") {
    KvStore kv(16 * 100);  // 100 bytes in each bucket
    REQUIRE(kv.set("k", std::string(99, 'v'), milliseconds(50), kStart));
    auto larger = kv.set("k", std::string(100, 'w'), milliseconds(50), kStart);
    REQUIRE_FALSE(larger);
    CHECK(larger.error().code == Code::unavailable);
    CHECK(kv.get("k", kStart) == std::string(99, 'v'));
    CHECK(kv.set("k", std::string(90, 'w'), milliseconds(50), kStart));
    CHECK(kv.get("k", kStart) == std::string(90, 'w'));
    CHECK(kv.set("k", std::string(99, 'x'), milliseconds(50), kStart + milliseconds(60)));
}

TEST_CASE("kv: replace is compare and set, and renews a lease only for its holder") {
    KvStore kv;
    CHECK_FALSE(*kv.replace("lease", "me", "me", milliseconds(10), kStart));
    REQUIRE(*kv.setIfAbsent("lease", "me", milliseconds(10), kStart));
    CHECK_FALSE(*kv.replace("lease", "you", "you", milliseconds(10), kStart + milliseconds(1)));
    CHECK(*kv.replace("lease", "me", "me", milliseconds(10), kStart + milliseconds(9)));
    CHECK(kv.get("lease", kStart + milliseconds(18)) == "me");
    CHECK_FALSE(*kv.replace("lease", "me", "me", milliseconds(10), kStart + milliseconds(19)));
    CHECK_FALSE(kv.get("lease", kStart + milliseconds(19)));
    REQUIRE(kv.set("value", "a", milliseconds(0), kStart));
    CHECK(*kv.replace("value", "a", "b", milliseconds(0), kStart));
    CHECK(kv.get("value", kStart) == "b");
    CHECK_FALSE(kv.replace("value", "b", std::string(KvStore::kValueBytesMax + 1, 'x'), milliseconds(0), kStart));
}

TEST_CASE("kv: a lease is given back by its holder alone") {
    KvStore kv;
    REQUIRE(*kv.setIfAbsent("lease", "me", milliseconds(10), kStart));
    CHECK_FALSE(kv.removeIf("lease", "you", kStart));
    CHECK(kv.removeIf("lease", "me", kStart));
    CHECK_FALSE(kv.removeIf("lease", "me", kStart));
    REQUIRE(*kv.setIfAbsent("lease", "me", milliseconds(10), kStart));
    CHECK_FALSE(kv.removeIf("lease", "me", kStart + milliseconds(10)));
}

TEST_CASE("kv: the time of a leased counter begins anew with each use, also when nothing is added") {
    KvStore kv;
    CHECK(*kv.addLeased("n", 2, milliseconds(10), kStart) == 2);
    CHECK(*kv.addLeased("n", 0, milliseconds(10), kStart + milliseconds(9)) == 2);
    CHECK(*kv.addLeased("n", 1, milliseconds(10), kStart + milliseconds(18)) == 3);
    CHECK(*kv.addLeased("n", 1, milliseconds(0), kStart + milliseconds(27)) == 4);
    CHECK(*kv.addLeased("n", 1, milliseconds(10), kStart + std::chrono::hours(1)) == 5);
    CHECK(*kv.addLeased("n", 1, milliseconds(10), kStart + std::chrono::hours(2)) == 1);
}

}  // namespace howdah::kernel
