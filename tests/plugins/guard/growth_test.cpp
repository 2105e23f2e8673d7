// What a statement makes out of a few bytes. What it costs a real backend is tests/integration/attacks.test.mjs (suite
// "own", kind hog).
#include "plugins/guard/growth.hpp"

#include <functional>
#include <string>

#include <doctest/doctest.h>

#include "tests/plugins/guard/rule_of.hpp"

namespace howdah::guard {
namespace {

std::string times(int count, const std::string& item, const std::string& between) {
    std::string text = item;
    for (int i = 1; i < count; ++i)
        text += between + item;
    return text;
}

// Subqueries in subqueries: each step makes the next out of the one before.
std::string nested(int levels, const std::string& innermost, const std::function<std::string(std::string)>& step) {
    std::string sql = innermost;
    for (int i = 0; i < levels; ++i)
        sql = step(sql);
    return sql;
}

// with a0 as (...), a1 as (...), ...: `step` gives the body of a query over the one before.
std::string chain(int levels, const std::string& as, const std::string& first,
                  const std::function<std::string(std::string)>& step) {
    std::string sql = "with a0 " + as + " (" + first + ")";
    for (int i = 0; i < levels; ++i)
        sql += ", a" + std::to_string(i + 1) + " " + as + " (" + step("a" + std::to_string(i)) + ")";
    return sql + " select * from a" + std::to_string(levels);
}

struct Parameters {  // that a statement takes only short, and of these with small numbers
    std::uint64_t short_ones, small_ones;

    friend bool operator==(const Parameters&, const Parameters&) = default;
};

Parameters boundParameters(const std::string& sql) {
    auto facts = classify(sql, Policy{});
    REQUIRE_MESSAGE(facts, sql);
    return {facts->short_parameters, facts->small_parameters};
}

howdah_value textValue(const std::string& text) {
    howdah_value value{};
    value.type = HOWDAH_VALUE_TEXT;
    value.text = {text.data(), text.size()};
    return value;
}

}  // namespace

TEST_CASE("guard growth: a value of up to 1 MiB passes, and what reports are drawn with") {
    for (const char* sql : {
             "select repeat('x', 1048576)",
             "select repeat(repeat('x', 1000), 1000)",
             "select repeat('#', n) from t",
             "select author, repeat('#', count(*)::int) from books group by author",
             "select repeat('#', (100.0 * n / total)::int) from t",
             "select repeat('#', round(100.0 * n / nullif(total, 0))::int) || repeat('.', 100) from t",
             "select status, repeat('█', (100.0 * count(*) / sum(count(*)) over ())::int) from orders group by 1",
             "select status, repeat('█', (50 * count(*) / max(count(*)) over ())::int) from orders group by 1",
             "with a as (select status, count(*) as n from orders group by 1) select status, repeat('█', (100 * n / "
             "sum(n) over ())::int) || repeat('░', 100 - (100 * n / sum(n) over ())::int) from a",
             "select repeat('█', round(sum(total) / 1000)::int) from orders group by status",
             "select repeat('█', (40 * ln(n + 1) / ln(max(n) over () + 1))::int) from t",
             "select repeat('█', (20 * (n - min(n) over ()) / nullif(max(n) over () - min(n) over (), 0))::int) from t",
             "select repeat('*', (extract(epoch from finished - started) / 3600)::int) from jobs",
             "select repeat('*', width_bucket(n, 0, 100, 10)), repeat('.', (ntile(4) over (order by n))::int) from t",
             "select jsonb_agg(jsonb_build_object('name', name, 'bar', repeat('█', (100 * n / total)::int))) from t",
             "select lpad(id::text, 8, '0'), rpad(name, 40), format('%10s %-20s', a, b) from t",
             "select replace(replace(name, 'a', 'b'), 'c', 'd'), regexp_replace(body, '\\s+', ' ', 'g') from t",
             "select replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace("
             "replace(replace(replace(replace(replace(replace(replace(replace(name,'á','a'),'é','e'),'í','i'),'ó','o'),"
             "'ú','u'),'ñ','n'),'ç','c'),'à','a'),'è','e'),'ì','i'),'ò','o'),'ù','u'),'â','a'),'ê','e'),'î','i'),"
             "'ô','o'),'û','u'),'-',' '),'  ',' '),'.','') from t",
             "select array_fill(0, array[1000]), array_to_string(tags, ', '), jsonb_pretty(extra) from t",
             "select repeat('x', least(length(body) * 100000, 1000)) from t",
             "select repeat('x', -1), repeat('x', n) from (values (1), (-1000) union all values (1000)) v(n)",
             "with a as (select repeat('x', 1000) as s) select repeat(s, 1000) from a",
             "select repeat('*', (random() * 50)::int) from generate_series(1, 10)",
             "select 'x'::char(1000), b::bit(64), c::char(20) from t",
             "with recursive t as (select id, name::text as path, 1 as depth from items where parent is null union all "
             "select c.id, t.path || '/' || c.name, depth + 1 from items c join t on c.parent = t.id) "
             "select repeat('  ', depth - 1) || regexp_replace(path, '.*/', ''), replace(path, '/', ' > ') from t",
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", std::string(sql));
}

TEST_CASE("guard growth: a larger value does not pass, however it is put together") {
    for (const char* sql : {
             "select repeat('x', 1048577)",
             "select repeat(repeat(repeat('x', 1000), 1000), 1000)",
             "select length(repeat('x', 900000000))",
             "select repeat('x', 30000 * 30000)",
             "select repeat('x', (10 ^ 9)::int)",
             "select repeat('x', '900000000'::int)",
             "select repeat('x', '900_000_000'::int)",
             "select repeat('x', '0x35A4E900'::int)",
             "select repeat('x', ('9000' || '00000')::int)",
             "select repeat('x', ('{1,900000000}'::int[])[2])",
             "select repeat('x', ('[900000000]'::jsonb->>0)::int)",
             "select repeat('x', '900,000,000'::money::numeric::int)",
             "select repeat('x', extract(epoch from timestamp '1999-01-01')::int)",
             "select repeat('x', extract(day from interval '900000000 days')::int)",
             "select repeat('x', (1 / 0.000000001)::int)",
             "select repeat('x', (1000 / random())::int)",
             "select repeat('x', (id / (id * 0.00000001))::int) from t",
             "select repeat('x', sum(g)::int) from generate_series(1, 30000) g",
             "select repeat('x', hashtext('a'))",
             "select repeat('x', (select 900000000))",
             "select repeat('x', (values (900000000)))",
             "select repeat('x', 0 - -900000000)",
             "select repeat('x', case when true then 900000000 else 1 end)",
             "select repeat('x', column1) from (values (1) union all values (900000000)) q",
             "select repeat('x', n) from (select 1 as n union all select 900000000) q",
             "select repeat('x', n) from (select 900000000 as n) q",
             "select repeat('x', q.n) from t, lateral (select 900000000 as n) q",
             "select (select repeat('x', n)) from (select 900000000 as n) q",
             "select repeat('x', n) from (select * from (select 900000000 as n) a) b",
             "select repeat('x', b) from (select 1, 900000000) v(a, b)",
             "select repeat('x', n) from (values (900000000)) v(n)",
             "select repeat('x', column1) from (values (900000000)) v",
             "select repeat('x', g) from generate_series(900000000, 900000001) g",
             "with a(n) as (select 900000000) select repeat('x', n) from a",
             "with recursive b as (select n from a), a as (select 900000000 as n) select repeat('x', n) from b",
             "with a as (select repeat('x', 30000) as s) select repeat(s, 30000) from a",
             "select repeat(repeat, 30000) from (select repeat('x', 30000)) q",
             "select lpad('x', 900000000)",
             "select rpad('x', 900000000, 'y')",
             "select format('%900000000s', 'x')",
             "select format('%*s', 900000000, 'x')",
             "select format('%1$s%1$s%1$s%1$s', repeat('x', 500000))",
             "select format(repeat('%1$s', 10000), repeat('x', 10000))",
             "select array_fill(1, array[10000, 10000])",
             "select array_to_string(array_fill('x'::text, array[10000]), repeat('y', 10000))",
             "select jsonb_pretty((repeat('[', 5000) || repeat(']', 5000))::jsonb)",
             "select replace(repeat('x', 10000), 'x', repeat('y', 10000))",
             "select 'x'::char(10485760)",
             "select name::character(10485760) from t",
             "select bpchar('x', 10485760, true)",
             "select B'1'::bit(83886080)",
             "select 1::bit(83886080)",
             "select * from json_to_recordset('[{}]') as r(a char(10485760))",
             "select * from xmltable('/r' passing '<r/>' columns a char(10485760))",
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
}

TEST_CASE("guard growth: many of them do not pass either, nor what is made of them") {
    const std::string megabyte = "(select repeat('x', 1000000) as s) q";
    for (const std::string& sql : {
             "select " + times(40, "repeat('x', 1000000)", ","),
             "select " + times(40, "s", ",") + " from " + megabyte,
             "select " + times(40, "length(s)", "+") + " from " + megabyte,
             "with q as (select repeat('x', 1000000) as s) select " + times(40, "s", ",") + " from q",
             "select " + times(40, "s", ",") + " from (select repeat('x', 1000000) as s offset 0) q",
             "select 1 from " + megabyte + " where " + times(40, "s = 'a'", " or "),
             "select " + times(40, "'x'::char(1000000)", ","),
             "select array[" + times(40, "s", ",") + "] from " + megabyte,
             std::string("select cardinality(string_to_array(repeat(',', 1000000), ','))"),
             std::string("select cardinality(regexp_split_to_array(repeat('a', 1000000), ''))"),
             std::string("select length((('[' || repeat('0,', 500000) || '0]')::jsonb)::text)"),
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
    CHECK(ruleOf("select " + times(8, "s", ",") + " from " + megabyte) == "allowed");
    CHECK(ruleOf("select cardinality(string_to_array(repeat(',', 100000), ','))") == "allowed");
}

TEST_CASE("guard growth: work that no time limit ends is bounded") {
    const std::string digits = "(select repeat('9', 65000)::numeric a, repeat('7', 65000)::numeric b offset 0) q";
    for (const std::string& sql : {
             "select " + times(600, "a*b", "+") + " from " + digits,
             "select a / b from " + digits,
             "select sqrt(a) from " + digits,
             std::string("select length((7::numeric ^ 150000)::text) from (select 1) q"),
             std::string("select strpos(repeat('a', 1000000), 'b' || repeat('a', 500000))"),
             std::string("select length(translate(repeat('a', 1000000), repeat('b', 1000000), ''))"),
             std::string("select repeat('a', 1000000) like repeat('%a', 500000)"),
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
    CHECK(ruleOf("select 1.05 ^ n, power(1 + rate, 30), strpos(body, 'abc'), sqrt(a * a + b * b) from (select * from "
                 "t) q") == "allowed");
    CHECK(ruleOf("select " + times(300, "a*b", "+") + " from (select a, b from t) q") == "allowed");
}

TEST_CASE("guard growth: expressions that double where columns are written out are refused, those made once pass") {
    const auto doubled = [](const std::string& from) { return "select x+x as x from " + from; };
    const auto in_from = [&](const std::string& inner) { return doubled("(" + inner + ") q"); };
    const std::string first = "select id as x from t";
    for (const std::string& sql : {
             nested(20, first, in_from),
             nested(20, "select 1 as x", in_from),
             nested(20, first, [](const std::string& inner) { return "select y+y from (" + inner + ") q(y)"; }),
             nested(
                 20, first,
                 [](const std::string& inner) { return "select * from (select x+x as x from (" + inner + ") q) r"; }),
             nested(20, first,
                    [](const std::string& inner) { return "select x||x as x from (" + inner + ") q where x <> ''"; }),
             nested(20, first,
                    [](const std::string& inner) {
                        return "select case when x > 0 then x else -x end as x from (" + inner + ") q";
                    }),
             nested(10, first,
                    [](const std::string& inner) {
                        return "select x+x+x+x as x from (" + inner + " union all select 1) q";
                    }),
             nested(20, first,
                    [](const std::string& inner) {
                        return "select q.x+q.x as x from t a join (" + inner + ") q on true";
                    }),
             nested(4, first,
                    [](const std::string& inner) {
                        return "select " + times(30, "x", "+") + " as x from (" + inner + ") q";
                    }),
             chain(20, "as", first, doubled),
             chain(
                 20, "as not materialized", first,
                 [](const std::string& from) { return "select x from " + from + " union all select x from " + from; }),
             chain(20, "as not materialized", first,
                   [](const std::string& from) { return "select 1 from " + from + " a, " + from + " b"; }),
             "with recursive b as (select x+x as x from (" + nested(18, "select x from c", in_from) +
                 ") q), c as (select id as x from t) select x from b",
         })
        CHECK_MESSAGE(ruleOf(sql) == "expression-too-large", sql.substr(0, 200));
    for (const std::string& sql : {
             nested(8, first, in_from),
             nested(20, first, [](const std::string& inner) { return "select x + 1 as x from (" + inner + ") q"; }),
             nested(20, first,
                    [](const std::string& inner) { return "select x+x as x from (" + inner + ") q offset 0"; }),
             chain(20, "as materialized", first, doubled),
             chain(40, "as", first, [](const std::string& from) { return "select x, x as y from " + from; }),
             chain(8, "as", first,
                   [](const std::string& from) { return "select x - lag(x) over (order by x) as x from " + from; }),
             "with a as (select * from t) select " + times(2000, "1", "+") + " from a",
             "with a as (select * from t) select " + times(1500, "a.c", ",") + " from a",
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", sql.substr(0, 200));
}

// The walk itself is what costs here: 26 levels would be 2^26 columns.
TEST_CASE("guard growth: columns that double with each level, or are copied too often, are refused before that") {
    const auto in_from = [](const std::string& columns, const std::string& alias) {
        return [=](const std::string& inner) { return "select " + columns + " from (" + inner + ") " + alias; };
    };
    const auto from_both = [](const std::string& between) {
        return [=](const std::string& from) { return "select * from " + from + " x" + between + from + " y"; };
    };
    const auto twice = [](const std::string& from) { return "select *,* from " + from; };
    const std::string wide = "with a as (select " + times(5000, "1", ",") + ") ";
    const std::string narrower = "with a as (select " + times(1000, "1", ",") + ") ";
    for (const std::string& sql : {
             nested(26, "select 1 a", in_from("*,*", "q")),
             nested(26, "select a from t", in_from("q.*,q.*", "q")),
             nested(26, "select 1 a", in_from("*,*", "q(b)")),
             nested(26, "select 1 a",
                    [](const std::string& inner) { return "(select *,* from (" + inner + ") q) limit 1"; }),
             "select (" + nested(26, "select 1 a", in_from("*,*", "q")) + ")",
             chain(26, "as", "select 1", twice),
             chain(26, "as materialized", "values (1)", twice),
             chain(26, "as", "select 1", from_both(",")),
             chain(26, "as", "select 1", from_both(" natural join ")),
             wide + "select 1 from " + times(1000, "a b(c)", ","),
             wide + "select 1 from " + times(1000, "(table a) b(c)", ","),
             wide + "select " + times(2000, "a.*", ",") + " from a",
             narrower + "select 1 from " + times(1000, "a b(c)", ","),
             narrower + "select " + times(1000, "(select a from a)", ","),
             narrower + times(1000, "table a", " union all "),
             narrower + "select 1 from " + times(150, "(", "") + "a" + times(150, " cross join a x) x", ""),
         })
        CHECK_MESSAGE(ruleOf(sql) == "expression-too-large", sql.substr(0, 100));
    CHECK(ruleOf(nested(26, "select $1::int a", in_from("*,*", "q"))) != "allowed");
    CHECK(ruleOf(narrower + "select " + times(150, "(select count(*) from a)", ",")) == "allowed");
    CHECK(ruleOf(chain(20, "as", "select n.*, " + times(200, "length(name) as length", ",") + " from n",
                       [](const std::string& from) { return "select * from " + from; })) == "allowed");
}

TEST_CASE("guard growth: texts that are gathered, escaped, cleaned and laid out of data pass") {
    for (const char* sql : {
             "select array_to_string(array_agg(name), ', ') from t group by kind",
             "select jsonb_pretty(jsonb_agg(x)) from t",
             "select jsonb_pretty(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'created_at', created_at, "
             "'tags', "
             "tags, 'address', jsonb_build_object('street', street, 'city', city, 'postal_code', postal_code)))) from "
             "t",
             "select format('%s: %s', a, string_agg(b, ',')) from t group by a",
             "select replace(string_agg(name, '; ' order by name), ';', ',') from t",
             "select replace(replace(replace(replace(replace(body,'&','&amp;'),'<','&lt;'),'>','&gt;'),'\"','&quot;'),"
             "'''','&#39;') from t",
             "select regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace("
             "regexp_replace(regexp_replace(regexp_replace(regexp_replace(body,'<[^>]+>',' ','g'),'&nbsp;',' ','g'),"
             "'&amp;','&','g'),'&lt;','<','g'),'&gt;','>','g'),'\\s+',' ','g'),'^ ','','g'),' $','','g'),'[.]+','...',"
             "'g'),'[^a-z0-9 ]+','-','g') from t",
             "select format('https://shop/10485760?id=%s', id), format('%-20s|%10s %% of 900000000', a, b) from t",
             "select format('%1$s %2$s (%1$s)', a, b), format('%I.%L', a, b) from t",
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", std::string(sql));
    for (const char* sql : {
             "select format('%-900000000s', a) from t",
             "select format('%1$*2$s', a, 900000000) from t",
             "select format('%2$900000000s', a, b) from t",
             "select format('%s%%%900000000s', a, b) from t",
             "select format('%1$L%1$L', repeat('''', 300000))",
             "select replace(repeat('x', 10000) || name, 'x', repeat('y', 10000)) from t",
             "select replace(string_agg('x', ''), 'x', repeat('y', 10000)) from generate_series(1, 1000000)",
             "select regexp_replace(repeat('x', 10000), 'x*', repeat('y', 1000), 'g')",
             "select regexp_replace(repeat('x', 10000), 'x', repeat('y', 1000), 'g')",
             "select regexp_replace(repeat('x', 10000), '\\m', repeat('y', 1000), 'g')",
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
}

TEST_CASE("guard growth: a parameter that makes a value grow must be short, its numbers small where they count") {
    const Parameters any{0, 0};
    CHECK(boundParameters("select name from t where id = any($1) and name like $2") == any);
    CHECK(boundParameters("select replace(path, $1, $2) from t where id = any($3)") == Parameters{3, 0});
    CHECK(boundParameters("select * from t where title ilike '%' || $1 || '%' or isbn ilike '%' || $1 || '%' or author "
                          "ilike '%' || $1 || '%' or publisher ilike '%' || $1 || '%'") == Parameters{1, 0});
    CHECK(boundParameters("select regexp_replace(note, $1, $2) from t") == Parameters{3, 0});
    CHECK(boundParameters("select rpad(name, $1), format($2, a, b) from t") == Parameters{3, 3});
    CHECK(boundParameters("select repeat('x', $1)") == Parameters{1, 1});
    CHECK(boundParameters("select replace(path, $1, $2), lpad(name, $3) from t") == Parameters{7, 4});
    CHECK(boundParameters("with p as (select $2::int as n) select repeat('x', n) from p where $1 = 'a'") ==
          Parameters{2, 2});
    CHECK(ruleOf("select repeat(repeat('x', $1), 1000)") == "value-too-large");
    CHECK(ruleOf("select repeat(repeat($1, $2), 1000)") == "value-too-large");

    for (const char* text : {"", "abc", "%s by %s", "10000", "-12.5", "2025-03-01"})
        CHECK_MESSAGE(isSmall(textValue(text)), text);
    for (const std::string& text : {std::string("10001"), std::string("9e8"), std::string("0x35A4E900"),
                                    std::string("%900000000s"), std::string("900_000"), std::string("0.000001")})
        CHECK_FALSE_MESSAGE(isSmall(textValue(text)), text);
    CHECK(isShort(textValue("978-0-13-110362-7")));
    CHECK(isShort(textValue("6fa459ea-ee8a-3ca4-894e-db77e160355e")));
    CHECK(isShort(textValue(std::string(1000, '9'))));
    CHECK_FALSE(isShort(textValue(std::string(1001, 'x'))));
    howdah_value number{};
    number.type = HOWDAH_VALUE_INTEGER;
    number.integer = 10'000;
    CHECK(isSmall(number));
    number.integer = -10'001;
    CHECK_FALSE(isSmall(number));
}

TEST_CASE("guard growth: the refusal names the call and where it stands") {
    auto facts = classify("select 1, repeat('x', 900000000)", Policy{});
    REQUIRE_FALSE(facts);
    CHECK(facts.error().message.find("repeat") != std::string::npos);
    CHECK(facts.error().position == 11);
}

}  // namespace howdah::guard
