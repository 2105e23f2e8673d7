#include "kernel/base/sealer.hpp"

#include <set>
#include <string>

#include <doctest/doctest.h>

namespace howdah::kernel {
namespace {

constexpr auto kNow = Sealer::Clock::time_point{} + std::chrono::hours(500'000);
constexpr auto kLater = kNow + std::chrono::minutes(15);

}  // namespace

TEST_CASE("sealer: what was sealed opens for whom it was sealed, until its end") {
    const Sealer sealer;
    for (const std::string& text :
         {std::string(), std::string("a"), std::string("select \0 1", 10), std::string(Sealer::kTextMax, 'x')}) {
        const auto sealed = sealer.seal(text, "ada", kLater);
        REQUIRE(sealed);
        CHECK(sealed->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
              std::string::npos);
        CHECK(sealed->size() <= (text.size() + 36) * 4 / 3 + 2);
        const auto opened = sealer.open(*sealed, "ada", kNow);
        REQUIRE(opened);
        CHECK(*opened == text);
        CHECK(sealer.open(*sealed, "ada", kLater - std::chrono::milliseconds(1)));
        CHECK_FALSE(sealer.open(*sealed, "ada", kLater));
        CHECK_FALSE(sealer.open(*sealed, "bob", kNow));
        CHECK_FALSE(sealer.open(*sealed, "", kNow));
        CHECK(Sealer().open(*sealed, "ada", kNow).error().message == "unknown or expired handle");
    }
    CHECK(sealer.seal(std::string(Sealer::kTextMax + 1, 'x'), "", kLater).error().code == Code::invalid_argument);
}

TEST_CASE("sealer: instances with the same keys open each other's texts, also while a new key takes over") {
    const std::string old_key(32, 'o'), new_key(32, 'n');
    Sealer first, second, third;
    first.useKeys({old_key});
    second.useKeys({new_key, old_key});
    third.useKeys({new_key});
    const std::string by_first = *first.seal("answers", "ada", kLater),
                      by_second = *second.seal("answers", "ada", kLater);
    CHECK(*second.open(by_first, "ada", kNow) == "answers");
    CHECK(*third.open(by_second, "ada", kNow) == "answers");
    CHECK_FALSE(third.open(by_first, "ada", kNow));
    CHECK_FALSE(first.open(by_second, "ada", kNow));
    CHECK_FALSE(second.open(by_first, "bob", kNow));
}

TEST_CASE("sealer: no character can be changed, left out or added, and no two sealed texts are alike") {
    const Sealer sealer;
    const std::string sealed = *sealer.seal("position 42", "ada", kLater);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        for (char other : {'A', 'B', '-', '_', 'z', '=', '+', '\0'}) {
            std::string changed = sealed;
            changed[i] = other;
            if (changed != sealed) CHECK_FALSE(sealer.open(changed, "ada", kNow));
        }
        CHECK_FALSE(sealer.open(sealed.substr(0, i), "ada", kNow));
        CHECK_FALSE(sealer.open(sealed.substr(i + 1), "ada", kNow));
    }
    CHECK_FALSE(sealer.open(sealed + "A", "ada", kNow));
    CHECK_FALSE(sealer.open(std::string(1 << 20, 'A'), "ada", kNow));
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i)
        seen.insert(*sealer.seal("position 42", "ada", kLater));
    CHECK(seen.size() == 100);
}

}  // namespace howdah::kernel
