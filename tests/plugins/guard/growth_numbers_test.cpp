// Numbers that are large, or near to 0, and do not look so.
#include <string>

#include <doctest/doctest.h>

#include "tests/plugins/guard/rule_of.hpp"

namespace howdah::guard {

TEST_CASE("guard growth: least() bounds by what is never NULL alone") {
    CHECK(ruleOf("select repeat('x', least(null, 900000000))") == "value-too-large");
    CHECK(ruleOf("select repeat('x', least(n, 900000000)) from t") == "value-too-large");
    CHECK(ruleOf("select repeat('x', least(nullif(5, 5) + 1, 900000000))") == "value-too-large");
    CHECK(ruleOf("select repeat('x', least(length(body) * 100000, 10 * 10::int, n)) from t") == "allowed");
}

TEST_CASE("guard growth: a number that its type hides is found") {
    for (const char* sql : {
             "select repeat('x', 'xFFFFFFF'::bit(28)::int)",
             "select repeat('x', ('255.255.255.255'::inet - '200.0.0.0'::inet)::int)",
             "select repeat('x', ('FF/FFFFFFFF'::pg_lsn - '0/0'::pg_lsn)::int)",
             "select repeat('xxxx', date '2999-01-01' - date '0001-01-01')",
             "select repeat('x', 'pg_class'::regclass::oid::int * 10000)",
             "select repeat('x', convert_from('\\071\\060\\060\\060\\060\\060\\060\\060\\060'::bytea, 'UTF8')::int)",
             "select repeat('x', ('\"\\u0039\\u0030\\u0030\\u0030\\u0030\\u0030\\u0030\\u0030\\u0030\"'::jsonb #>> "
             "'{}')::int)",
             "select repeat('x', (xpath('/a/text()', '<a>&#57;&#48;&#48;&#48;&#48;&#48;&#48;&#48;&#48;</a>'::xml))[1]"
             "::text::int)",
             "select repeat('x', length(lseg '((0,0),(900000000,0))')::int)",
             "select repeat('x', extract(years from interval '100000000 years')::int)",
             "select repeat('x', date_part('D', interval '900000000 days')::int)",
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
}

TEST_CASE("guard growth: a number is not made large by what comes near to 0") {
    for (const char* sql : {
             "select repeat('x', (9 / (1.00000001 + -1))::int)",
             "select repeat('x', (9 / (id * 0 + 1.00000001 - 1))::int) from t",
             "select repeat('x', (9 / (1.00000001 % 1))::int)",
             "select repeat('x', (9 / mod(1.00000001, 1))::int)",
             "select repeat('x', (9 / sum(v))::int) from (values (1.00000001), (-1)) q(v)",
             "select repeat('x', (9 / avg(v))::int) from (values (1.00000001), (-1)) q(v)",
             "select repeat('x', div(9, 0.00000001)::int)",
             "select repeat('x', (0.00000001 ^ -1)::int)",
             "select repeat('x', log(1.0000001, 10)::int)",
             "select repeat('x', (9 / (0.1::float8 + 0.2::float8 - 0.3::float8))::int)",
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
    for (const char* sql : {
             "select repeat('x', 100 / (1 + 1)), repeat('x', 100 / (n + 1)), repeat('x', (100 / (n * 1.1 + 1))::int) "
             "from t",
             "select repeat('x', (20 * (n - 1) / nullif(max(n) over () - 1, 0))::int) from t",
             "select repeat('x', (log(2, n) * 5)::int), repeat('x', mod(n, 7)), repeat('x', div(n, 10)::int) from t",
             "select exp(-age / 100.0), 0.9 ^ n, power(1 + rate / 12, 360), factorial(n) from t",
             "select * from t where seen_at > now() - interval '30 days' and at < date '2025-03-01' and ip << "
             "'10.0.0.0/8'::inet and tableoid = 'public.t'::regclass and name ~ '^\\d{3}-\\d{4}$'",
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", std::string(sql));
}

TEST_CASE("guard growth: bytes that a short text or a number becomes are counted") {
    for (const char* sql : {
             "select repeat(1e100000::text, 100)",
             "select repeat((1e-16000)::text, 100)",
             "select repeat(('[' || '1e100000' || ']')::jsonb::text, 100)",
             "select repeat('[1e100000,1e100000,1e100000,1e100000,1e100000,1e100000,1e100000,1e100000]'::jsonb::text, "
             "2)",
             "select repeat(round(1.0, 16383)::text, 100)",
             "select repeat(factorial(30000)::text, 100)",
             "select repeat(exp(5000.0)::text, 1000)",
             "select repeat(1::numeric(1000,999)::text, 10000)",
             "select overlay(repeat('x', 900000) placing 'y' from 900000 for -899999)",
             "select repeat(repeat('x', 1000)::bytea::text, 600)",
             "select array_replace(array_fill('x'::text, array[10000]), 'x', repeat('y', 10000))",
             "select ts_headline(repeat('x ', 10000), 'x'::tsquery, 'StartSel=' || repeat('y', 10000))",
             "select repeat(pg_get_viewdef('v'::regclass), 10000)",
             "select length(((id * 0 + 7)::numeric ^ 100000)::text) from t",
             "select 2::numeric ^ extract(year from took + interval '100000000 years') from t",
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
    for (const char* sql : {
             "select ts_headline('english', body, to_tsquery('cat'), 'StartSel=<b>, StopSel=</b>') from t",
             "select array_replace(tags, 'old', 'new'), overlay(phone placing '***' from 4 for 3) from t",
             "select round(price, 2)::text, price::numeric(12, 2), pg_get_viewdef('v'::regclass) from t",
             "select a ^ 2 + b ^ 2, sqrt(a ^ 2 + b ^ 2), n ^ m, (1 + rate) ^ years from t",
             "select total * (1 + 0.05) ^ extract(year from age(timestamptz '2030-01-01', placed_at))::int from t",
             "select (1 + rate / 365) ^ extract(day from now() - placed_at) from t",
             "select repeat(chr(9608), n) from t",
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", std::string(sql));
}

}  // namespace howdah::guard
