#include "kernel/protocol/message.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

#include "kernel/protocol/json_pieces.hpp"

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

TEST_CASE("message: the JSON parsing test suite is accepted and refused as it asks") {
    const char* shared = std::getenv("HOWDAH_SHARED");
    if (!shared) {
        MESSAGE("skipped: HOWDAH_SHARED is not set");
        return;
    }
    int files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(shared) + "/data/json-parsing/test_parsing")) {
        std::string name = entry.path().filename();
        std::ifstream in(entry.path(), std::ios::binary);
        int code = parseCode({std::istreambuf_iterator<char>(in), {}});
        INFO(name);
        // A repeated key is valid JSON and all the same refused, as no valid request.
        if (name.starts_with("y_object_duplicated_key"))
            CHECK(code == kInvalidRequest);
        else if (name.starts_with("y_"))
            CHECK(code == 0);
        else if (name.starts_with("n_"))
            CHECK(code == kParseError);
        ++files;
    }
    CHECK(files > 300);
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
