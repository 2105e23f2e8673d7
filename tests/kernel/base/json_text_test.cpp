#include <random>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <howdah/json_text.hpp>

namespace {
std::string escaped(std::string_view text) {
    std::string out;
    howdah::appendEscaped(out, text);
    return out;
}
}  // namespace

TEST_CASE("json_text: clean text is copied, the rest is escaped") {
    CHECK(escaped("") == "");
    CHECK(escaped("plain text, / and \x7f stay") == "plain text, / and \x7f stay");
    CHECK(escaped("a\"b\\c") == "a\\\"b\\\\c");
    CHECK(escaped("\n\r\t\b\f") == "\\n\\r\\t\\b\\f");
    CHECK(escaped(std::string_view("\0\x1f", 2)) == "\\u0000\\u001f");
    CHECK(escaped("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x98") == "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x98");
    std::string out = "x";
    howdah::appendJsonString(out, "y\"");
    CHECK(out == "x\"y\\\"\"");
}

TEST_CASE("json_text: bytes that are no UTF-8 become U+FFFD, their neighbours stay") {
    const std::string bad = "\xef\xbf\xbd";
    CHECK(escaped("a\xff"
                  "b") == "a" + bad + "b");
    CHECK(escaped("\xc3") == bad);
    CHECK(escaped("\xc0\xaf") == bad + bad);                      // overlong
    CHECK(escaped("\xed\xa0\x80") == bad + bad + bad);            // surrogate
    CHECK(escaped("\xf4\x90\x80\x80") == bad + bad + bad + bad);  // beyond U+10FFFF
    CHECK(escaped("\xe2\x82"
                  "x") == bad + bad + "x");
}

TEST_CASE("json_text: a special byte is found at every offset of the block") {
    for (char special : {'"', '\\', '\n', '\x01', '\xff'}) {
        for (std::size_t at = 0; at < 70; ++at) {
            std::string text(70, 'x');
            text[at] = special;
            auto back = nlohmann::json::parse("\"" + escaped(text) + "\"").get<std::string>();
            CHECK(back == (special == '\xff' ? text.substr(0, at) + "\xef\xbf\xbd" + text.substr(at + 1) : text));
        }
    }
}

TEST_CASE("json_text: whatever goes in, valid JSON comes out") {
    std::mt19937 random(11);
    for (int i = 0; i < 20000; ++i) {
        std::string text(random() % 80, '\0');
        for (char& c : text)
            c = static_cast<char>(random() % 4 == 0 ? random() : 'a' + random() % 26);
        REQUIRE(nlohmann::json::accept("\"" + escaped(text) + "\""));
    }
}
