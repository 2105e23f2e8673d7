// Words with their places, other texts that mean the same, and values in place of $1.
#include "plugins/optimizer/rewrite.hpp"

#include <doctest/doctest.h>

#include "plugins/optimizer/ask.hpp"
#include "plugins/optimizer/shape.hpp"
#include "plugins/optimizer/workload.hpp"

using namespace howdah;
using namespace howdah::optimizer;

namespace {

Catalog catalogOf() {
    Table orders;
    orders.schema = "shop", orders.name = "orders", orders.kind = "r";
    orders.columns["day"].type = "timestamp", orders.columns["day"].category = "D";
    orders.columns["day"].middle = "2024-06-01 00:00:00";
    orders.columns["id"].type = "int8", orders.columns["id"].category = "N", orders.columns["id"].middle = "500";
    orders.columns["due"].type = "date";
    orders.columns["name"].type = "text", orders.columns["name"].category = "S",
    orders.columns["name"].common = "Germany";
    Catalog catalog;
    catalog.add(std::move(orders));
    return catalog;
}

std::vector<TableUse> uses() {
    TableUse use;
    use.schema = "shop", use.table = "orders", use.alias = "o";
    return {use};
}

// The text with all proposals put in; the same text where there is none.
std::string rewritten(const std::string& sql) {
    std::vector<Edit> edits;
    for (const Rewrite& rewrite : rewritesOf(sql, uses(), catalogOf()))
        edits.insert(edits.end(), rewrite.edits.begin(), rewrite.edits.end());
    return edited(sql, edits);
}

}  // namespace

TEST_CASE("optimizer: strings, names, comments and dollar quotes are one word each") {
    const auto tokens =
        tokensOf("select 'it''s', E'\\'', \"A\"\"b\", $$x'y$$, $a$ $$ $a$ -- c\n/* /* n */ */ from $1::int");
    std::vector<Token::Kind> kinds;
    for (const Token& token : tokens)
        if (token.kind != Token::Kind::symbol) kinds.push_back(token.kind);
    using enum Token::Kind;
    CHECK(kinds == std::vector{word, string, string, quoted_name, string, string, word, parameter, word});
    CHECK(tokens[5].text == "A\"b");
}

TEST_CASE(
    "optimizer: a text that ends inside of a string or comment, or holds a NUL, is none that words are found in") {
    for (const std::string_view sql :
         {std::string_view("'"), std::string_view("\""), std::string_view("$$"), std::string_view("$a$"),
          std::string_view("/*"), std::string_view("/* /* */"), std::string_view("e'\\"), std::string_view("'a''"),
          std::string_view("select u&'a'\n'b'"), std::string_view("select U&\"a\""),
          std::string_view("select 1\0; drop", 15)}) {
        CHECK_MESSAGE(!scanned(sql), sql);
        CHECK(tokensOf(sql).empty());
        CHECK(trimmed(sql) == sql);  // not cut: nobody may take a part of it for the whole
        CHECK(withoutConstants(sql).empty());
    }
    for (const std::string_view sql : {"", "--", "/* */", "$", ";"})
        for (const Token& token : tokensOf(sql))
            CHECK_MESSAGE(token.end <= sql.size(), sql);
}

TEST_CASE("optimizer: words have their places, whatever stands before them") {
    const std::string_view sql = "select \"Ä\", 'ä'  /* ö */, e'\\n' , $1::numeric(3, 1.5)::\"b\"";
    for (const Token& token : tokensOf(sql)) {
        const std::string_view text = sql.substr(token.begin, token.end - token.begin);
        if (token.kind == Token::Kind::quoted_name)
            CHECK(text == concat("\"", token.text, "\""));
        else
            CHECK(text == token.text);
    }
    CHECK(tokensOf(sql).size() == 17);
}

TEST_CASE("optimizer: without constants a text says what it asks and nothing of whom") {
    CHECK(withoutConstants("select a, 'x''y' from t -- of ada\n where b = 4.5e3 and c=$1 limit 10") ==
          "select a, '' from t where b = 0 and c=$1 limit 0");
    CHECK(withoutConstants("select $q$secret$q$, E'\\'secret', date '2024-01-01', x'ff'") ==
          "select '', '', date '', ''");
}

TEST_CASE("optimizer: what is put around a text loses its semicolon and the comment at its end") {
    CHECK(trimmed("select 1; -- done") == "select 1");
    CHECK(trimmed("select ';' ;;") == "select ';'");
    CHECK(trimmed("") == "");
}

TEST_CASE("optimizer: a cast of a time to a date becomes a range of the time") {
    CHECK(rewritten("select 1 from orders o where o.day::date = '2024-05-01'") ==
          "select 1 from orders o where (o.day >= date '2024-05-01' and o.day < date '2024-05-01' + 1)");
    CHECK(rewritten("... where cast(day as date) <= date '2024-05-01' and id = 1") ==
          "... where day < date '2024-05-01' + 1 and id = 1");
    CHECK(rewritten("... where date(day) > '2024-05-01'::date") == "... where day >= date '2024-05-01' + 1");
    CHECK(rewritten("... where day::date between '2024-05-01' and '2024-05-31' order by 1") ==
          "... where (day >= date '2024-05-01' and day < date '2024-05-31' + 1) order by 1");
}

TEST_CASE("optimizer: what only looks like it is left alone") {
    for (const char* sql :
         {"... where due::date = '2024-05-01'",      // a date already
          "... where x.day::date = '2024-05-01'",    // another table
          "... where day::date = '2024-05-01' + 1",  // more than a constant
          "... where day::date = $1", "... where day::date = '1.5.2024'",
          "... where 'o.day::date = ''2024-05-01''' = name", "... where id = 42.5", "... where id = 42.0 + 1",
          "... where 2 * id + 5 = 10", "... where name = 42.0", "... where (select count(*) from t group by a) > 0",
          "... where (select count(*) from t) > 1", "... where date_trunc('month', day) = date '2024-05-02'"})
        CHECK(rewritten(sql) == sql);
}

TEST_CASE("optimizer: a year, a month and a moved constant become conditions on the column") {
    CHECK(rewritten("... where extract(year from due) = 1995") ==
          "... where (due >= date '1995-01-01' and due < date '1996-01-01')");
    CHECK(rewritten("... where date_part('year', day) = 1995") ==
          "... where (day >= date '1995-01-01' and day < date '1996-01-01')");
    CHECK(rewritten("... where date_trunc('month', day) = date '2024-05-01'") ==
          "... where (day >= date '2024-05-01' and day < date '2024-05-01' + interval '1 month')");
    CHECK(rewritten("... where id + 5 = 10") == "... where id = 10 - 5");
    CHECK(rewritten("... where id = 42.0 and name = 'x'") == "... where id = 42 and name = 'x'");
    CHECK(rewritten("... where id = 42::numeric") == "... where id = 42");
}

TEST_CASE("optimizer: counting to learn whether there is one becomes exists") {
    CHECK(rewritten("... where (select count(*) from t where t.a = (o.id)) > 0") ==
          "... where exists (select 1 from t where t.a = (o.id))");
    CHECK(rewritten("... where (select count(*) from t) = 0") == "... where not exists (select 1 from t)");
}

TEST_CASE("optimizer: the shape of a text tells stars, casts and the offset") {
    const auto shape = shapeOf("select o.* from orders o where o.day::date = $1 order by 1 offset 5000");
    REQUIRE(shape);
    CHECK(shape->star);
    CHECK(shape->ordered);
    CHECK(shape->offset == 5000);
    CHECK(shape->cast_columns.count("day") == 1);
    const auto below =
        shapeOf("select id from (select * from orders) q where id not in (select id from orders) offset $2");
    REQUIRE(below);
    CHECK_FALSE(below->star);
    CHECK(below->offset_parameter == 2);
    CHECK(below->not_in_subquery);
    CHECK_FALSE(shapeOf("select from where"));
}

TEST_CASE("optimizer: tables are found with their names, in joins, lists and subqueries") {
    const auto tables = tablesIn(
        tokensOf("select 1 from shop.orders as o, b join c on b.x = c.x left join \"D e\" d2 using (y), "
                 "(select 1 from e where e.z in (select 2 from f)) q where now() > generate_series(1, 2) order by g"));
    std::vector<std::string> names;
    for (const NamedTable& table : tables)
        names.push_back(table.schema + "." + table.table + " " + table.alias);
    CHECK(names == std::vector<std::string>{"shop.orders o", ".b b", ".c c", ".D e d2", ".e e", ".f f"});
}

TEST_CASE("optimizer: values come from the column a parameter is compared with") {
    const Catalog catalog = catalogOf();
    const auto filled = [&](const char* sql) { return withValues(sql, catalog, true); };
    CHECK(filled("select 1 from orders o where o.id = $1 limit $2") ==
          "select 1 from orders o where o.id = '500' limit 100");
    CHECK(filled("select 1 from orders where $1 < id") == "select 1 from orders where '500' < id");
    CHECK(filled("select 1 from orders where id in ($1, $2)") == "select 1 from orders where id in ('500', '500')");
    CHECK(filled("select 1 from orders where id between $1 and $2") ==
          "select 1 from orders where id between '500' and '500'");
    CHECK(filled("select 1 from orders where name like $1") == "select 1 from orders where name like 'Ger%'");
    CHECK(filled("select 1 from orders where day < date $1 + interval $2") ==
          "select 1 from orders where day < date '2024-06-01 00:00:00' + interval '1 day'");
    CHECK(filled("select extract($1 from day) from orders") == "select extract(year from day) from orders");
    CHECK(filled("select $1 from orders") == "select 1 from orders");
    CHECK(withValues("select $1 from orders", catalog, false) == "select '1' from orders");
    CHECK(filled("select '$1' from orders") == "select '$1' from orders");
}
