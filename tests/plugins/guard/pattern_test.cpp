#include "plugins/guard/pattern.hpp"

#include <doctest/doctest.h>

namespace howdah::guard {

TEST_CASE("guard: texts that differ in constants only share a fingerprint") {
    CHECK(fingerprint("select a from t where b = 1") == fingerprint("SELECT a FROM t WHERE b = 2"));
    CHECK(fingerprint("select a from t") != fingerprint("select b from t"));
    CHECK(fingerprint("selec") == 0);
}

TEST_CASE("guard: a pattern keeps no constant") {
    auto pattern = patternOf("select a from t where name = 'Ada' and n in (17, 4) and b = $1 limit 99");
    REQUIRE(pattern);
    CHECK(pattern->fingerprint != 0);
    for (const char* constant : {"Ada", "17", "99"})
        CHECK_MESSAGE(pattern->text.find(constant) == std::string::npos, pattern->text);
    CHECK(pattern->text.starts_with("select a from t where name = $2"));
    auto broken = patternOf("selec 'Ada'");
    REQUIRE_FALSE(broken);
    CHECK(broken.error().code == Code::invalid_argument);
}

}  // namespace howdah::guard
