// What a recursion makes of its own rows.
#include <string>

#include <doctest/doctest.h>

#include "tests/plugins/guard/rule_of.hpp"

namespace howdah::guard {
namespace {

std::string recursion(const std::string& columns, const std::string& first, const std::string& next) {
    return "with recursive r(" + columns + ") as (select " + first + " union all select " + next +
           " from r where n < 40) select * from r";
}

}  // namespace

TEST_CASE("guard growth: a recursion that doubles a value is refused, one that adds to it passes") {
    for (const std::string& sql : {
             recursion("n, s", "1, 'x'", "n + 1, s || s"),
             recursion("n, s", "1, 'x'", "n + 1, r.s || ',' || upper(r.s)"),
             recursion("n, s", "1, name", "n + 1, concat(s, s)"),
             recursion("n, s", "1, array[1]", "n + 1, array_cat(s, s)"),
             recursion("n, s", "1, 'x'", "n + 1, format('%s%s', s, s)"),
             recursion("n, s", "1, 'x'", "n + 1, (select q.t || q.t from (select s as t) q)"),
             recursion("n, a, b", "1, 'x', 'x'", "n + 1, b || b, a"),
             std::string("with recursive r as (select 1 as n, 'x' as s union all select n + 1, s || s from r where n < "
                         "40) select length(s) from r"),
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", sql);
    CHECK(ruleOf(recursion("n, m", "1, 900000000", "n + 1, length(repeat('x', m))")) == "value-too-large");
    for (const std::string& sql : {
             recursion("n, a, b", "1, 0::numeric, 1::numeric", "n + 1, b, a + b"),
             recursion("n, a", "1, 2::numeric", "n + 1, a * a % 1000"),
             recursion("n, s", "1, 'x'", "n + 1, s || '/' || n || ' of ' || n"),
             recursion("n, s, label", "1, 'x', ''", "n + 1, s || 'y', s || ' and ' || s"),
             recursion("n, s", "1, 'x'", "n + 1, case when length(s) > 10 then s else s || 'x' end"),
             std::string("with recursive t as (select id, array[id] as path, name::text as names, 0 as depth from c "
                         "where parent is null union all select c.id, t.path || c.id, repeat('  ', t.depth) || t.names "
                         "|| ' > ' || c.name, t.depth + 1 from c join t on c.parent = t.id where c.id <> all (t.path)) "
                         "select * from t order by path"),
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", sql);
}

}  // namespace howdah::guard
