// What compile() refuses, and that neither a hostile schema nor a hostile instance makes validation hang or overflow.
#include <chrono>
#include <cstdio>
#include <optional>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "kernel/schema/schema.hpp"
#include "tests/support/thread_time.hpp"

using namespace howdah;
using namespace howdah::kernel;

namespace {
std::string refusal(const Json& schema, SchemaLimits limits = {}) {
    auto compiled = Schema::compile(schema, limits);
    return compiled ? "" : compiled.error().message;
}
std::string refusal(const char* schema) {
    return refusal(Json::parse(schema));
}

template <typename Work>
void judgeTime(const char* what, Work&& work) {
    constexpr double kAim_ms = 100;
    const double took_ms = howdah::test::workOf_ms(work);
    CHECK(took_ms <= kAim_ms * howdah::test::kSlowBuild);
    std::printf("figure: %s refused in %.1f ms of work, the aim is %.0f ms\n", what, took_ms, kAim_ms);
}
}  // namespace

TEST_CASE("schema: what is not supported is refused with its place, never ignored") {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"$ref":"https://example.org/s.json"})",
         "schema at /$ref: only references inside the schema (\"#/...\") are followed, nothing is fetched"},
        {R"({"$ref":"other.json#/a"})",
         "schema at /$ref: only references inside the schema (\"#/...\") are followed, nothing is fetched"},
        {R"({"$ref":"#name"})", "schema at /$ref: nothing stands at \"name\""},
        {R"({"$ref":"#/$defs/no"})", "schema at /$ref: nothing stands at \"/$defs/no\""},
        {R"({"$ref":7})", "schema at /$ref: must be a string"},
        {R"({"$dynamicRef":"#x"})", "schema at /$dynamicRef: nothing stands at \"x\""},
        {R"({"$id":"http://a/b","$ref":"c"})",
         "schema at /$ref: only references inside the schema (\"#/...\") are followed, nothing is fetched"},
        {R"({"$id":"http://a/b#c"})", "schema names itself \"http://a/b#c\", which is no URI without a fragment"},
        {R"({"$id":"http://a/b","items":{"$id":"b"}})", "schema names two parts \"http://a/b\""},
        {R"({"$anchor":"a","items":{"$anchor":"a"}})", "schema has two anchors \"a\""},
        {R"({"$recursiveRef":"#"})", "schema at /$recursiveRef: is of an older draft, use $ref"},
        {R"({"$schema":"http://json-schema.org/draft-07/schema#"})",
         "schema at /$schema: only https://json-schema.org/draft/2020-12/schema is understood"},
        {R"j({"pattern":"(?=a)"})j",
         "schema at /pattern: pattern at byte 1: look-around and named groups are not supported"},
        {R"({"$defs":{"x":{"type":"int"}}})", "schema at /$defs/x/type: \"int\" is no type"},
        {R"({"type":[]})", "schema at /type: names no type"},
        {R"({"enum":{}})", "schema at /enum: must be an array"},
        {R"({"minLength":-1})", "schema at /minLength: must be a non-negative integer"},
        {R"({"minItems":1.5})", "schema at /minItems: must be a non-negative integer"},
        {R"({"maxItems":"3"})", "schema at /maxItems: must be a non-negative integer"},
        {R"({"minimum":"1"})", "schema at /minimum: must be a number"},
        {R"({"multipleOf":0})", "schema at /multipleOf: must be above 0"},
        {R"({"properties":[]})", "schema at /properties: must be an object of schemas"},
        {R"({"required":"a"})", "schema at /required: must be an array of strings"},
        {R"({"required":[1]})", "schema at /required: must be an array of strings"},
        {R"({"dependentRequired":{"a":"b"}})", "schema at /dependentRequired: must be an array of strings"},
        {R"({"items":[{}]})", "schema at /items: a schema is an object, true or false"},
        {R"({"anyOf":[]})", "schema at /anyOf: must be an array of at least one schema"},
        {R"({"not":1})", "schema at /not: a schema is an object, true or false"},
        {R"(5)", "schema at the root: a schema is an object, true or false"},
    };
    for (const auto& [schema, why] : cases) {
        CAPTURE(schema);
        CHECK(refusal(schema) == why);
    }
}

TEST_CASE("schema: depth, count and size of the schema are bounded, on both sides of each edge") {
    auto nested = [](std::size_t levels) {
        Json schema = Json::object();
        for (std::size_t i = 1; i < levels; ++i)
            schema = Json{{"not", schema}};
        return schema;
    };
    CHECK(refusal(nested(64)) == "");
    CHECK(refusal(nested(65)) == "schema nests deeper than 64 levels");

    Json two{{"$defs", {{"a", true}}}};  // root and one more
    CHECK(refusal(two, {.subschemas_max = 2}) == "");
    CHECK(refusal(two, {.subschemas_max = 1}) == "schema at /$defs/a: more than 1 subschemas");

    Json text{{"title", std::string(88, 'x')}};  // {"title":"..."} is 100 bytes
    CHECK(refusal(text, {.bytes_max = 100}) == "");
    CHECK(refusal(text, {.bytes_max = 99}) == "schema of 100 bytes is above the limit of 99");
}

TEST_CASE("schema: a hundred thousand subschemas are refused by size or by count, whichever is met first") {
    Json wide{{"anyOf", Json::array()}};
    for (int i = 0; i < 100'000; ++i)
        wide["anyOf"].push_back(Json::object());
    judgeTime("a schema of a hundred thousand parts, twice,", [&] {
        CHECK(refusal(wide) == "schema of 300011 bytes is above the limit of 262144");
        CHECK(refusal(wide, {.bytes_max = 1u << 20}) == "schema at /anyOf/9999: more than 10000 subschemas");
    });
}

TEST_CASE("schema: a chain of ten thousand references neither compiles nor validates on the stack") {
    Json defs = Json::object();
    for (int i = 0; i < 5000; ++i)
        defs["n" + std::to_string(i)] = {{"$ref", "#/$defs/n" + std::to_string(i + 1)}};
    defs["n5000"] = true;
    auto schema = Schema::compile(Json{{"$defs", defs}, {"$ref", "#/$defs/n0"}});
    REQUIRE(schema.has_value());
    auto violation = schema->validate(Json(1));
    REQUIRE(violation.has_value());
    CHECK(violation->message == "the value nests too deeply or is too large to be checked");
}

TEST_CASE("schema: references that lead round in circles end, also under not") {
    for (const char* text :
         {R"({"$ref":"#"})", R"({"not":{"$ref":"#"}})", R"({"anyOf":[{"$ref":"#"},{"$ref":"#"}]})",
          R"({"$defs":{"a":{"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"})",
          R"({"if":{"$ref":"#"},"then":true})"}) {
        CAPTURE(text);
        auto schema = Schema::compile(Json::parse(text));
        REQUIRE(schema.has_value());
        std::optional<Violation> violation;
        judgeTime(text, [&] { violation = schema->validate(Json(1)); });
        REQUIRE(violation.has_value());
        CHECK(violation->message == "the value nests too deeply or is too large to be checked");
    }
}

TEST_CASE("schema: alternatives that multiply are stopped by the step limit") {
    // Each level tries two branches that both fail at the bottom: 2^60 visits without a limit.
    auto schema = Schema::compile(Json::parse(
        R"({"anyOf":[{"items":{"$ref":"#"},"minItems":1,"type":"array"},{"items":{"$ref":"#"},"minItems":1,"type":"array"}]})"));
    REQUIRE(schema.has_value());
    Json deep = 1;
    for (int i = 0; i < 60; ++i)
        deep = Json::array({deep});
    auto before = std::chrono::steady_clock::now();
    auto violation = schema->validate(deep);
    REQUIRE(violation.has_value());
    CHECK(violation->message == "the value nests too deeply or is too large to be checked");
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(5));
}

TEST_CASE("schema: uniqueItems over a hundred thousand items is no square") {
    auto schema = Schema::compile(Json::parse(R"({"uniqueItems":true})"));
    Json items = Json::array();
    for (int i = 0; i < 100000; ++i)
        items.push_back(i);
    CHECK_FALSE(schema->validate(items).has_value());
}

TEST_CASE("schema: more than 64 keys of one object are told apart") {
    Json schema{{"additionalProperties", false}, {"required", Json::array()}, {"properties", Json::object()}};
    Json instance = Json::object();
    for (int i = 0; i < 200; ++i) {
        schema["required"].push_back("key" + std::to_string(i));
        schema["properties"]["key" + std::to_string(i)] = {{"type", "integer"}};
        instance["key" + std::to_string(i)] = i;
    }
    auto compiled = Schema::compile(schema);
    REQUIRE(compiled.has_value());
    CHECK_FALSE(compiled->validate(instance).has_value());
    instance.erase("key150");
    CHECK(compiled->validate(instance)->message == "\"key150\" is missing, it must be an integer");
}

TEST_CASE("schema: mutated schemas and instances never crash the compiler or the validator") {
    const std::string seed =
        R"({"$defs":{"n":{"type":"integer","minimum":1}},"type":["object","array"],"required":["a"],
        "properties":{"a":{"$ref":"#/$defs/n"},"b":{"pattern":"^[a-z]{1,3}(x|y)*$","maxLength":9},"c":{"enum":[1,"x",null]}},
        "patternProperties":{"^x":{"items":{"$ref":"#"},"uniqueItems":true,"contains":{"const":1}}},
        "anyOf":[{"minProperties":1},{"maxItems":3}],"not":{"const":{"a":0}},"if":{"required":["b"]},"then":{"required":["c"]}})";
    const std::string value = R"({"a":5,"b":"abx","c":null,"x1":[{"a":1},1,"x",2.5]})";
    std::mt19937 random(20261124);
    const std::string alphabet = "{}[]\",:0123456789.-eE#/$~^*+?()|\\abctruefalsn\xc3\xa9";
    auto mutate = [&](std::string text) {
        for (unsigned i = 0, edits = 1 + random() % 4; i < edits; ++i) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
                case 0: text[at] = alphabet[random() % alphabet.size()]; break;
                case 1: text.insert(at, 1, alphabet[random() % alphabet.size()]); break;
                default: text.erase(at, 1 + random() % 3); break;
            }
        }
        return text;
    };
    int compiled = 0;
    for (int i = 0; i < 20000; ++i) {
        auto schema_json = parseJson(mutate(seed));
        auto schema = Schema::compile(schema_json ? *schema_json : Json::parse(seed));
        if (!schema) continue;
        ++compiled;
        if (auto instance = parseJson(mutate(value))) (void)schema->validate(*instance);
        simdjson::dom::parser parser;
        simdjson::dom::element element;
        if (parser.parse(mutate(value)).get(element) == simdjson::SUCCESS) (void)schema->validate(element);
    }
    CHECK(compiled > 5000);
}
