#include <doctest/doctest.h>

#include "sdk/values/support.hpp"

namespace howdah::test {

TEST_CASE("values: small integers are numbers") {
    CHECK(encoded(kInt2, "-32768") == "-32768");
    CHECK(encoded(kInt4, "2147483647") == "2147483647");
    CHECK(encoded(kInt4, "0") == "0");
    CHECK(encoded(kOid, "4294967295") == "4294967295");
}

TEST_CASE("values: int8 is a number up to 2^53 - 1 and a string beyond") {
    CHECK(encoded(kInt8, "9007199254740991") == "9007199254740991");
    CHECK(encoded(kInt8, "-9007199254740991") == "-9007199254740991");
    CHECK(encoded(kInt8, "9007199254740992") == R"("9007199254740992")");
    CHECK(encoded(kInt8, "-9007199254740992") == R"("-9007199254740992")");
    CHECK(encoded(kInt8, "9223372036854775807") == R"("9223372036854775807")");
    CHECK(encoded(kInt8, "-9223372036854775808") == R"("-9223372036854775808")");
}

TEST_CASE("values: floats keep PostgreSQL's shortest form") {
    CHECK(encoded(kFloat8, "0.1") == "0.1");
    CHECK(encoded(kFloat8, "-0") == "-0.0");
    CHECK(encoded(kFloat8, "1e+20") == "1e+20");
    CHECK(encoded(kFloat8, "5e-324") == "5e-324");
    CHECK(encoded(kFloat8, "2.2250738585072014e-308") == "2.2250738585072014e-308");
    CHECK(encoded(kFloat8, "1.7976931348623157e+308") == "1.7976931348623157e+308");
    CHECK(encoded(kFloat8, "123456789012345") == "123456789012345");
    CHECK(encoded(kFloat4, "3.4028235e+38") == "3.4028235e+38");
    CHECK(encoded(kFloat4, "1e-45") == "1e-45");
}

TEST_CASE("values: NaN and the infinities are strings") {
    for (std::string text : {"NaN", "Infinity", "-Infinity"}) {
        CHECK(encoded(kFloat8, text) == '"' + text + '"');
        CHECK(encoded(kFloat4, text) == '"' + text + '"');
        CHECK(encoded(kNumeric, text) == '"' + text + '"');
    }
}

TEST_CASE("values: numeric is a string that keeps its scale") {
    CHECK(encoded(kNumeric, "1.10") == R"("1.10")");
    CHECK(encoded(kNumeric, "0.000") == R"("0.000")");
    CHECK(encoded(kNumeric, "12345678901234567890.123456789") == R"("12345678901234567890.123456789")");
}

TEST_CASE("values: booleans") {
    CHECK(encoded(kBool, "t") == "true");
    CHECK(encoded(kBool, "f") == "false");
}

TEST_CASE("values: dates stand as PostgreSQL writes them") {
    CHECK(encoded(kDate, "2024-02-29") == R"("2024-02-29")");
    CHECK(encoded(kDate, "infinity") == R"("infinity")");
    CHECK(encoded(kDate, "-infinity") == R"("-infinity")");
    CHECK(encoded(kDate, "0044-03-15 BC") == R"("0044-03-15 BC")");
    CHECK(encoded(kDate, "5874897-12-31") == R"("5874897-12-31")");
}

TEST_CASE("values: a timestamp without time zone gets a T and no offset") {
    CHECK(encoded(kTimestamp, "2024-02-29 12:34:56") == R"("2024-02-29T12:34:56")");
    CHECK(encoded(kTimestamp, "2024-02-29 12:34:56.000001") == R"("2024-02-29T12:34:56.000001")");
    CHECK(encoded(kTimestamp, "294276-12-31 23:59:59") == R"("294276-12-31T23:59:59")");
    CHECK(encoded(kTimestamp, "0044-03-15 12:00:00 BC") == R"("0044-03-15T12:00:00 BC")");
    CHECK(encoded(kTimestamp, "infinity") == R"("infinity")");
    CHECK(encoded(kTimestamp, "-infinity") == R"("-infinity")");
}

TEST_CASE("values: a timestamp with time zone has its offset in hours and minutes at least") {
    CHECK(encoded(kTimestamptz, "2024-02-29 12:34:56+00") == R"("2024-02-29T12:34:56+00:00")");
    CHECK(encoded(kTimestamptz, "2024-02-29 12:34:56.5-08") == R"("2024-02-29T12:34:56.5-08:00")");
    CHECK(encoded(kTimestamptz, "2024-02-29 12:34:56+05:30") == R"("2024-02-29T12:34:56+05:30")");
    CHECK(encoded(kTimestamptz, "1950-01-01 00:00:00-00:44:30") == R"("1950-01-01T00:00:00-00:44:30")");
    CHECK(encoded(kTimestamptz, "0044-03-15 12:00:00+00 BC") == R"("0044-03-15T12:00:00+00:00 BC")");
    CHECK(encoded(kTimestamptz, "0044-03-15 12:00:00+00:53:28 BC") == R"("0044-03-15T12:00:00+00:53:28 BC")");
    CHECK(encoded(kTimestamptz, "infinity") == R"("infinity")");
}

TEST_CASE("values: a date in another style is left as it is") {
    CHECK(encoded(kTimestamp, "Thu Feb 29 12:34:56 2024") == R"("Thu Feb 29 12:34:56 2024")");
    CHECK(encoded(kTimestamptz, "29/02/2024 12:34:56 UTC") == R"("29/02/2024 12:34:56 UTC")");
    CHECK(encoded(kTimestamptz, "2024-02-29 1") == R"("2024-02-29T1")");
}

TEST_CASE("values: bytea is base64, or PostgreSQL's hex on request") {
    CHECK(encoded(kBytea, "\\x") == R"("")");
    CHECK(encoded(kBytea, "\\x66") == R"("Zg==")");
    CHECK(encoded(kBytea, "\\x666f") == R"("Zm8=")");
    CHECK(encoded(kBytea, "\\x666f6f") == R"("Zm9v")");
    CHECK(encoded(kBytea, "\\x00FFfe") == R"("AP/+")");
    CHECK(encoded(kBytea, "\\x00ff", {.bytes = BytesForm::hex}) == R"("\\x00ff")");
}

TEST_CASE("values: bytea in the escape format gives the same bytes") {
    CHECK(encoded(kBytea, "foo") == R"("Zm9v")");
    CHECK(encoded(kBytea, "\\000\\377\\376") == R"("AP/+")");
    CHECK(encoded(kBytea, "\\\\x66") == encoded(kBytea, "\\x5c783636"));
}

TEST_CASE("values: void is null") {
    CHECK(encoded(kVoid, "") == "null");
}

TEST_CASE("values: text is a string, escaped where JSON asks for it") {
    CHECK(encoded(kText, "") == R"("")");
    CHECK(encoded(kText, "say \"hi\"\\\n\t\x01") == R"("say \"hi\"\\\n\t\u0001")");
    CHECK(encoded(kText, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98") == "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98\"");
}

TEST_CASE("values: types without a form of their own are strings") {
    struct Sample {
        std::uint32_t oid;
        const char* text;
    };
    for (Sample sample : {Sample{2950, "0b1c9a46-0000-4000-8000-0123456789ab"},
                          {869, "10.0.0.0/8"},
                          {829, "08:00:2b:01:02:03"},
                          {142, "<a/>"},
                          {3614, "'a':1 'b':2"},
                          {1186, "1 mon 02:03:04"},
                          {1083, "24:00:00"},
                          {1266, "12:00:00+05:30"},
                          {790, "-$1,000.00"},
                          {1560, "0101"},
                          {600, "(1,2)"},
                          {603, "(3,4),(1,2)"},
                          {3220, "16/B374D848"},
                          {3904, "[1,5)"},
                          {4451, "{[1,5),[7,9)}"},
                          {2249, "(1,,x)"},
                          {18, "c"},
                          {19, "relname"},
                          {22, "1 2"}}) {
        CHECK(encoded(sample.oid, sample.text) == '"' + std::string{sample.text} + '"');
    }
    CHECK(encoded(2249, R"_((1,"a ""b"""))_") == R"_("(1,\"a \"\"b\"\"\")")_");
}

TEST_CASE("values: a type that is not built in is a string, whatever it looks like") {
    CHECK(encoded(16385, "42") == R"("42")");
    CHECK(encoded(16386, "{1,2}") == R"("{1,2}")");
    CHECK(encoded(0, "x") == R"("x")");
}

TEST_CASE("values: names of types") {
    CHECK(typeName(23) == "int4");
    CHECK(typeName(1184) == "timestamptz");
    CHECK(typeName(1009) == "text[]");
    CHECK(typeName(2278) == "void");
    CHECK(typeName(0) == "");
    CHECK(typeName(16385) == "");
}

TEST_CASE("values: no type number stands in the table twice") {
    std::vector<std::uint32_t> oids;
    for (const TypeEntry& entry : kTypes) {
        oids.push_back(entry.oid);
        if (entry.array_oid != 0) oids.push_back(entry.array_oid);
    }
    std::sort(oids.begin(), oids.end());
    CHECK(std::adjacent_find(oids.begin(), oids.end()) == oids.end());
}

}  // namespace howdah::test
