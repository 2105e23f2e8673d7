#include <bit>
#include <cmath>
#include <random>

#include <doctest/doctest.h>

#include "sdk/values/support.hpp"

namespace howdah::test {
namespace {

// Bytes that mean something to one of the encoders, and some that mean nothing to any.
std::string randomText(std::mt19937& random) {
    static constexpr std::string_view kBytes =
        "{}[]\"\\,;:= +-.eE0123456789tfnulNULLabTBC\n\r\t\x01\x7f\x80\xc3\xa4\xed\xff";
    std::string text(random() % 24, ' ');
    for (char& c : text)
        c = kBytes[random() % kBytes.size()];
    return text;
}

}  // namespace

TEST_CASE("hostile: whatever the text, every type gives one JSON value without line breaks") {
    std::mt19937 random(20240229);
    simdjson::dom::parser parser;
    std::vector<std::uint32_t> oids{0, 16385};
    for (const TypeEntry& entry : kTypes) {
        oids.push_back(entry.oid);
        if (entry.array_oid != 0) oids.push_back(entry.array_oid);
    }
    for (int round = 0; round < 300; ++round) {
        for (std::uint32_t oid : oids) {
            std::string text = randomText(random);
            std::string out;
            appendJsonValue(out, oid, text);
            simdjson::dom::element element;
            bool sound = parser.parse(out).get(element) == simdjson::SUCCESS && out.find_first_of("\r\n") == out.npos;
            if (!sound) FAIL("type ", oid, " text ", text, " gave ", out);
        }
    }
}

TEST_CASE("hostile: json that splices is read alike by both parsers, mutated from sound json") {
    std::mt19937 random(53);
    const std::string seeds[] = {
        R"({"a": [1, 2.50, -3e-7, true, null], "b": {"c": "x\u00e4\ud83d\udc18", "": []}, "d": 9007199254740991})",
        R"([{"k": 0.1}, {"k": 0.30000000000000004}, [[[[]]]], "\\\"\/\b"])",
    };
    static constexpr std::string_view kBytes = "{}[]\",:0123456789.eE+-\\u \ntfn\xc3\xff";
    int spliced = 0;
    for (int round = 0; round < 40'000; ++round) {
        std::string text = seeds[random() % 2];
        for (auto changes = random() % 3 + 1; changes != 0; --changes) {
            auto at = random() % text.size();
            switch (random() % 3) {
                case 0: text[at] = kBytes[random() % kBytes.size()]; break;
                case 1: text.erase(at, 1); break;
                default: text.insert(at, 1, kBytes[random() % kBytes.size()]);
            }
        }
        JsonCheck check;
        if (!check.splices(text, false)) continue;
        ++spliced;
        if (!parses(text)) FAIL("spliced but not read: ", text);
    }
    CHECK(spliced > 1000);  // or the mutations prove nothing
}

TEST_CASE("hostile: every double survives when written in its shortest form") {
    std::mt19937_64 random(754);
    int tried = 0;
    while (tried < 200'000) {
        double value = std::bit_cast<double>(random());
        if (!std::isfinite(value)) continue;
        ++tried;
        char text[40];
        auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
        std::string_view shortest(text, static_cast<std::size_t>(end - text));
        if (!survivesDouble(shortest, scanJsonNumber(shortest))) FAIL(std::string{shortest});
        if (!isFiniteNumber(shortest)) FAIL(std::string{shortest});
    }
}

TEST_CASE("hostile: a number said to survive prints the same value again, any other does not") {
    std::mt19937_64 random(17);
    for (int round = 0; round < 200'000; ++round) {
        std::string digits = std::to_string(random() >> (random() % 60));
        auto power = static_cast<int>(random() % 640) - 330;
        std::string text = digits.substr(0, 1) + "." + digits + "e" + std::to_string(power);
        double value = 0;
        bool in_range = std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{};
        bool same = false;
        if (in_range) {  // compare as integers scaled by the same power: strip what does not count by hand
            char again[40];
            auto end = std::to_chars(again, again + sizeof again, value, std::chars_format::scientific).ptr;
            auto strip = [](std::string_view number) {
                std::string out;
                int shift = 0;
                std::size_t e = number.find('e');
                for (char c : number.substr(0, e)) {
                    if (c != '.') out += c;
                }
                shift = std::stoi(std::string{number.substr(e + 1)});
                while (out.size() > 1 && out.back() == '0')
                    out.pop_back();
                std::size_t zeros = std::min(out.find_first_not_of('0'), out.size() - 1);
                return out == "0" ? out : out.substr(zeros) + "e" + std::to_string(shift - static_cast<int>(zeros));
            };
            same = strip(text) == strip({again, static_cast<std::size_t>(end - again)});
        }
        if (survivesDouble(text, scanJsonNumber(text)) != same) FAIL(text);
    }
}

}  // namespace howdah::test
