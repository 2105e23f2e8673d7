#include <doctest/doctest.h>

#include "sdk/values/support.hpp"

namespace howdah::test {
namespace {

std::string csv(const Table& table) {
    std::string out;
    appendCsvHeader(out, table.columns());
    table.eachRow([&](std::span<const Cell> cells) { appendCsvRow(out, cells); });
    return out;
}

std::string markdown(const Table& table) {
    std::string out;
    appendMarkdownHeader(out, table.columns());
    table.eachRow([&](std::span<const Cell> cells) { appendMarkdownRow(out, cells); });
    return out;
}

}  // namespace

TEST_CASE("csv: NULL is an empty field, an empty text is quoted") {
    CHECK(csv(Table({{"a", kText}, {"b", kText}}, {{std::nullopt, ""}, {"", std::nullopt}})) ==
          "a,b\r\n,\"\"\r\n\"\",\r\n");
}

TEST_CASE("csv: commas, quotes and line breaks are quoted, other texts stand as they are") {
    CHECK(csv(Table({{"x,y", kText}, {"", kText}}, {{"a,b", "say \"hi\""}, {"l1\nl2", "cr\r"}, {"=1+1", " pad "}})) ==
          "\"x,y\",\"\"\r\n\"a,b\",\"say \"\"hi\"\"\"\r\n\"l1\nl2\",\"cr\r\"\r\n=1+1, pad \r\n");
    CHECK(csv(Table({{"q", kText}}, {{"\""}, {"\"\""}})) == "q\r\n\"\"\"\"\r\n\"\"\"\"\"\"\r\n");
}

TEST_CASE("csv: values are PostgreSQL's text") {
    CHECK(csv(Table({{"t", kTimestamptz}, {"b", kBytea}, {"o", kBool}}, {{"2024-02-29 12:00:00+00", "\\x00", "t"}})) ==
          "t,b,o\r\n2024-02-29 12:00:00+00,\\x00,t\r\n");
}

TEST_CASE("markdown: a value cannot leave its cell") {
    CHECK(markdown(
              Table({{"a|b", kText}, {"n", kInt4}}, {{"x|y", "1"}, {"l1\nl2\r\nl3\rl4", std::nullopt}, {"\\|", ""}})) ==
          "| a\\|b | n |\n| --- | --- |\n| x\\|y | 1 |\n| l1<br>l2<br>l3<br>l4 | NULL |\n| \\\\\\| |  |\n");
}

TEST_CASE("markdown: a value brings no link, image or tag") {
    CHECK(markdown(Table({{"v", kText}}, {{"![x](http://a/)"}, {"<img src=x>"}})) ==
          "| v |\n| --- |\n| !\\[x](http://a/) |\n| &lt;img src=x> |\n");
}

}  // namespace howdah::test
