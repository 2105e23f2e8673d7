// What the name of a column stands for, for the bounds of growth. What is refused was tried in a PostgreSQL 15 with
// 90,000 for 900,000,000 and gave a text of so many bytes; date_part is what 13 calls it, and nowhere is nowhere.
#include <string>

#include <doctest/doctest.h>

#include "tests/plugins/guard/rule_of.hpp"

namespace howdah::guard {

TEST_CASE("guard growth: a number is found under whatever name PostgreSQL gives it") {
    for (const char* sql : {
             // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): some are longer than a line
             "select repeat('x', j.n) from (select 900000000 n) a join (select 900000000 n) b using (n) as j",
             "select repeat('x', n) from (select 1 as n) a right join generate_series(900000000, 900000001) as n "
             "using (n)",
             "select repeat('x', generate_series.generate_series) from generate_series(900000000, 900000001)",
             "select repeat('x', trim('()' from (q.*)::text)::int) from (select 900000000 n) q",
             "select repeat('x', trim('()' from row(q.*)::text)::int) from (select 900000000 n) q",
             "with recursive t(a) as (select 1 union all select a + 1 from t where a < 3) cycle a set mark to "
             "900000000 default 900000001 using path select repeat('x', mark) from t",
             "select repeat('x', int4) from (select (case when true then 900000000 end)::int4) q",
             "select repeat('x', int4) from (select '900000000'::text::int4) q",
             "select repeat('x', date_part::int) from (select extract(epoch from timestamp '1999-01-01')) q",
             "select repeat('x', abs) from (select abs(900000000)) q",
             "select (select repeat('x', generate_series) from generate_series(900000000, 900000000)) from (select 1 "
             "as generate_series) q",
             "select repeat('x', e) from (select (null::pg_namespace).*, 900000000) v(a, b, c, d, e)",
             "select repeat('x', b) from (select 1 x, 900000000 n) q, lateral (values (q.*)) v(a, b)",
             "select repeat('x', column2) from (select 1 x, 900000000 n) q, lateral (values (q.*, 5)) v",
             "select repeat('x', nowhere) from (select 1 as n) q",
         })
        CHECK_MESSAGE(ruleOf(sql) == "value-too-large", std::string(sql));
}

TEST_CASE("guard growth: a field may be a call") {
    CHECK(ruleOf("select repeat('x', g.hashtext) from unnest(array['a']) g") == "value-too-large");
    CHECK(ruleOf("select repeat('x', ('a'::text).hashtext)") == "value-too-large");
    CHECK(ruleOf("select repeat('x', g.length) from unnest(array['a']) g") == "allowed");
}

TEST_CASE("guard growth: what is in a table, and what is in none, is left to PostgreSQL") {
    for (const char* sql : {
             "with a as (select id, name as n, count(*) as k from t group by id, name) select a.id, n, repeat('#', "
             "k::int) from a order by k, n",
             "select count(*) as n, kind from t group by kind order by n desc, kind",
             "select x + 1 as y from (select 1 x) q group by y order by y",
             "select id as a from t union select id from u order by a",
             "select nmae, nmae || 'x', lower(nmae) from (select name from t) q",
             "select nmae <-> name from (select name from t) q where nmae ilike '%a%' order by nmae",
             "select (select count(*) from u where u.t_id = t.id and name = kind), t.* from t join v using (id)",
             "select j.id, t.name, repeat('x', j.id) from t join u using (id) as j",
             "select repeat('*', n) from t natural join u",
             "with recursive t(a, p) as (select 1, 2 union all select b, c from e join t on t.a = e.b) cycle a set "
             "is_cycle using path select a, is_cycle, path from t where not is_cycle",
             "with recursive t(a, p) as (select 1, 2 union all select b, c from e join t on t.a = e.b) search depth "
             "first by a set o select a from t order by o",
             "select x.key, x.value, length(x.value) from t, jsonb_each_text(t.extra) x order by x.key",
             "select count(q.*), row_to_json(q) from (select id, name from t) q group by q",
             "select (jsonb_populate_record(null::t, extra)).* from t",
             "select v.a, v.b from (values (1, 'x'), (2, 'y')) v(a, b) order by v.a",
             "select s.n, repeat('x', s.n) from (select width_bucket(x, 0, 10, 20) as n from t) s",
             "select generate_series, repeat('x', generate_series) from generate_series(1, 100)",
             "select to_char(d, 'YYYY-MM') as month, count(*) from generate_series('2024-01-01'::date, "
             "'2024-12-31'::date, '1 month') d left join t on t.at >= d group by rollup (month) order by month",
             "select t.tableoid::regclass, t.ctid, xmin from t",
         })
        CHECK_MESSAGE(ruleOf(sql) == "allowed", std::string(sql));
}

}  // namespace howdah::guard
