#include "kernel/protocol/message.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

#include "kernel/protocol/json_pieces.hpp"
#include "tests/support/thread_time.hpp"

using namespace howdah::kernel;

namespace {

// The code a body is refused with, 0 when it parses.
int parseCode(std::string body, MessageLimits limits = {}) {
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    Document document;
    auto refusal = document.parse(body, limits);
    return refusal ? refusal->code : 0;
}

std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

std::string inPieces(std::string_view text, std::size_t size) {
    std::string out;
    PieceEscaper escaper;
    for (std::size_t at = 0; at < text.size(); at += size)
        escaper.append(out, text.substr(at, size));
    escaper.finish(out);
    return out;
}

}  // namespace

TEST_CASE("message: nesting is allowed up to the limit and not one deeper") {
    CHECK(parseCode(nested(64)) == 0);
    CHECK(parseCode(nested(65)) == kParseError);
    CHECK(parseCode(nested(100'000)) == kParseError);
    CHECK(parseCode(nested(3), {.depth_max = 2}) == kParseError);
    CHECK(parseCode(nested(3)) == 0);  // the parser of the test above came back and learnt the new limit
}

TEST_CASE("message: as many values as the limit are allowed and not one more") {
    CHECK(parseCode("[1,2,3]", {.nodes_max = 4}) == 0);
    CHECK(parseCode("[1,2,3]", {.nodes_max = 3}) == kInvalidRequest);
}

TEST_CASE("message: a key that stands twice is refused, in small objects and in large ones") {
    auto object = [](int keys, const char* last) {
        std::string json = "{";
        for (int i = 0; i < keys; ++i)
            json += "\"k" + std::to_string(i) + "\":0,";
        return json + "\"" + last + "\":1}";
    };
    CHECK(parseCode(object(3, "new")) == 0);
    CHECK(parseCode(object(3, "k1")) == kInvalidRequest);
    CHECK(parseCode(object(11, "k10")) == kInvalidRequest);
    CHECK(parseCode(object(12, "k11")) == kInvalidRequest);
    CHECK(parseCode(object(500, "k250")) == kInvalidRequest);
    CHECK(parseCode(object(500, "new")) == 0);
    CHECK(parseCode(R"({"a":1,"\u0061":2})") == kInvalidRequest);
}

TEST_CASE("message: bytes that are no UTF-8 are refused") {
    CHECK(parseCode("\"\xC3\xA9\"") == 0);
    CHECK(parseCode("\"\xC3\"") == kParseError);
    CHECK(parseCode("\"\xED\xA0\x80\"") == kParseError);
    CHECK(parseCode("\xEF\xBB\xBF{}") == kParseError);
    CHECK(parseCode("") == kParseError);
}

TEST_CASE("message: an id string is taken up to its limit") {
    auto code = [](std::size_t bytes) {
        std::string body = R"({"jsonrpc":"2.0","method":"ping","id":")" + std::string(bytes, 'x') + "\"}";
        body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
        Document document;
        REQUIRE_FALSE(document.parse(body, {}));
        Message message;
        auto refusal = Message::read(document.root(), {}, message);
        return refusal ? refusal->code : 0;
    };
    CHECK(code(1024) == 0);
    CHECK(code(1025) == kInvalidRequest);
}

TEST_CASE("message: a string or a key is taken up to its limit") {
    auto quoted = [](std::size_t bytes) { return "\"" + std::string(bytes, 'x') + "\""; };
    CHECK(parseCode(quoted(1u << 20)) == 0);
    CHECK(parseCode(quoted((1u << 20) + 1)) == kInvalidRequest);
    CHECK(parseCode("{" + quoted(8) + ":1}", {.string_bytes_max = 8}) == 0);
    CHECK(parseCode("{" + quoted(9) + ":1}", {.string_bytes_max = 8}) == kInvalidRequest);
}

TEST_CASE("message: a million brackets are refused at the limit of depth, whatever stands in them") {
    CHECK(parseCode(std::string(1'000'000, '[')) == kParseError);
    CHECK(parseCode(std::string(1'000'000, '{')) == kParseError);
    std::string objects;
    for (int i = 0; i < 200'000; ++i)
        objects += R"({"a":)";
    CHECK(parseCode(objects) == kParseError);
}

TEST_CASE("message: a million brackets are refused within ten milliseconds") {
    constexpr double kAim_ms = 10;
    for (const char bracket : {'[', '{'}) {
        std::string body(1'000'000, bracket);
        body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
        Document document;
        int code = 0;
        const double took_ms = howdah::test::workOf_ms([&] {
            if (auto refusal = document.parse(body, {})) code = refusal->code;
        });
        CHECK(code == kParseError);
        CHECK(took_ms <= kAim_ms * howdah::test::kSlowBuild);
        std::printf("figure: a million %c refused in %.1f ms of work, the aim is %.0f ms\n", bracket, took_ms, kAim_ms);
    }
}

TEST_CASE("message: what is JSON is read and what is none is refused") {
    const std::string accepted[] = {
        "{}",      " [ ] ",       "\"\"",   "0",          "-0",
        "-0.0",    "1E+2",        "1e-7",   "[1,2.5,-3]", "{\"a\":{\"b\":[null,true,false]}}",
        "\"\\/\"", "\"\\u0000\"", "\t1\r\n"};
    const std::string refused[] = {"",
                                   " ",
                                   "[",
                                   "]",
                                   "[1,]",
                                   "[,1]",
                                   "{\"a\"}",
                                   "{\"a\":}",
                                   "{\"a\":1,}",
                                   "{a:1}",
                                   "{'a':1}",
                                   "[1 2]",
                                   "01",
                                   "+1",
                                   ".5",
                                   "1.",
                                   "1e",
                                   "0x1",
                                   "NaN",
                                   "Infinity",
                                   "nul",
                                   "True",
                                   "\"a",
                                   "\"\\a\"",
                                   "\"\\u12\"",
                                   "\"\n\"",
                                   "[1]x",
                                   "{}{}",
                                   "[1]]",
                                   "// c\n1",
                                   "/* c */1",
                                   "\"\t\"",
                                   "\v1",
                                   "\xEF\xBB\xBF{}",
                                   "\"\xFF\"",
                                   "\xC3\xA9",
                                   "[\"\xED\xA0\x80\"]",
                                   "\"\xC0\x80\""};
    for (const std::string& text : accepted)
        CHECK_MESSAGE(parseCode(text) == 0, text);
    for (const std::string& text : refused)
        CHECK_MESSAGE(parseCode(text) == kParseError, text);
    // A NUL ends nothing: it is a byte like any other that must not be there.
    CHECK(parseCode(std::string("{}\0", 3)) == kParseError);
    CHECK(parseCode(std::string("\"a\0b\"", 5)) == kParseError);
}

TEST_CASE("message: numbers no double or 64-bit integer can hold, and halves of surrogate pairs, are refused") {
    for (const char* text : {"1e400", "-1e400", "18446744073709551616", "-9223372036854775809", "[\"\\ud800\"]",
                             "[\"\\udc18\"]", "[\"\\ud83dx\"]", "[\"\\udc18\\ud83d\"]"})
        CHECK_MESSAGE(parseCode(text) == kParseError, text);
    CHECK(parseCode(std::string(100'000, '9')) == kParseError);
    CHECK(parseCode("0." + std::string(100'000, '9')) == 0);
    for (const char* text : {"18446744073709551615", "-9223372036854775808", "1e308", "1e-400", "[\"\\ud83d\\udc18\"]"})
        CHECK_MESSAGE(parseCode(text) == 0, text);
}

TEST_CASE("message: JSONTestSuite is accepted and refused as it asks") {
    const char* shared = std::getenv("HOWDAH_SHARED");
    if (!shared) {
        std::puts("figure: JSONTestSuite: skipped, HOWDAH_SHARED names no folder");
        return;
    }
    int accepted = 0, to_accept = 0, refused = 0, to_refuse = 0, free = 0, twice = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(shared) + "/data/json-parsing/test_parsing")) {
        const std::string name = entry.path().filename();
        std::ifstream in(entry.path(), std::ios::binary);
        const int code = parseCode({std::istreambuf_iterator<char>(in), {}});
        INFO(name);
        if (name.starts_with("y_")) {
            ++to_accept;
            // JSON allows a key twice; as a message that is refused, but not as something that is no JSON.
            const bool key_twice = name.starts_with("y_object_duplicated_key");
            CHECK(code == (key_twice ? kInvalidRequest : 0));
            accepted += code != kParseError;
            twice += key_twice;
        } else if (name.starts_with("n_")) {
            ++to_refuse;
            CHECK(code == kParseError);
            refused += code == kParseError;
        } else {
            ++free;
            CHECK((code == 0 || code == kParseError));
        }
    }
    std::printf(
        "figure: JSONTestSuite: accepted %d/%d refused %d/%d, the other %d without a crash (%d of the accepted name a "
        "key "
        "twice, so are no message)\n",
        accepted, to_accept, refused, to_refuse, free, twice);
    CHECK(to_accept == 95);
    CHECK(to_refuse == 188);
    CHECK(free == 35);
    CHECK(twice == 2);
}

TEST_CASE("json_pieces: a character cut by a piece's end is put together, a broken one replaced") {
    const std::string text = "a\xE2\x82\xAC\xF0\x9F\x90\x98\n\"z";
    for (std::size_t size = 1; size <= text.size(); ++size)
        CHECK(inPieces(text, size) == "a\xE2\x82\xAC\xF0\x9F\x90\x98\\n\\\"z");
    CHECK(inPieces("x\xE2\x82", 1) == inPieces("x\xE2\x82", 3));
    CHECK(inPieces("\xE2\x82"
                   "abc",
                   2) == inPieces("\xE2\x82"
                                  "abc",
                                  9));
    CHECK(inPieces("\xE2", 1) == "\xEF\xBF\xBD");
}

TEST_CASE("json_pieces: raw JSON never holds a line break") {
    std::string out = "\n";
    appendJsonLine(out, "{\r\n\"a\":1\n}");
    CHECK(out == "\n{  \"a\":1 }");
}
