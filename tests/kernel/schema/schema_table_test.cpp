// Every keyword, both sides: a schema, instances that fit, instances that do not. Each runs through both parsers.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "kernel/schema/schema.hpp"

using namespace howdah;
using namespace howdah::kernel;

namespace {

struct Case {
    const char* schema;
    std::vector<std::string> fit, refused;
};

bool fits(const Schema& schema, const std::string& text) {
    simdjson::dom::parser parser;
    const bool fast = !schema.validate(parser.parse(text).value()).has_value();
    const bool slow = !schema.validate(Json::parse(text)).has_value();
    CHECK_MESSAGE(fast == slow, text);
    return fast;
}

void run(const std::vector<Case>& cases) {
    for (const Case& test : cases) {
        CAPTURE(test.schema);
        auto schema = Schema::compile(Json::parse(test.schema));
        REQUIRE_MESSAGE(schema.has_value(), (schema ? "" : schema.error().message));
        for (const std::string& text : test.fit)
            CHECK_MESSAGE(fits(*schema, text), text);
        for (const std::string& text : test.refused)
            CHECK_MESSAGE(!fits(*schema, text), text);
    }
}

}  // namespace

TEST_CASE("schema: booleans, type, enum, const") {
    run({
        {"true", {"1", "null", "{}"}, {}},
        {"false", {}, {"1", "null", "{}"}},
        {"{}", {"1", "\"x\"", "[]"}, {}},
        {R"({"type":"null"})", {"null"}, {"0", "false", "\"\"", "[]", "{}"}},
        {R"({"type":"boolean"})", {"true", "false"}, {"0", "null", "\"true\""}},
        {R"({"type":"object"})", {"{}"}, {"[]", "null", "\"\""}},
        {R"({"type":"array"})", {"[]"}, {"{}", "null"}},
        {R"({"type":"string"})", {"\"\"", "\"1\""}, {"1", "null"}},
        {R"({"type":"number"})", {"1", "1.5", "-1e300", "18446744073709551615"}, {"\"1\"", "true"}},
        {R"({"type":"integer"})", {"1", "1.0", "-3", "1e3", "18446744073709551615"}, {"1.5", "\"1\"", "true"}},
        {R"({"type":["integer","null"]})", {"1", "null"}, {"1.5", "false"}},
        {R"({"enum":[1,"a",null,[1,2],{"k":1.0}]})",
         {"1", "1.0", "\"a\"", "null", "[1,2]", "{\"k\":1}"},
         {"2", "\"A\"", "false", "[2,1]", "{\"k\":2}", "{\"k\":1,\"l\":1}", "{}", "[1]"}},
        {R"({"enum":[false]})", {"false"}, {"0", "null"}},
        {R"({"enum":[0]})", {"0", "0.0", "-0.0"}, {"false", "null"}},
        {R"({"const":{"a":1,"b":[true]}})", {R"({"b":[true],"a":1})"}, {R"({"a":1})", R"({"a":1,"b":[1]})"}},
        {R"({"const":9007199254740993})", {"9007199254740993"}, {"9007199254740992", "9007199254740994"}},
        {R"({"const":1,"enum":[1,2]})", {"1"}, {"2"}},
        {R"({"const":3,"enum":[1,2]})", {}, {"1", "3"}},
    });
}

TEST_CASE("schema: numbers") {
    run({
        {R"({"minimum":3})", {"3", "4", "3.0", "\"2\""}, {"2.9", "-3"}},
        {R"({"maximum":3})", {"3", "-4"}, {"3.1", "18446744073709551615"}},
        {R"({"exclusiveMinimum":3})", {"3.01", "4"}, {"3", "3.0", "2"}},
        {R"({"exclusiveMaximum":3})", {"2.99"}, {"3", "4"}},
        {R"({"minimum":3,"exclusiveMinimum":2})", {"3"}, {"2.5"}},
        {R"({"minimum":2,"exclusiveMinimum":3})", {"4"}, {"3"}},
        {R"({"maximum":2,"exclusiveMaximum":2})", {"1"}, {"2"}},
        {R"({"minimum":9223372036854775807})", {"9223372036854775807", "9223372036854775808"}, {"9223372036854775806"}},
        {R"({"multipleOf":3})", {"0", "9", "-6", "9.0"}, {"10", "1.5"}},
        {R"({"multipleOf":0.1})", {"0.3", "1", "4.1"}, {"0.35", "0.01"}},
        {R"({"multipleOf":0.0001})", {"0.0075"}, {"0.00751"}},
        {R"({"multipleOf":1.5})", {"4.5", "0"}, {"35"}},
        {R"({"multipleOf":1e-8})", {"12391239123"}, {}},
        {R"({"multipleOf":0.123456789})", {}, {"1e308"}},
    });
}

TEST_CASE("schema: strings count code points") {
    run({
        {R"({"minLength":2})", {"\"ab\"", "\"\xc3\xa9\xc3\xa9\"", "5"}, {"\"a\"", "\"\xf0\x9f\x90\x98\""}},
        {R"({"maxLength":2})", {"\"\"", "\"ab\"", "\"\xf0\x9f\x90\x98\xf0\x9f\x90\x98\""}, {"\"abc\""}},
        {R"({"minLength":1.0,"maxLength":1})", {"\"a\""}, {"\"\"", "\"ab\""}},
        {R"({"pattern":"^[a-z]+$"})", {"\"abc\"", "7"}, {"\"\"", "\"aB\""}},
        {R"({"pattern":"b"})", {"\"abc\""}, {"\"ac\""}},
        {R"({"format":"date"})", {"\"not a date\""}, {}},
    });
}

TEST_CASE("schema: arrays") {
    run({
        {R"({"items":{"type":"integer"}})", {"[]", "[1,2]", "\"x\""}, {"[1,\"x\"]"}},
        {R"({"prefixItems":[{"type":"integer"},{"type":"string"}]})",
         {"[]", "[1]", "[1,\"a\",null]"},
         {"[\"a\"]", "[1,2]"}},
        {R"({"prefixItems":[{"type":"integer"}],"items":false})", {"[1]", "[]"}, {"[1,2]"}},
        {R"({"contains":{"const":1}})", {"[0,1]", "{}"}, {"[]", "[0]"}},
        {R"({"contains":{"const":1},"minContains":2,"maxContains":3})", {"[1,1]", "[1,0,1,1]"}, {"[1]", "[1,1,1,1]"}},
        {R"({"contains":{"const":1},"minContains":0})", {"[]", "[2]"}, {}},
        {R"({"minContains":2})", {"[]"}, {}},
        {R"({"minItems":1,"maxItems":2})", {"[1]", "[1,2]"}, {"[]", "[1,2,3]"}},
        {R"({"uniqueItems":true})",
         {"[]", "[1,2]", "[1,true]", "[0,false]", "[[1],[2]]", R"([{"a":1},{"a":2}])", "[\"1\",1]"},
         {"[1,1.0]", "[[1],[1]]", R"([{"a":1,"b":2},0,{"b":2,"a":1}])", "[null,null]", "[\"x\",1,\"x\"]"}},
        {R"({"uniqueItems":false})", {"[1,1]"}, {}},
    });
}

TEST_CASE("schema: objects") {
    run({
        {R"({"properties":{"a":{"type":"integer"},"b":false}})",
         {"{}", R"({"a":1,"c":"x"})", "[]"},
         {R"({"a":"x"})", R"({"b":1})"}},
        {R"({"required":["a","b"]})", {R"({"a":1,"b":null})", "[]"}, {"{}", R"({"a":1})"}},
        {R"({"properties":{"a":{}},"additionalProperties":false})", {"{}", R"({"a":1})"}, {R"({"b":1})"}},
        {R"({"required":["b"],"additionalProperties":false})", {}, {R"({"b":1})", "{}"}},
        {R"({"properties":{"a":{}},"additionalProperties":{"type":"string"}})", {R"({"a":1,"b":"x"})"}, {R"({"b":1})"}},
        {R"({"patternProperties":{"^x_":{"type":"integer"},"_y$":{"minimum":5}},"additionalProperties":false})",
         {R"({"x_a":1})", R"({"x_y":5})", "{}"},
         {R"({"x_a":"s"})", R"({"x_y":4})", R"({"z":1})"}},
        {R"({"properties":{"x_a":{"maximum":3}},"patternProperties":{"^x_":{"minimum":1}}})",
         {R"({"x_a":2})"},
         {R"({"x_a":0})", R"({"x_a":4})"}},
        {R"({"propertyNames":{"maxLength":3,"pattern":"^[a-z]"}})",
         {R"({"abc":1})", "{}"},
         {R"({"abcd":1})", R"({"1":1})"}},
        {R"({"propertyNames":false})", {"{}"}, {R"({"a":1})"}},
        {R"({"minProperties":1,"maxProperties":2})", {R"({"a":1})"}, {"{}", R"({"a":1,"b":2,"c":3})"}},
        {R"({"dependentRequired":{"a":["b","c"]}})",
         {"{}", R"({"b":1})", R"({"a":1,"b":1,"c":1})"},
         {R"({"a":1})", R"({"a":1,"b":1})"}},
        {R"({"dependentSchemas":{"a":{"required":["b"],"properties":{"a":{"type":"integer"}}}}})",
         {"{}", R"({"b":1})", R"({"a":1,"b":1})"},
         {R"({"a":1})", R"({"a":"x","b":1})"}},
        {R"({"properties":{"":{"const":1},"a/b~c":{"const":2}}})",
         {R"({"":1,"a/b~c":2})"},
         {R"({"":2})", R"({"a/b~c":1})"}},
    });
}

TEST_CASE("schema: logic") {
    run({
        {R"({"allOf":[{"minimum":1},{"maximum":3}]})", {"1", "3"}, {"0", "4"}},
        {R"({"anyOf":[{"type":"string"},{"minimum":3,"type":"integer"}]})", {"\"x\"", "3"}, {"2", "null"}},
        {R"({"oneOf":[{"multipleOf":2},{"multipleOf":3}]})", {"2", "3"}, {"1", "6"}},
        {R"({"not":{"type":"string"}})", {"1"}, {"\"x\""}},
        {R"({"not":{"not":{"type":"string"}}})", {"\"x\""}, {"1"}},
        {R"({"if":{"minimum":10},"then":{"multipleOf":10},"else":{"maximum":5}})", {"20", "5"}, {"15", "7"}},
        {R"({"if":{"const":1},"then":false})", {"2"}, {"1"}},
        {R"({"then":false,"else":false})", {"1"}, {}},
        {R"({"if":false,"else":{"type":"string"}})", {"\"x\""}, {"1"}},
        {R"({"type":"integer","anyOf":[{"minimum":5},{"maximum":2}]})", {"6", "1"}, {"3", "\"x\""}},
    });
}

TEST_CASE("schema: $defs, $ref, recursion, annotations") {
    run({
        {R"({"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:x","title":"t","description":"d","default":1,
             "examples":[],"$comment":"c","deprecated":false,"x-own":{"type":"nonsense"},"type":"integer"})",
         {"1"},
         {"\"x\""}},
        {R"({"$defs":{"n":{"type":"integer"}},"items":{"$ref":"#/$defs/n"}})", {"[1]"}, {"[\"x\"]"}},
        {R"({"$defs":{"n":{"type":"integer"}},"$ref":"#/$defs/n","minimum":3})", {"3"}, {"2", "\"x\""}},
        {R"({"$defs":{"a/b~c d%":{"const":1}},"$ref":"#/$defs/a~1b~0c%20d%25"})", {"1"}, {"2"}},
        {R"({"prefixItems":[{"const":1},{"$ref":"#/prefixItems/0"}]})", {"[1,1]"}, {"[1,2]"}},
        {R"({"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}},"additionalProperties":false})",
         {R"({"v":1,"next":{"v":2,"next":{}}})"},
         {R"({"next":{"next":{"v":"x"}}})", R"({"next":{"w":1}})"}},
        {R"({"$defs":{"tree":{"type":["array","integer"],"items":{"$ref":"#/$defs/tree"}}},"$ref":"#/$defs/tree"})",
         {"1", "[1,[2,[3,[]]]]"},
         {"[1,[2,[\"x\"]]]"}},
        {R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/c"},"c":{"type":"null"}},"$ref":"#/$defs/a"})",
         {"null"},
         {"1"}},
    });
}

TEST_CASE("schema: unevaluatedProperties and unevaluatedItems see what the keywords beside them have looked at") {
    run({
        {R"({"properties":{"a":{}},"unevaluatedProperties":false})", {"{}", R"({"a":1})", "[1]"}, {R"({"b":1})"}},
        {R"({"allOf":[{"properties":{"a":{}}},{"patternProperties":{"^x":{}}}],"unevaluatedProperties":{"type":"null"}})",
         {R"({"a":1,"x1":2,"z":null})"},
         {R"({"z":1})"}},
        {R"({"anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{}}}],"unevaluatedProperties":false})",
         {R"({"a":1,"b":2})", R"({"b":2})"},
         {R"({"a":2,"b":2})", R"({"c":1})"}},
        {R"({"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"properties":{"b":{}}},"else":{"properties":{"c":{}}},"unevaluatedProperties":false})",
         {R"({"a":1,"b":1})", R"({"c":1})"},
         {R"({"a":1,"c":1})", R"({"b":1})"}},
        {R"({"dependentSchemas":{"a":{"properties":{"a":{},"b":{}}}},"unevaluatedProperties":false})",
         {R"({"a":1,"b":1})"},
         {R"({"b":1})"}},
        {R"({"not":{"properties":{"a":{}},"required":["b"]},"unevaluatedProperties":false})", {"{}"}, {R"({"a":1})"}},
        {R"({"allOf":[{"unevaluatedProperties":{"type":"integer"}}],"unevaluatedProperties":false})",
         {R"({"a":1})"},
         {R"({"a":"x"})"}},
        {R"({"prefixItems":[{}],"contains":{"const":9},"unevaluatedItems":false})",
         {"[1,9,9]", "[9]"},
         {"[1]", "[9,1]"}},
        {R"({"$ref":"#/$defs/l","$defs":{"l":{"prefixItems":[{}]}},"unevaluatedItems":{"type":"string"}})",
         {"[1,\"x\"]"},
         {"[1,2]"}},
    });
}

TEST_CASE("schema: names inside the schema lead to their places") {
    run({
        {R"({"$ref":"#n","$defs":{"x":{"$anchor":"n","type":"integer"}}})", {"1"}, {"\"x\""}},
        {R"({"$id":"http://example.org/root.json","$ref":"part.json","$defs":{"p":{"$id":"part.json","$ref":"#/$defs/i","$defs":{"i":{"type":"integer"}}}}})",
         {"1"},
         {"\"x\""}},
        {R"({"$id":"urn:example:root","items":{"$ref":"urn:example:part#n"},"$defs":{"p":{"$id":"urn:example:part","$defs":{"i":{"$anchor":"n","type":"null"}}}}})",
         {"[null]"},
         {"[1]"}},
        // The list says what its items are only once it knows who extends it.
        {R"({"$id":"http://example.org/strings","$ref":"list","$defs":{"item":{"$dynamicAnchor":"item","type":"string"},
             "list":{"$id":"list","type":"array","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$dynamicAnchor":"item"}}}}})",
         {"[\"x\"]"},
         {"[1]"}},
        {R"({"$dynamicRef":"#n","$defs":{"x":{"$anchor":"n","type":"integer"}}})", {"1"}, {"\"x\""}},
    });
}
