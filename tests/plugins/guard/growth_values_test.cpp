// Values that grow by what a type or an operator does to them, rather than by a function that is known for it.
#include <string>

#include <doctest/doctest.h>

#include "plugins/guard/growth.hpp"
#include "tests/plugins/guard/rule_of.hpp"

namespace howdah::guard {
namespace {

std::string around(int levels, const std::string& before, const std::string& innermost, const std::string& after) {
    std::string sql = innermost;
    for (int i = 0; i < levels; ++i)
        sql = before + sql + after;
    return sql;
}

std::string often(int count, const std::string& item, const std::string& between) {
    std::string text = item;
    for (int i = 1; i < count; ++i)
        text += between + item;
    return text;
}

bool takesAsShort(const std::string& text) {
    howdah_value value{};
    value.type = HOWDAH_VALUE_TEXT;
    value.text = {text.data(), text.size()};
    return isShort(value);
}

}  // namespace

TEST_CASE("guard growth: each element of an array is padded") {
    const std::string letters = "'{" + often(3'000, "a", ",") + "}'";
    CHECK(ruleOf("select " + letters + "::char(400000)[]") == "value-too-large");
    CHECK(ruleOf("select * from json_to_record('{}') as t(a char(2000000))") == "value-too-large");
    CHECK(ruleOf("select (string_to_array(repeat('1 ', 100000), ' ')::numeric(1000,900)[])::text") ==
          "value-too-large");
    CHECK(ruleOf("select " + letters + "::char(10)[], tags::char(20)[], '{1.5,2.25}'::numeric(10,2)[] from t") ==
          "allowed");
}

TEST_CASE("guard growth: the text of a row or an array in another doubles") {
    for (const char* before : {"row(", "array["}) {
        const std::string after = before[0] == 'r' ? ")::text" : "]::text";
        CHECK(ruleOf("select " + around(24, before, "'\"'", after)) == "value-too-large");
        CHECK(ruleOf("select " + around(2, before, "name", after) + " from t") == "allowed");
    }
    CHECK(ruleOf("select " + around(24, "concat(row(", "'\"'", "))")) == "value-too-large");
    CHECK(ruleOf("select " + around(24, "array(select ", "'\"'", ")::text")) == "value-too-large");
    std::string sql = "with a0 as (select '\"'::text x)";
    for (int i = 1; i < 27; ++i) {
        const std::string before = "a" + std::to_string(i - 1);
        sql += ", a" + std::to_string(i) + " as (select " + before + "::text x from " + before + ")";
    }
    CHECK(ruleOf(sql + " select length(x) from a26") == "value-too-large");
    CHECK(
        ruleOf("with recursive r(a, n) as (select '\"'::text, 0 union all select row(a)::text, n + 1 from r where n < "
               "25) select max(length(a)) from r") == "value-too-large");
    CHECK(ruleOf("with recursive p as (select id, array[row(id, name)] path from t union all select t.id, path || "
                 "row(t.id, t.name) from p join t on t.parent = p.id) select * from p") == "allowed");
    CHECK(ruleOf("select t::text, md5(t::text), row(1, 2)::text, array[[1, 2], [3, 4]]::text from t") == "allowed");
    CHECK(ruleOf("select 1 where (a, b) in (($1, $2)) and c = any(array[$3, $4])") == "allowed");
}

TEST_CASE("guard growth: an element of XML is escaped once for each around that takes it as a text") {
    const std::string ands(20'000, '&');
    CHECK(ruleOf("select " + around(60, "xmlelement(name a, ", "'" + ands + "'", ")::text")) == "value-too-large");
    CHECK(ruleOf("select xmlelement(name a, xmlelement(name b, xmlelement(name c, xmlelement(name d, xmlforest(id, "
                 "name)))))::text from t") == "allowed");
    CHECK(ruleOf("select " + around(60, "xmlelement(name a, ", "'a constant'", ")")) == "allowed");
}

TEST_CASE("guard growth: a document in another is not escaped again") {
    CHECK(ruleOf("select " + around(12, "jsonb_build_object('key', ", "'value'", ")")) == "allowed");
    CHECK(ruleOf("select " + around(12, "to_json(", "'\"'", "::text)")) == "value-too-large");
    CHECK(ruleOf("select jsonb_pretty(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'orders', (select "
                 "jsonb_agg(jsonb_build_object('order_id', o.id, 'total', o.total, 'status', o.status)) from orders o "
                 "where o.customer_id = c.id)))) from customers c") == "allowed");
    CHECK(ruleOf("select jsonb_pretty(coalesce(jsonb_agg(jsonb_build_object('id', id, 'k', coalesce((select "
                 "jsonb_agg(jsonb_build_object('b', b)) from z), '[]'))), '[]')) from x") == "allowed");
    for (const char* open : {"repeat('[', 800)", "repeat(chr(91), 800)", "('\"\\u005b\"'::jsonb #>> '{}')",
                             "repeat(replace('x', 'x', '['), 800)"}) {
        const std::string sql = std::string("select jsonb_pretty((") + open + " || repeat('1,', 100000))::jsonb)";
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", sql);
    }
}

TEST_CASE("guard growth: a jsonpath that gives one value many times, a pattern of many groups") {
    const std::string path = "$" + often(7, "[0,0,0,0,0,0,0,0,0,0]", "");
    for (const std::string& sql :
         {"select jsonb_path_query_array('1', '" + path + "')", "select '1'::jsonb @? '" + path + "'",
          "select jsonb_path_query_array(path => '" + path + "', target => '1')",
          "select jsonb_path_query_first(doc, '" + path + "'::jsonpath) from t",
          std::string("select jsonb_path_query_array('1', repeat('[0,0,0,0]', 20)::jsonpath)"),
          "select jsonb_path_exists(doc, '$" + often(6, ".**", "") + "') from t",
          "select count(*) from regexp_matches(repeat('x', 480000), '" + around(60, "(", "x", ")") + "', 'g')"})
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", sql);
    for (const char* sql :
         {"select jsonb_path_query_array(doc, '$.l[*] ? (@.a[0,1] > 3 && @.b[2 to 4] < 5)'), doc @? '$.**.k' from t",
          "select jsonb_path_exists(doc, ('$.' || $1)::jsonpath), doc @? $2, doc @@ '$.k > 3' from t",
          "select id from t where to_tsvector('english', body) @@ plainto_tsquery('english', $1)",
          "select regexp_match(note, '^(\\d+)-(\\d+)-(\\d+) (\\d+):(\\d+)'), regexp_matches($1, '(\\w+)', 'g') from t"})
        CHECK_MESSAGE(ruleOf(sql) == "allowed", sql);
    CHECK(takesAsShort("$.a[0,1].b ? (@.c[*] > 3)"));
    CHECK_FALSE(takesAsShort(path));
}

TEST_CASE("guard growth: numbers that no digit shows") {
    for (const std::string& number :
         {std::string("'z'::\"char\"::int"), often(100, "true::int", "+"), often(100, "(null is null)::int", "+"),
          std::string("('today'::date - 'epoch'::date)"), "(@-@ '" + often(90, "(0,0),(0,900)", ",") + "'::path)::int",
          "(" + often(56, "'(1,1)'::point", "*") + ")[0]::int"})
        CHECK_MESSAGE(ruleOf("select " + around(4, "repeat(", "'xx'", ", " + number + ")")) == "value-too-large",
                      number);
    CHECK(ruleOf("select repeat('xxxx', grouping(" + often(26, "a", ",") + ")) from t group by cube(a)") ==
          "value-too-large");
    CHECK(ruleOf("select npoints(polygon(20000000, '((0,0),1)'::circle))") == "value-too-large");
    CHECK(ruleOf("select repeat((('1e' || '131071')::numeric)::text, 1000)") == "value-too-large");
    CHECK_FALSE(takesAsShort("1e131071"));
    CHECK(takesAsShort("694e7731-ee8a-3ca4-894e-db77e160355e"));
    for (const char* sql :
         {"select polygon(16, circle(point(x, y), r)) from t", "select repeat('.', (current_date - '2025-01-01') / 7)",
          "select repeat(' ', grouping(a, b) * 2) || a from t group by rollup(a, b)",
          "select repeat('*', (a = 'x')::int + (b > 10)::int + (c is not null)::int) from t",
          "select lpad(to_char(replace(price, ',', '')::numeric, 'FM999G990D00'), 15), round(replace(price, '$', "
          "'')::numeric, 2)::text || ' EUR' from t",
          "select replace($1, ',', '')::numeric * replace($2, ',', '')::numeric, $3::numeric * $4::numeric",
          "select repeat('█', round(100.0 * sum(total) / sum(sum(total)) over ())::int) from orders group by status"})
        CHECK_MESSAGE(ruleOf(sql) == "allowed", sql);
}

TEST_CASE("guard growth: what is counted stays a number, however often it doubles") {
    std::string sql = "with a0 as (select relname::text x from pg_class)";
    for (int i = 1; i <= 210; ++i) {
        const std::string before = "a" + std::to_string(i - 1);
        sql += ", a" + std::to_string(i) + " as (select json_typeof(to_json(x)) x from " + before + ")";
    }
    sql += ", m as (select replace(x, 'a', 'bb') x from a210) select (select x from m limit 1)";
    CHECK(ruleOf(sql + often(60, ", repeat('x', 1000000)", "")) == "value-too-large");
}

TEST_CASE("guard growth: a condition is copied into each arm of a UNION") {
    const auto arms = [](int count) {
        return "(" + often(count, "select relname a from pg_class", " union all ") + ") s";
    };
    CHECK(ruleOf("select count(*) from " + arms(500) + " where a <> repeat('x', 1000000)") == "value-too-large");
    CHECK(ruleOf("select count(*) from (select * from " + arms(500) + ") t where a <> repeat('x', 1000000)") ==
          "value-too-large");
    CHECK(ruleOf("select count(*) from " + arms(36) + " where a = 'paid' and b in (" + often(400, "1", ",") + ")") ==
          "allowed");
}

}  // namespace howdah::guard
