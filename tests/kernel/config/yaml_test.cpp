#include "kernel/config/yaml.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::kernel;

namespace {
std::string refusal(std::string_view text, YamlLimits limits = {}) {
    auto parsed = parseYaml(text, "f.yaml", limits);
    return parsed ? "" : parsed.error().message;
}
}  // namespace

TEST_CASE("yaml: plain scalars are typed by the documented rules, quoted ones are text") {
    const std::pair<const char*, const char*> cases[] = {{"~", "null"},
                                                         {"null", "null"},
                                                         {"", "null"},
                                                         {"true", "true"},
                                                         {"False", "false"},
                                                         {"5", "5"},
                                                         {"-5", "-5"},
                                                         {"+5", "5"},
                                                         {"0", "0"},
                                                         {"1.5", "1.5"},
                                                         {"1e3", "1000.0"},
                                                         {"-0.5", "-0.5"},
                                                         {"18446744073709551615", "18446744073709551615"},
                                                         {"99999999999999999999", "\"99999999999999999999\""},
                                                         {"010", "\"010\""},
                                                         {"0x1f", "\"0x1f\""},
                                                         {"0o7", "\"0o7\""},
                                                         {"yes", "\"yes\""},
                                                         {"on", "\"on\""},
                                                         {".inf", "\".inf\""},
                                                         {"12:30", "\"12:30\""},
                                                         {"1.2.3", "\"1.2.3\""},
                                                         {"01.5", "\"01.5\""},
                                                         {"+-5", "\"+-5\""},
                                                         {"\"5\"", "\"5\""},
                                                         {"'true'", "\"true\""},
                                                         {"'~'", "\"~\""}};
    for (const auto& [text, json] : cases) {
        CAPTURE(text);
        auto parsed = parseYaml("k: " + std::string(text) + "\n", "f.yaml");
        REQUIRE(parsed.has_value());
        CHECK(dumpJson(parsed->root["k"]) == json);
    }
}

TEST_CASE("yaml: every value has its place") {
    auto parsed = parseYaml("a: 1\nb:\n  - x\n  - c: {d: 2, e/f: 3}\n", "f.yaml");
    REQUIRE(parsed.has_value());
    auto at = [&](const char* pointer) {
        Position position = parsed->positionOf(pointer);
        return std::pair(position.line, position.column);
    };
    CHECK(at("/a") == std::pair(1u, 1u));
    CHECK(at("/b/0") == std::pair(3u, 5u));
    CHECK(at("/b/1/c/d") == std::pair(4u, 9u));
    CHECK(at("/b/1/c/e~1f") == std::pair(4u, 15u));
    CHECK(at("/b/1/c/missing/deep") == std::pair(4u, 5u));
    CHECK(parsed->describe("/b/1/c/d", "must be 3") == "f.yaml:4:9: b.1.c.d: must be 3");
}

TEST_CASE("yaml: what surprises people is refused with its place") {
    const std::pair<std::string, const char*> cases[] = {
        {"a: 1\nb:\n  c: 1\n  c: 2\n", "f.yaml:4:3: b.c: stands twice, first at line 3"},
        {"a: &x 1\nb: *x\n", "f.yaml:1:4: anchors (&name) are not read, write the value out"},
        {"<<: {a: 1}\n", "f.yaml:1:1: merge keys (<<) are not read, write the keys out"},
        {"a: !!str 1\n", "f.yaml:1:4: tags (!type) are not read"},
        {"a: 1\n---\nb: 1\n", "f.yaml:2:1: a second document begins here, only one is read"},
        {"[a]: 1\n", "f.yaml:1:1: a key must be text"},
        {"~: 1\n", "f.yaml:1:1: a key must be text"},
        {"a:\n\tb: 1\n", "f.yaml:2:1: a tab cannot indent YAML, use spaces"},
        {"a: \xff\n", "f.yaml:1:4: not valid UTF-8, save the file as UTF-8"},
        {std::string("a: \0", 4), "f.yaml:1:4: control characters are not text, is this a binary file?"},
        {"\x7f"
         "ELF",
         "f.yaml:1:1: control characters are not text, is this a binary file?"},
    };
    for (const auto& [text, why] : cases) {
        CAPTURE(text);
        CHECK(refusal(text) == why);
    }
    CHECK(refusal("a: [1\n").starts_with("f.yaml:2:1: "));
    CHECK(refusal("a: b: c\n").starts_with("f.yaml:1:5: "));
}

TEST_CASE("yaml: size and depth are bounded on both sides of the edge") {
    CHECK(refusal("a: 1", {.bytes_max = 4}) == "");
    CHECK(refusal("a: 1", {.bytes_max = 3}) == "f.yaml: 4 bytes are above the limit of 3");
    CHECK(refusal(std::string(32, '[') + std::string(32, ']')) == "");
    CHECK(refusal(std::string(33, '[') + std::string(33, ']')) == "f.yaml:1:33: nested deeper than 32 levels");
    CHECK(refusal(std::string(1000000, '[')).starts_with("f.yaml:1:"));                 // never closed: not even a list
    CHECK(refusal("a: &a [x]\nb: &b [*a,*a]\n").find("anchors") != std::string::npos);  // the billion laughs
}

TEST_CASE("yaml: what is written is read back equal") {
    const Json value =
        Json::parse(R"({"a":["010","true","~","",1,-2,1.5,true,null,"x: y","# no","line\nbreak","é","${env:A}","- x"],
        "b":{},"c":[],"d":{"e":[{"f":[]}]},"5":"5","true":"x","<":"&a","g":"*b","h":"!t","i":" pad ","j":"'q'\"","k":"%","l":"@"})");
    auto parsed = parseYaml(toYaml(value), "f.yaml");
    REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().message));
    CHECK(parsed->root == value);
}

TEST_CASE("yaml: mutated files never crash the reader") {
    const std::string seed = "howdah: 1\nlist:\n  - a\n  - b: {c: \"d\", e: [1, 2]}\ntext: |\n  x\n  y\nlast: 'q'\n";
    const std::string alphabet = " \n:-{}[]\"'|>&*!%#?,abc019~";
    std::mt19937 random(3);
    for (int i = 0; i < 10000; ++i) {
        std::string text = seed;
        for (unsigned edit = 0; edit < 1 + random() % 5; ++edit)
            text[random() % text.size()] = alphabet[random() % alphabet.size()];
        if (auto parsed = parseYaml(text, "f.yaml"); !parsed) CHECK(parsed.error().message.starts_with("f.yaml:"));
    }
}
