#include "kernel/base/nearest.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace howdah::kernel;

TEST_CASE("nearest: insert, delete, replace and swap are one edit each") {
    CHECK(editDistance("limit", "limit", 9) == 0);
    CHECK(editDistance("limt", "limit", 9) == 1);
    CHECK(editDistance("limiit", "limit", 9) == 1);
    CHECK(editDistance("lymit", "limit", 9) == 1);
    CHECK(editDistance("limti", "limit", 9) == 1);
    CHECK(editDistance("", "abc", 9) == 3);
    CHECK(editDistance("kitten", "sitting", 9) == 3);
    CHECK(editDistance("kitten", "sitting", 2) == 3);
}

TEST_CASE("nearest: only a name within a third of the word is suggested") {
    const std::vector<std::string_view> known = {"listen", "path", "auth"};
    CHECK(didYouMean("listn", known) == ", did you mean \"listen\"?");
    CHECK(didYouMean("lstn", known) == "");
    CHECK(didYouMean("paht", known) == ", did you mean \"path\"?");
    CHECK(didYouMean("x", known) == "");
    CHECK(didYouMean(std::string(5000, 'x'), known) == "");
    CHECK_FALSE(nearest("listen", {}).has_value());
}
