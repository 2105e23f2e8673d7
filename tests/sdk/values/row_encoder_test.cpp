#include <doctest/doctest.h>

#include "sdk/values/support.hpp"

namespace howdah::test {
namespace {

std::string rowsOf(const RowEncoder& encoder, const Table& table) {
    std::string out = "[";
    table.eachRow([&](std::span<const Cell> cells) {
        if (out.size() > 1) out += ',';
        encoder.appendJsonRow(out, cells);
    });
    out += ']';
    return parses(out) ? out : "not JSON: " + out;
}

std::string columnsOf(const RowEncoder& encoder) {
    std::string out;
    encoder.appendColumns(out);
    return parses(out) ? out : "not JSON: " + out;
}

RowEncoder decided(const Table& table) {
    RowEncoder encoder(table.columns());
    howdah_batch batch = table.batch();
    encoder.decideJson({&batch, 1});
    return encoder;
}

}  // namespace

TEST_CASE("rows: an array of values in column order, NULL as null") {
    Table table({{"id", kInt4}, {"note", kText}}, {{"1", "a"}, {"2", std::nullopt}, {std::nullopt, ""}});
    CHECK(rowsOf(RowEncoder(table.columns()), table) == R"([[1,"a"],[2,null],[null,""]])");
}

TEST_CASE("rows: no column and no row are sound") {
    Table no_column({}, {{}});
    CHECK(rowsOf(RowEncoder(no_column.columns()), no_column) == "[[]]");
    CHECK(columnsOf(RowEncoder(no_column.columns())) == "[]");
    Table no_row({{"a", kInt4}}, {});
    CHECK(rowsOf(decided(no_row), no_row) == "[]");
}

TEST_CASE("rows: equal and empty column names are kept") {
    Table table({{"a", kInt4}, {"a", kInt4}, {"", kText}, {"say \"x\"", 16385}}, {{"1", "2", "3", "4"}});
    CHECK(rowsOf(RowEncoder(table.columns()), table) == R"([[1,2,"3","4"]])");
    CHECK(columnsOf(RowEncoder(table.columns())) ==
          R"([{"name":"a","type":"int4","encoding":"number"},{"name":"a","type":"int4","encoding":"number"},)"
          R"({"name":"","type":"text","encoding":"string"},{"name":"say \"x\"","type_oid":16385,"encoding":"text"}])");
}

TEST_CASE("rows: json is text until the whole result has been seen") {
    Table table({{"j", kJsonb}}, {{R"({"a": 1})"}});
    RowEncoder encoder(table.columns());
    CHECK(encoder.hasJson());
    CHECK(encoder.encoding(0) == "text");
    CHECK(rowsOf(encoder, table) == R"([["{\"a\": 1}"]])");
    encoder.beginJsonPass();
    CHECK(encoder.encoding(0) == "text");
    table.eachRow([&](std::span<const Cell> cells) { encoder.inspect(cells); });
    encoder.endJsonPass();
    CHECK(encoder.encoding(0) == "json");
    CHECK(rowsOf(encoder, table) == R"([[{"a": 1}]])");
}

TEST_CASE("rows: one value that cannot be spliced makes its column text, and only its column") {
    Table table({{"j", kJson}, {"k", kJsonb}, {"n", kInt4}},
                {{"1", "\"x\"", "1"}, {R"({"a":1,"a":2})", std::nullopt, "2"}, {"3", "[]", "3"}});
    RowEncoder encoder = decided(table);
    CHECK(encoder.encoding(0) == "text");
    CHECK(encoder.encoding(1) == "json");
    CHECK(rowsOf(encoder, table) == R"([["1","x",1],["{\"a\":1,\"a\":2}",null,2],["3",[],3]])");
}

TEST_CASE("rows: JSON's null is not taken for NULL") {
    Table table({{"j", kJsonb}, {"k", kJson}, {"a", kJsonbArray}},
                {{"1", "[null]", R"({1,NULL})"}, {"null", "{\"a\":null}", R"({"[null]"})"}, {std::nullopt, "2", "{}"}});
    RowEncoder encoder = decided(table);
    CHECK(encoder.encoding(0) == "text");
    CHECK(encoder.encoding(1) == "json");
    CHECK(encoder.encoding(2) == "json[]");
    CHECK(rowsOf(encoder, table) == R"([["1",[null],[1,null]],["null",{"a":null},[[null]]],[null,2,[]]])");
    CHECK(decided(Table({{"j", kJson}}, {{" null\n"}})).encoding(0) == "text");
    CHECK(decided(Table({{"j", kJson}}, {{"\"null\""}})).encoding(0) == "json");
    CHECK(decided(Table({{"a", kJsonArray}}, {{"{null}"}})).encoding(0) == "text[]");
}

TEST_CASE("rows: a second dimension of a json array is not taken for an array in it") {
    CHECK(decided(Table({{"a", kJsonbArray}}, {{R"({"[1, 2]"})"}})).encoding(0) == "json[]");
    CHECK(decided(Table({{"a", kJsonbArray}}, {{"{{1,2}}"}})).encoding(0) == "text[]");
}

TEST_CASE("rows: a decision does not outlive its result") {
    Table good({{"j", kJson}}, {{"1"}});
    Table bad({{"j", kJson}}, {{"1e400"}});
    RowEncoder encoder = decided(good);
    REQUIRE(encoder.encoding(0) == "json");
    howdah_batch batch = bad.batch();
    encoder.decideJson({&batch, 1});
    CHECK(rowsOf(encoder, bad) == R"([["1e400"]])");
}

TEST_CASE("rows: line breaks between the tokens of json become blanks") {
    Table table({{"j", kJson}}, {{"{\n  \"a\":\r\n  [1,\n2] }\n"}});
    std::string out = rowsOf(decided(table), table);
    CHECK(out.find_first_of("\r\n") == std::string::npos);
    CHECK(nlohmann::json::parse(out) == nlohmann::json::parse(R"([[{"a":[1,2]}]])"));
}

TEST_CASE("rows: elements of json arrays are decided like values") {
    Table good({{"j", kJsonbArray}}, {{R"({"{\"a\": 1}","\"x\"",NULL,2})"}});
    RowEncoder encoder = decided(good);
    CHECK(encoder.encoding(0) == "json[]");
    CHECK(rowsOf(encoder, good) == R"([[[{"a": 1},"x",null,2]]])");
    Table bad({{"j", kJsonArray}}, {{R"({"{\"a\":1,\"a\":2}",2})"}});
    RowEncoder text = decided(bad);
    CHECK(text.encoding(0) == "text[]");
    CHECK(rowsOf(text, bad) == R"([[["{\"a\":1,\"a\":2}","2"]]])");
    Table broken({{"j", kJsonArray}}, {{"{1"}});
    CHECK(decided(broken).encoding(0) == "text[]");
}

TEST_CASE("rows: the header tells how strings are to be read") {
    Table table({{"", kBytea},
                 {"", kByteaArray},
                 {"", kBool},
                 {"", kInt4Array},
                 {"", kTimestamptz},
                 {"", 3904},
                 {"", kVoid},
                 {"", kNumeric}},
                {});
    RowEncoder encoder(table.columns());
    RowEncoder hex(table.columns(), {.bytes = BytesForm::hex});
    std::vector<std::string> found;
    for (std::size_t i = 0; i < encoder.columnCount(); ++i)
        found.emplace_back(encoder.encoding(i));
    CHECK(found ==
          std::vector<std::string>{"base64", "base64[]", "boolean", "number[]", "string", "text", "null", "string"});
    CHECK(hex.encoding(0) == "hex");
    CHECK(hex.encoding(1) == "hex[]");
}

}  // namespace howdah::test
