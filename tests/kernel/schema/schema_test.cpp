// What a violation says: where, what was expected, what was met, and what the nearest name is.
#include "kernel/schema/schema.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::kernel;

namespace {

Violation violationOf(const char* schema_text, const char* instance) {
    auto schema = Schema::compile(Json::parse(schema_text));
    REQUIRE_MESSAGE(schema.has_value(), (schema ? "" : schema.error().message));
    simdjson::dom::parser parser;
    auto violation = schema->validate(parser.parse(std::string_view(instance)).value());
    REQUIRE(violation.has_value());
    auto other = schema->validate(Json::parse(instance));
    REQUIRE(other.has_value());
    CHECK(other->message == violation->message);
    CHECK(other->pointer == violation->pointer);
    return *violation;
}

constexpr const char* kQuery = R"({
    "type": "object", "required": ["sql"], "additionalProperties": false,
    "properties": {
        "sql": {"type": "string", "minLength": 1, "maxLength": 65536},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        "format": {"enum": ["json", "csv", "markdown"]},
        "parameters": {"type": "array", "maxItems": 100, "items": {"type": ["string", "number", "boolean", "null"]}},
        "range": {"type": "object", "properties": {"from": {"type": "number", "exclusiveMinimum": 0}}}}})";

}  // namespace

TEST_CASE("schema: a violation names the key, what is expected and what was met") {
    const std::tuple<const char*, const char*, const char*> cases[] = {
        {R"({"sql":"x","limit":"5m"})", "/limit", R"("limit" must be an integer between 1 and 1000, got "5m")"},
        {R"({"sql":"x","limit":0})", "/limit", R"("limit" must be an integer between 1 and 1000, got 0)"},
        {R"({"sql":"x","limit":2.5})", "/limit", R"("limit" must be an integer between 1 and 1000, got 2.5)"},
        {R"({"sql":""})", "/sql", R"("sql" must be a string of 1 to 65536 characters, got "")"},
        {R"({"sql":"x","format":"xml"})", "/format", R"("format" must be one of "json", "csv", "markdown", got "xml")"},
        {R"({"limit":5})", "", R"("sql" is missing, it must be a string of 1 to 65536 characters)"},
        {R"({"sql":"x","limt":5})", "/limt", R"("limt" is not a known key, did you mean "limit"?)"},
        {R"({"sql":"x","zzz":5})", "/zzz", R"("zzz" is not a known key; known: format, limit, parameters, range, sql)"},
        {R"({"sql":"x","parameters":[1,{}]})", "/parameters/1",
         R"("parameters.1" must be a string, a number, true or false or null, got an object)"},
        {R"({"sql":"x","range":{"from":0}})", "/range/from", R"("range.from" must be a number above 0, got 0)"},
        {R"({"sql":"x","parameters":7})", "/parameters",
         R"("parameters" must be an array of at most 100 items, got 7)"},
        {R"([1])", "", "the value must be an object, got an array of 1 item"},
    };
    for (const auto& [instance, pointer, message] : cases) {
        CAPTURE(instance);
        Violation violation = violationOf(kQuery, instance);
        CHECK(violation.pointer == pointer);
        CHECK(violation.message == message);
    }
}

TEST_CASE("schema: expected and met stand apart, for values that must not be repeated") {
    Violation violation = violationOf(kQuery, R"({"sql":"x","limit":"hunter2"})");
    CHECK(violation.expected == "must be an integer between 1 and 1000");
    CHECK(violation.met == "\"hunter2\"");
}

TEST_CASE("schema: the words for the other keywords") {
    const std::tuple<const char*, const char*, const char*> cases[] = {
        {R"({"anyOf":[{"type":"integer"},{"type":"string","minLength":2}]})", "null",
         "the value must be an integer or a string of at least 2 characters, got null"},
        {R"({"anyOf":[{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"const":1}}}}},{"type":"null"}]})",
         R"({"a":{"b":2}})", R"("a.b" must be 1, got 2)"},
        {R"({"oneOf":[{"multipleOf":2},{"multipleOf":3}]})", "6",
         "the value must be of exactly one of 2 forms, fits 2"},
        {R"({"not":{"type":"string"}})", "\"x\"", R"(the value is of a form that is excluded, got "x")"},
        {R"({"uniqueItems":true})", "[3,1,3]", "the value must not hold equal items, but those at 0 and 2 are"},
        {R"({"minItems":2})", "[3]", "the value must have at least 2 items, got 1 item"},
        {R"({"contains":{"type":"null"}})", "[3]",
         "the value must contain at least 1 item of the wanted form, got 0 such items"},
        {R"({"maxProperties":0})", R"({"a":1})", "the value must have at most 0 members, got 1 member"},
        {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", R"("b" is missing (needed with "a"))"},
        {R"({"propertyNames":{"maxLength":2}})", R"({"abc":1})",
         R"("abc" has a name that does not fit: it must be a string of at most 2 characters)"},
        {R"({"properties":{"n":{"type":"number","minimum":0,"exclusiveMaximum":1,"multipleOf":0.25}}})", R"({"n":1})",
         R"("n" must be a number of at least 0 and below 1 and a multiple of 0.25, got 1)"},
        {R"({"properties":{"s":{"type":"string","pattern":"^a"}}})", R"({"s":"b"})",
         R"("s" must be a string that matches ^a, got "b")"},
        {R"({"properties":{"s":false}})", R"({"s":"b"})", R"("s" must be absent, got "b")"},
        {R"({"properties":{"o":{"required":["k"],"properties":{"k":{"type":"null"}}}}})", R"({"o":{}})",
         R"("o" lacks "k", which must be null)"},
        {R"({"properties":{"a":{}},"unevaluatedProperties":false})", R"({"b":1})", "\"b\" is not a known key"},
        {R"({"prefixItems":[{}],"unevaluatedItems":false})", "[1,2]", "\"1\" is one item too many"},
        {R"({"const":1})", "\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeee\"",
         R"(the value must be 1, got "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd...")"},
    };
    for (const auto& [schema, instance, message] : cases) {
        CAPTURE(schema);
        CHECK(violationOf(schema, instance).message == message);
    }
}

TEST_CASE("schema: a key written twice is refused, whichever parser kept both") {
    auto schema = Schema::compile(Json::parse(kQuery));
    REQUIRE(schema.has_value());
    simdjson::dom::parser parser;
    auto violation = schema->validate(parser.parse(std::string_view(R"({"sql":"select 1","sql":"drop"})")).value());
    REQUIRE(violation.has_value());
    CHECK(violation->message == "\"sql\" must not be written twice");
}

TEST_CASE("schema: a default-made one accepts everything") {
    CHECK_FALSE(Schema().validate(Json(5)).has_value());
}
