#include "kernel/base/json.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::kernel;

namespace {
std::string refusal(std::string_view text, JsonLimits limits = {}) {
    auto parsed = parseJson(text, limits);
    return parsed ? "" : parsed.error().message;
}
}  // namespace

TEST_CASE("json: what is valid comes back whole") {
    const char* text = R"({"a":[1,-2,3.5,18446744073709551615,true,false,null,"é\n"],"b":{"c":{}},"":[]})";
    auto parsed = parseJson(text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == Json::parse(text));
    CHECK(*parseJson("5") == Json(5));
    CHECK(*parseJson(" [ ] ") == Json::array());
}

TEST_CASE("json: a key twice is refused with its byte offset, at every depth") {
    CHECK(refusal(R"({"a":1,"a":2})") == "not valid JSON at byte 9: key \"a\" stands twice in one object");
    CHECK(refusal(R"([{"x":{"b":1,"c":{},"b":2}}])") ==
          "not valid JSON at byte 22: key \"b\" stands twice in one object");
    CHECK(refusal(R"({"a":1,"\u0061":2})").find("key \"a\" stands twice") != std::string::npos);
    CHECK(refusal(R"([{"a":1},{"a":1}])") == "");
}

TEST_CASE("json: depth and size have an edge, tested on both sides") {
    CHECK(refusal("[[[]]]", {.depth_max = 3}) == "");
    CHECK(refusal("[[[[]]]]", {.depth_max = 3}) == "not valid JSON at byte 3: nested deeper than 3 levels");
    CHECK(refusal(std::string(1000000, '[')) == "not valid JSON at byte 64: nested deeper than 64 levels");
    CHECK(refusal("[1,2]", {.bytes_max = 5}) == "");
    CHECK(refusal("[1,2]", {.bytes_max = 4}) == "JSON text of 5 bytes is above the limit of 4");
}

TEST_CASE("json: malformed text is refused with its byte offset") {
    for (std::string_view text : {"", "{", "[1,]", "{\"a\"}", "[1] x", "nul", "\"\xff\"", "\"\xed\xa0\x80\"",
                                  "\"a\nb\"", "01", "[1e999]", "// c\n1", "'a'", "NaN", "\"\\u12\"", "{\"a\":1,}"}) {
        CAPTURE(text);
        CHECK(refusal(text).starts_with("not valid JSON at byte "));
    }
    CHECK(refusal("[1,]").starts_with("not valid JSON at byte 3: "));
}

TEST_CASE("json: pointers escape what they must and read well dotted") {
    std::string pointer;
    appendPointer(pointer, std::string_view("plugins"));
    appendPointer(pointer, std::size_t{3});
    appendPointer(pointer, std::string_view("acme/a~b"));
    CHECK(pointer == "/plugins/3/acme~1a~0b");
    CHECK(dotted(pointer) == "plugins.3.acme/a~b");
    CHECK(dotted("") == "");
}

TEST_CASE("json: mutated text never crashes the reader and agrees with a parser that accepts less strictly") {
    const std::string seed = R"({"a":[1,2.5e3,"x\u00e9\n",{"b":null}],"c":{"d":true,"e":[[[]]]}})";
    std::mt19937 random(7);
    for (int i = 0; i < 20000; ++i) {
        std::string text = seed;
        for (unsigned edit = 0; edit < 1 + random() % 3; ++edit)
            text[random() % text.size()] = static_cast<char>(random());
        if (auto parsed = parseJson(text)) CHECK(*parsed == Json::parse(text));
    }
}
