#include "plugins/guard/text_scan.hpp"

#include <string>

#include <doctest/doctest.h>

#include "tests/plugins/guard/stack_thread.hpp"

namespace howdah::guard {
namespace {

std::string ruleOf(const std::string& sql, const Limits& limits = {}) {
    auto scan = scanText(sql, limits);
    return scan ? "allowed" : scan.error().rule;
}

std::string repeat(const std::string& text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

}  // namespace

TEST_CASE("guard scan: bytes that PostgreSQL would not take are refused with their place") {
    CHECK(ruleOf(std::string("select 1\0; drop table t", 23)) == "text-nul-byte");
    CHECK(scanText(std::string("a\0b", 3), {}).error().position == 2);
    CHECK(ruleOf("select '\xff'") == "text-not-utf8");
    CHECK(scanText("select '\xc3\xa9\xff'", {}).error().position == 10);
    CHECK(ruleOf("select '\xc0\xaf'") == "text-not-utf8");      // overlong
    CHECK(ruleOf("select '\xed\xa0\x80'") == "text-not-utf8");  // a surrogate
    CHECK(ruleOf("\xEF\xBB\xBFselect 1") == "text-byte-order-mark");
    CHECK(ruleOf("select '\xEF\xBB\xBF'") == "allowed");
}

TEST_CASE("guard scan: size and token count hold at their edges") {
    CHECK(ruleOf("select '" + std::string(65536 - 9, 'a') + "'") == "allowed");
    CHECK(ruleOf("select '" + std::string(65536 - 8, 'a') + "'") == "text-too-long");
    CHECK(scanText("select '" + std::string(65536 - 8, 'a') + "'", {}).error().position == 65537);
    CHECK(scanText("select 'é'", {.text_bytes_max = 10}).error().position == 10);  // the first character beyond
    CHECK(ruleOf("1 1 1", {.tokens_max = 3}) == "allowed");
    CHECK(ruleOf("1 1 1 1", {.tokens_max = 3}) == "text-too-many-tokens");
    CHECK(ruleOf("select 1" + repeat(",1", 9'999)) == "allowed");
    CHECK(ruleOf("select 1" + repeat(",1", 10'000)) == "text-too-many-tokens");
    CHECK(ruleOf("select 1 /* 2 3 4 */ -- 5", {.tokens_max = 2}) == "allowed");
}

TEST_CASE("guard scan: nesting counts parentheses, brackets, CASE and runs of prefix operators") {
    const Limits limits{.nesting_max = 10};
    for (const auto& [open, close] :
         {std::pair{"(", ")"}, {"a[", "]"}, {"case ", " end"}, {"- ", ""}, {"~ ", ""}, {"+ ", ""}, {"not ", ""}}) {
        CHECK_MESSAGE(ruleOf("select " + repeat(open, 10) + "1" + repeat(close, 10), limits) == "allowed", open);
        CHECK_MESSAGE(ruleOf("select " + repeat(open, 11) + "1" + repeat(close, 11), limits) == "text-too-deep", open);
    }
    CHECK(ruleOf("select " + repeat("(1),", 50) + "1", limits) == "allowed");
    CHECK(ruleOf("select 1" + repeat(" + -1", 50), limits) == "allowed");
}

TEST_CASE("guard scan: a million tokens and endless nesting end before any parser") {
    Limits limits;
    limits.text_bytes_max = 16 * 1024 * 1024;
    const std::string deep = repeat("(", 5'000'000);
    const std::string flat = repeat("1+", 5'000'000);
    const std::size_t used = test::runOnStack(512 * 1024, [&] {
        CHECK(ruleOf(deep, limits) == "text-too-deep");
        CHECK(ruleOf(flat, limits) == "text-too-many-tokens");
    });
    CHECK(used < 128 * 1024);
}

TEST_CASE("guard scan: a second statement is seen, text in quotes and comments is not one") {
    CHECK(ruleOf("select 1;") == "allowed");
    CHECK(ruleOf(";;select 1;;") == "allowed");
    CHECK(ruleOf("select ';' || $$;$$ || \";\" /* ; */ -- ;") == "allowed");
    CHECK(ruleOf("select 1;select 2") == "several-statements");
    CHECK(scanText("select 'é';select 2", {}).error().position == 12);
    CHECK(ruleOf("/* ; */") == "empty-statement");
    CHECK(scanText("/* ; */", {}).error().position == 1);
}

TEST_CASE("guard scan: a short text has the bounds that the scanner finds in it") {
    for (const std::string text :
         {"select 1", " \t\r\n\fselect 1\f \n", "select '- -' - -1", "x", "select\v1", "/**/ select 1", "select 1 --",
          "select 1;", "select '--'", "\v", "é", " select $$ $$ "}) {
        const auto quick = scanText(text, {});
        const auto scanned = scanText(text, {.nesting_max = 2});  // too low for the short way
        REQUIRE(quick.has_value() == scanned.has_value());
        if (!quick) continue;
        CHECK_MESSAGE(quick->body_begin == scanned->body_begin, text);
        CHECK_MESSAGE(quick->body_end == scanned->body_end, text);
        CHECK(quick->tokens >= scanned->tokens);
        CHECK(quick->nesting >= scanned->nesting);
    }
}

TEST_CASE("guard scan: the library at hand numbers its tokens as expected") {
    const auto checked = checkScanner();
    CHECK_MESSAGE(checked.has_value(), (checked ? "" : checked.error().message));
}

TEST_CASE("guard scan: positions are characters") {
    CHECK(characterAt("abc", 0) == 1);
    CHECK(characterAt("é€a", 5) == 3);
    CHECK(characterAt("ab", 99) == 3);
}

}  // namespace howdah::guard
