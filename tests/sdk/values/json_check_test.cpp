#include <doctest/doctest.h>

#include "sdk/values/support.hpp"

namespace howdah::test {
namespace {

bool splices(std::string_view text, bool keys_known_unique = false) {
    JsonCheck check;
    bool yes = check.splices(text, keys_known_unique);
    if (yes) CHECK_MESSAGE(parses(std::string{text}), text);
    return yes;
}

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

}  // namespace

TEST_CASE("json: sound values splice") {
    for (const char* text :
         {"null", "true", "false", "0", "-1", "1.5", R"("text")", "[]", "{}", R"({"a":[1,{"b":null}]})",
          " { \"a\" : [ 1 , 2 ] }\n", R"(["\u00e4\ud83d\udc18\"\\\/\b\f\n\r\t"])"}) {
        CHECK_MESSAGE(splices(text), text);
    }
}

TEST_CASE("json: numbers splice when a double keeps their value") {
    for (const char* text : {"0.1",
                             "1.10",
                             "-0",
                             "-0.0",
                             "0e5",
                             "0.00",
                             "1e5",
                             "1E+5",
                             "1e-5",
                             "0.30000000000000004",
                             "1.7976931348623157e308",
                             "5e-324",
                             "2.2250738585072014e-308",
                             "9007199254740991",
                             "-9007199254740991",
                             "123456789.123456",
                             "0.000001234",
                             "1e300",
                             "100.00e-2",
                             "0.1000000000000000000000000000000000"}) {
        CHECK_MESSAGE(splices(text), text);
    }
    for (const char* text :
         {"1e400", "-1e400", "1e-400", "9007199254740992", "-9007199254740993", "9223372036854775807",
          "18446744073709551616", "10000000000000000000000", "0.1000000000000000055511151231257827", "1.8e308",
          "4.9e-324", "0.30000000000000005", "123456789012345.678", "1.00000000000000001", "1e99999999999999999999"}) {
        CHECK_MESSAGE(!splices(text), text);
    }
    CHECK_FALSE(splices("1" + std::string(100000, '0')));
    CHECK_FALSE(splices("0." + std::string(100000, '1')));
}

TEST_CASE("json: 32 levels splice, 33 do not") {
    CHECK(splices(nested(32)));
    CHECK_FALSE(splices(nested(33)));
    CHECK_FALSE(splices(nested(1'000'000)));
    CHECK_FALSE(splices(std::string(1'000'000, '[')));
    std::string objects = "1";
    for (int i = 0; i < 32; ++i)
        objects = "{\"a\":" + objects + "}";
    CHECK(splices(objects));
    CHECK_FALSE(splices("[" + objects + "]"));
}

TEST_CASE("json: a key twice in one object does not splice, however it is spelt") {
    CHECK_FALSE(splices(R"({"a":1,"a":2})"));
    CHECK_FALSE(splices(R"({"a":1,"\u0061":2})"));
    CHECK_FALSE(splices(R"({"\ud83d\udc18":1,"b":2,"🐘":3})"));
    CHECK_FALSE(splices(R"({"x":{"y":[{"a":1,"b":2,"a":3}]}})"));
    CHECK_FALSE(splices(R"({"":1,"":2})"));
    CHECK(splices(R"({"a":1,"A":2})"));
    CHECK(splices(R"({"a":{"a":{"a":1}},"b":{"a":1}})"));
    CHECK(splices(R"([{"a":1},{"a":2}])"));
}

TEST_CASE("json: lone surrogates and bytes that are not UTF-8 do not splice") {
    for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud800x")", R"("\ud800\n")",
                             R"({"\udfff":1})", "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xc0\xaf\""}) {
        CHECK_MESSAGE(!splices(text), text);
    }
}

TEST_CASE("json: what is not JSON does not splice") {
    for (const char* text : {"",           " ",
                             "nul",        "truex",
                             "True",       "NaN",
                             "Infinity",   "-",
                             "+1",         "01",
                             "1.",         ".5",
                             "1e",         "1e+",
                             "--1",        "1 2",
                             "[1,]",       "[,1]",
                             "[1 2]",      "{",
                             "}",          "[",
                             "{\"a\"}",    "{\"a\":}",
                             "{\"a\":1,}", "{a:1}",
                             "{1:2}",      "'a'",
                             "\"a",        "\"\\\"",
                             "\"\\x\"",    "\"\\u12g4\"",
                             "\"\\u12",    "\"\n\"",
                             "\"\t\"",     "[1]]",
                             "{\"a\":1}}", "\xef\xbb\xbf[]",
                             "[1]\f"}) {
        CHECK_MESSAGE(!splices(text), text);
    }
}

}  // namespace howdah::test
