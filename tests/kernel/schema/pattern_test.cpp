// The regular-expression subset: what it accepts, what it refuses, and that no pattern makes it slow.
#include "kernel/schema/pattern.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using howdah::kernel::Pattern;

namespace {
bool matches(std::string_view pattern, std::string_view text) {
    auto compiled = Pattern::compile(pattern);
    REQUIRE_MESSAGE(compiled.has_value(), pattern);
    return compiled->search(text);
}
}  // namespace

TEST_CASE("pattern: each construct matches what it says and nothing else") {
    struct Case {
        const char* pattern;
        std::vector<std::string> yes, no;
    };
    const Case cases[] = {
        {"", {"", "x"}, {}},
        {"b", {"abc", "b"}, {"ac", ""}},
        {"^b", {"bc"}, {"ab"}},
        {"b$", {"ab"}, {"bc", "b\n"}},
        {"^a.c$",
         {"abc",
          "a\xc3\xa9"
          "c"},
         {"ac", "a\nc", "abbc"}},
        {"^a*$", {"", "aaa"}, {"ab"}},
        {"^a+$", {"a", "aaa"}, {""}},
        {"^ab?c$", {"ac", "abc"}, {"abbc"}},
        {"^a{2}$", {"aa"}, {"a", "aaa"}},
        {"^a{2,}$", {"aa", "aaaa"}, {"a"}},
        {"^a{1,3}$", {"a", "aaa"}, {"", "aaaa"}},
        {"^a{0}$", {""}, {"a"}},
        {"^a+?b$", {"aab"}, {"b"}},
        {"^(ab|cd)+$", {"ab", "cdab"}, {"ac", ""}},
        {"^(?:a|b|)c$", {"ac", "c"}, {"dc"}},
        {"^(a*)*$", {"", "aa"}, {"b"}},
        {"^(|a)+$", {"", "aa"}, {"b"}},
        {"^[a-c_]$", {"a", "c", "_"}, {"d", "-"}},
        {"^[^a-c]$", {"d", "\xf0\x9f\x90\x98"}, {"a"}},
        {"^[-a]$", {"-", "a"}, {"b"}},
        {"^[a-]$", {"-", "a"}, {"b"}},
        {"^[\\]\\\\]$", {"]", "\\"}, {"a"}},
        {"^[]$", {}, {"", "a"}},
        {"^[^]$", {"a", "\n"}, {""}},
        {"^\\d\\D\\w\\W\\s\\S$", {"1a_- x"}, {"aa_- x"}},
        {"^[\\d\\s]+$", {"1 2"}, {"a"}},
        {"^\\t\\n\\x41\\u00e9$", {"\t\nA\xc3\xa9"}, {"\t\nAe"}},
        {"^\\u{1F418}$", {"\xf0\x9f\x90\x98"}, {"x"}},
        {"^\\ud83d\\udc18$", {"\xf0\x9f\x90\x98"}, {"x"}},
        {"^\\.\\*\\/$", {".*/"}, {"a*/"}},
        {"^\xc3\xa9$", {"\xc3\xa9"}, {"e"}},
        {"^[\xc3\xa0-\xc3\xbf]$", {"\xc3\xa9"}, {"e"}},
        {"a|^b", {"xa", "b"}, {"xb"}},
    };
    for (const Case& test : cases) {
        CAPTURE(test.pattern);
        for (const std::string& text : test.yes)
            CHECK_MESSAGE(matches(test.pattern, text), text);
        for (const std::string& text : test.no)
            CHECK_MESSAGE(!matches(test.pattern, text), text);
    }
}

TEST_CASE("pattern: what is not understood is refused with its place") {
    const std::pair<const char*, const char*> cases[] = {
        {"(?=a)", "look-around and named groups are not supported"},
        {"(?<n>a)", "look-around and named groups are not supported"},
        {"(a)\\1", "\"\\1\" is not supported"},
        {"\\bword", "\"\\b\" is not supported"},
        {"\\p{L}", "\"\\p\" is not supported"},
        {"*a", "nothing to repeat"},
        {"a**", "nothing to repeat"},
        {"^*", "nothing to repeat"},
        {"(a", "\")\" is missing"},
        {"a)", "\")\" without \"(\""},
        {"[a", "\"]\" is missing"},
        {"[z-a]", "range out of order in []"},
        {"[\\d-z]", "range out of order in []"},
        {"a{3,2}", "repetition ends before it begins"},
        {"a{x}", "a number is missing in {}"},
        {"a{1001}", "repetition above 1000"},
        {"{", "write a literal { as \\{"},
        {"a\\", "ends in a backslash"},
        {"\\u12", "hexadecimal digits are missing"},
        {"\\u{110000}", "not a code point in \\u{}"},
        {"(a{1000}){1000}", "pattern needs more than 1024 states"},
        {"((((a?){100}){100}){100}){100}", "pattern needs more than 1024 states"},
    };
    for (const auto& [pattern, why] : cases) {
        CAPTURE(pattern);
        auto compiled = Pattern::compile(pattern);
        REQUIRE_FALSE(compiled.has_value());
        CHECK(compiled.error().message.find(why) != std::string::npos);
    }
    CHECK(Pattern::compile(std::string(40, '(') + std::string(40, ')')).error().message ==
          "pattern at byte 33: groups nest too deeply");
}

TEST_CASE("pattern: empty bodies repeated a thousand times a thousand times compile at once") {
    CHECK(matches("^(((((){1000}){1000}){1000}){1000}){1000}$", ""));
}

TEST_CASE("pattern: what makes a backtracking engine exponential is linear here") {
    const std::string text(20000, 'a');
    CHECK_FALSE(matches("^(a+)+$", text + "!"));
    CHECK_FALSE(matches("^(a|aa)+$", text + "!"));
    CHECK_FALSE(matches("^(.*a){20}$", text + "!"));
}
