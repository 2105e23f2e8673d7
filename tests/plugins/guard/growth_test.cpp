// Values that a statement makes out of a few bytes. What such a value costs a real backend is
// tests/integration/attacks.test.mjs (suite "own", kind hog).
#include <string>

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"

namespace howdah::guard {
namespace {

std::string ruleOf(const std::string& sql) {
    auto facts = classify(sql, Policy{});
    return facts ? "allowed" : facts.error().rule;
}

}  // namespace

TEST_CASE("guard growth: a value of up to 16 MiB passes, a larger one does not, however it is put together") {
    for (const char* sql : {
             "select repeat('x', 16777216)",
             "select repeat(repeat('x', 1000), 1000)",
             "select repeat('#', n) from t",
             "select author, repeat('#', count(*)::int) from books group by author",
             "select repeat('#', (100.0 * n / total)::int) from t",
             "select repeat('#', round(100.0 * n / nullif(total, 0))::int) || repeat('.', 100) from t",
             "select lpad(id::text, 8, '0'), rpad(name, 40), format('%10s %-20s', a, b) from t",
             "select replace(replace(name, 'a', 'b'), 'c', 'd'), regexp_replace(body, '\\s+', ' ', 'g') from t",
             "select array_fill(0, array[1000])",
             "select repeat('x', least(length(body) * 100000, 1000)) from t",
             "select repeat('x', -1), repeat('x', n) from (values (1), (-1000) union all values (1000)) v(n)",
             "with a as (select repeat('x', 1000) as s) select repeat(s, 1000) from a",
             "select repeat('*', (random() * 50)::int) from generate_series(1, 10)",
             "with recursive t as (select id, name::text as path, 1 as depth from items where parent is null union all "
             "select c.id, t.path || '/' || c.name, depth + 1 from items c join t on c.parent = t.id) "
             "select repeat('  ', depth - 1) || regexp_replace(path, '.*/', ''), replace(path, '/', ' > ') from t",
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", sql);
    for (const char* sql : {
             "select repeat('x', 16777217)",
             "select repeat(repeat(repeat('x', 1000), 1000), 1000)",
             "select length(repeat('x', 900000000))",
             "select repeat('x', 30000 * 30000)",
             "select repeat('x', (10 ^ 9)::int)",
             "select repeat('x', '900000000'::int)",
             "select repeat('x', $1)",
             "select repeat('x', (1 / 0.000000001)::int)",
             "select repeat('x', hashtext('a'))",
             "select repeat('x', (select 900000000))",
             "select repeat('x', (values (900000000)))",
             "select repeat('x', 0 - -900000000)",
             "select repeat('x', column1) from (values (1) union all values (900000000)) q",
             "select repeat('x', n) from (select 900000000 as n) q",
             "select repeat('x', n) from (values (900000000)) v(n)",
             "select repeat('x', column1) from (values (900000000)) v",
             "select repeat('x', g) from generate_series(900000000, 900000001) g",
             "with a(n) as (select 900000000) select repeat('x', n) from a",
             "with a as (select repeat('x', 30000) as s) select repeat(s, 30000) from a",
             "select repeat(repeat, 30000) from (select repeat('x', 30000)) q",
             "select lpad('x', 900000000)",
             "select rpad('x', 900000000, 'y')",
             "select format('%900000000s', 'x')",
             "select format('%*s', 900000000, 'x')",
             "select array_fill(1, array[10000, 10000])",
             "select replace(repeat('x', 10000), 'x', repeat('y', 10000))",
             "select repeat('x', 16000000), repeat('x', 16000000), repeat('x', 16000000), repeat('x', 16000000), "
             "repeat('x', 16000000)",
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", sql);
}

TEST_CASE("guard growth: the refusal names the call and where it stands") {
    auto facts = classify("select 1, repeat('x', 900000000)", Policy{});
    REQUIRE_FALSE(facts);
    CHECK(facts.error().message.find("repeat") != std::string::npos);
    CHECK(facts.error().position == 11);
}

}  // namespace howdah::guard
