#include <doctest/doctest.h>

#include "sdk/values/support.hpp"

namespace howdah::test {

TEST_CASE("arrays: elements follow the contract of their type") {
    CHECK(encoded(kInt4Array, "{1,-2,NULL}") == "[1,-2,null]");
    CHECK(encoded(kInt8Array, "{9007199254740991,9007199254740992}") == R"([9007199254740991,"9007199254740992"])");
    CHECK(encoded(kFloat8Array, "{0.1,NaN,-Infinity}") == R"([0.1,"NaN","-Infinity"])");
    CHECK(encoded(kBoolArray, "{t,f,NULL}") == "[true,false,null]");
    CHECK(encoded(kNumericArray, "{1.10,2}") == R"(["1.10","2"])");
    CHECK(encoded(kByteaArray, R"({"\\x666f6f","\\x"})") == R"(["Zm9v",""])");
    CHECK(encoded(kTimestamptzArray, R"({"2024-02-29 12:34:56+00",infinity})") ==
          R"(["2024-02-29T12:34:56+00:00","infinity"])");
    CHECK(encoded(kDateArray, R"({2024-02-29,"0044-03-15 BC"})") == R"(["2024-02-29","0044-03-15 BC"])");
    CHECK(encoded(kRecordArray, R"_({"(1,a)","(2,\"b c\")"})_") == R"_(["(1,a)","(2,\"b c\")"])_");
}

TEST_CASE("arrays: empty") {
    CHECK(encoded(kInt4Array, "{}") == "[]");
}

TEST_CASE("arrays: nested up to six dimensions") {
    CHECK(encoded(kInt4Array, "{{1,2},{3,NULL}}") == "[[1,2],[3,null]]");
    CHECK(encoded(kInt4Array, "{{{{{{1}}}}}}") == "[[[[[[1]]]]]]");
    CHECK(encoded(kInt4Array, "{{{{{{{1}}}}}}}") == R"("{{{{{{{1}}}}}}}")");
}

TEST_CASE("arrays: quoted elements are unescaped once") {
    CHECK(encoded(kTextArray, R"({a,"b c","d,e","{f}","g\"h","i\\j","",k})") ==
          R"(["a","b c","d,e","{f}","g\"h","i\\j","","k"])");
    CHECK(encoded(kTextArray, R"({"\\","\"","\\\\\"x\\"})") == R"(["\\","\"","\\\\\"x\\"])");
    CHECK(encoded(kTextArray, "{\"line\nbreak\"}") == R"(["line\nbreak"])");
}

TEST_CASE("arrays: NULL is null, the text \"NULL\" is a string") {
    CHECK(encoded(kTextArray, R"({NULL,"NULL","null",nullable})") == R"([null,"NULL","null","nullable"])");
}

TEST_CASE("arrays: boxes are separated by semicolons") {
    CHECK(encoded(kBoxArray, "{(3,4),(1,2);(7,8),(5,6)}") == R"_(["(3,4),(1,2)","(7,8),(5,6)"])_");
}

TEST_CASE("arrays: lower bounds other than 1 are kept beside the values") {
    CHECK(encoded(kInt4Array, "[2:3]={7,8}") == R"({"lower_bounds":[2],"values":[7,8]})");
    CHECK(encoded(kInt4Array, "[0:0][-1:0]={{1,NULL}}") == R"({"lower_bounds":[0,-1],"values":[[1,null]]})");
    CHECK(encoded(kTextArray, R"([0:0]={"a=b"})") == R"({"lower_bounds":[0],"values":["a=b"]})");
}

TEST_CASE("arrays: what is not an array is kept as a string") {
    for (std::string text : {"",        "x",
                             "{",       "{1",
                             "{1,",     "{1,}",
                             "{,1}",    "{1}}",
                             "{1}x",    "}",
                             "{{1}",    "{{1},2",
                             "{1{2}}",  "{a\"b}",
                             "[",       "[1",
                             "[1:2",    "[1:2]",
                             "[1:2]=",  "[1:2]={",
                             "[1]={1}", "[a:b]={1}",
                             "[:]={1}", "[1:2]x={1}",
                             "[=",      "[1:1][1:1][1:1][1:1][1:1][1:1][1:1]={1}"}) {
        CAPTURE(text);
        std::string as_string;
        appendJsonString(as_string, text);
        CHECK(encoded(kTextArray, text) == as_string);
    }
    CHECK(encoded(kTextArray, "{\"a") == R"("{\"a")");
    CHECK(encoded(kTextArray, "{\"a\\") == R"("{\"a\\")");
    CHECK(encoded(kTextArray, "{\"a\"b}") == R"("{\"a\"b}")");
}

}  // namespace howdah::test
