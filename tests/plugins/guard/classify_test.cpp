#include "plugins/guard/classify.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace howdah::guard {
namespace {

std::string ruleOf(const std::string& sql, const Policy& policy = {}) {
    auto facts = classify(sql, policy);
    return facts ? "allowed" : facts.error().rule;
}

Policy opened(std::vector<std::string> functions, std::vector<std::string> operators = {}) {
    auto policy = Policy::make(std::move(functions), std::move(operators), {}, 1);
    REQUIRE(policy);
    return *policy;
}

struct Case {
    std::string_view rule;
    std::vector<std::string> statements;
};

}  // namespace

TEST_CASE("guard: a read passes, however it is written") {
    for (const std::string sql : {
             "select 1",
             "VALUES (1, 'a'), (2, 'b')",
             "table shop.orders",
             "select from a",
             "(((select 1)))",
             "select * from (values (1)) v(x) where x in (select 2) and exists (select 3)",
             "with recursive r(n) as not materialized (select 1 union all select n + 1 from r where n < 9) "
             "search depth first by n set o cycle n set c using p select * from r",
             "select sum(x) filter (where x > 1) over w, lag(x) over (partition by y order by z desc nulls last rows "
             "between 1 preceding and current row exclude ties) from t window w as (order by x using <)",
             "select percentile_cont(0.5) within group (order by x), grouping(a) from t group by grouping sets "
             "(cube (a, b), rollup (c), ()) having count(*) > 1",
             "select distinct on (a) a, b[1], c[1:2], (d).key, (t.d).lower, (f(1)).* , array[1, 2], row(1, 2), t.* "
             "from t",
             "select * from rows from (generate_series(1, 2), unnest(array[1])) with ordinality as r(a, b, c)",
             "select * from json_to_recordset('[]') as x(a int, b text collate \"C\")",
             "select * from a natural join b left join lateral (select a.x) c on true, d tablesample system (1) "
             "repeatable (2)",
             "select * from xmltable('/r' passing x columns a int path 'b' default 1 not null, n for ordinality)",
             "select xmlelement(name a, xmlattributes(1 as b), xmlforest(c), xmlconcat(d)), "
             "xmlserialize(content x as text), xmlparse(document 'a'), xmlpi(name p), xmlroot(x, version no value), x "
             "is document",
             "select case x when 1 then 2 else 3 end, coalesce(a, b), nullif(a, b), greatest(a, b), a is not distinct "
             "from b",
             "select a between 1 and 2, a not between symmetric 1 and 2, a like 'b' escape 'c', a similar to 'b', a "
             "ilike any (array['b'])",
             "select a is null, a isnull, a is true, a is unknown, not a, a or b and c, -a, ~a, @a, |/ a, a "
             "operator(pg_catalog.+) b",
             "select extract(year from now()), position('a' in 'b'), substring('a' from 1 for 2), trim(both 'a' from "
             "'b'), "
             "overlay('a' placing 'b' from 1), now() at time zone 'utc', (a, b) overlaps (c, d), collation for (a), "
             "normalize('a', nfc)",
             "select current_date, current_timestamp(3), localtime, current_user, session_user, current_schema, "
             "current_catalog",
             "select 1::int, cast(1 as numeric(3, 2)[]), interval '1' day, date '2020-01-01', x::shop.mood, "
             "'pg_class'::regclass",
             "select pg_catalog.lower('A'), information_schema._pg_expandarray(array[1])",
             "select string_agg(distinct a, ',' order by a), json_build_object(variadic array['a', 'b']), "
             "make_interval(days => 1)",
             "select * from a union all select * from b intersect select * from c except select * from d order by 1 "
             "limit 1 offset 2",
             "select * from t order by 1 fetch first 3 rows with ties",
             "select b'101', x'1f', 1e3, $$dollar$$, E'\\n', U&'\\0061', null, true",
             "show all",
             "show search_path",
             "explain select 1",
             "explain (analyze, verbose, costs off, settings, buffers, wal, timing off, summary, format json) select 1",
             "explain analyze verbose values (1)",
             "select random(), clock_timestamp(), gen_random_uuid(), pg_total_relation_size('a'), currval('s')",
             "select pg_get_viewdef('v'::regclass), has_table_privilege('t', 'select'), obj_description(1, "
             "'pg_class'), "
             "current_setting('server_version')",
         })
        CHECK_MESSAGE(ruleOf(sql, opened({"f"})) == "allowed", sql);
}

TEST_CASE("guard: each refusal names its rule") {
    const std::vector<Case> cases{
        {"data-modification",
         {"insert into t values (1)", "update t set a = 1", "delete from t", "truncate t",
          "merge into t using s on true when matched then delete",
          "with d as (delete from t returning *) select * from d",
          "select 1 from (with u as (update t set a = 1 returning 1) select * from u) x",
          "explain analyze delete from t", "explain (analyze) insert into t values (1)"}},
        {"schema-change",
         {"create table t (a int)", "create temp table t (a int)", "create table t as select 1", "drop table t",
          "alter table t add b int", "grant all on t to public",
          "create function f() returns int language sql as 'select 1'", "create extension dblink",
          "create index on t (a)", "refresh materialized view v", "comment on table t is 'x'",
          "explain create table t as select 1", "alter table t rename to u",
          "create rule r as on insert to t do nothing",
          "create operator + (leftarg = int, rightarg = int, function = f)", "create view v as select 1"}},
        {"select-into", {"select * into n from t", "select 1 into temp n", "select 1 into n union select 2"}},
        {"row-lock",
         {"select * from t for update", "select * from t for key share skip locked",
          "select * from (select * from t for no key update) x",
          "with a as (select * from t for share) select * from a"}},
        {"table-lock", {"lock table t"}},
        {"copy", {"copy t from stdin", "copy t to stdout", "copy (select 1) to program 'id'", "copy t to '/tmp/x'"}},
        {"anonymous-code", {"do $$ begin end $$"}},
        {"procedure-call", {"call p()"}},
        {"transaction-control",
         {"begin", "commit", "end", "abort and chain", "rollback", "savepoint s", "release s", "rollback to s",
          "prepare transaction 'x'", "start transaction read write", "commit prepared 'x'"}},
        {"session-state",
         {"set a = 1",
          "set local search_path = x",
          "reset all",
          "set role r",
          "set session authorization default",
          "set transaction read write",
          "discard all",
          "listen c",
          "unlisten *",
          "notify c",
          "prepare p as select 1",
          "execute p",
          "deallocate all",
          "declare c cursor for select 1",
          "fetch c",
          "close c",
          "set constraints all deferred",
          "explain execute p",
          "explain declare c cursor for select 1",
          "move c"}},
        {"server-administration",
         {"vacuum t", "analyze t", "checkpoint", "load 'x'", "reindex table t", "cluster t", "alter system set a = 1",
          "create database d", "drop database d", "create role r", "alter role r superuser", "grant r to s",
          "create subscription s connection 'x' publication p", "create tablespace t location '/x'",
          "security label on table t is 'x'", "reassign owned by a to b"}},
        {"explain-option", {"explain (secret) select 1"}},
        {"function-unsafe",
         {"select nextval('s')",
          "select setval('s', 1)",
          "select set_config('a', 'b', false)",
          "select pg_sleep(1)",
          "select pg_catalog.pg_sleep(1)",
          "select PG_SLEEP(1)",
          "select \"pg_sleep\"(1)",
          "select U&\"pg\\005fsleep\"(1)",
          "select U&\"pg!005fsleep\" uescape '!' (1)",
          "select 1 where pg_sleep(1) is null",
          "select * from pg_sleep(1)",
          "select 1 limit pg_advisory_lock(1)::text::int",
          "select case when true then pg_notify('a', 'b') end",
          "select sum(1) filter (where pg_sleep(1) is null)",
          "select count(*) over (order by pg_sleep(1))",
          "values (pg_sleep(1))",
          "select (select pg_sleep(1))",
          "select array[pg_sleep(1)]",
          "select 1 order by pg_sleep(1)",
          "select * from a join b on pg_sleep(1) is null",
          "select 1 group by grouping sets ((pg_sleep(1)))",
          "select (pg_stat_file('x')).size",
          "explain select pg_sleep(1)",
          "select * from t tablesample system (length(pg_read_file('x')))",
          "select query_to_xml('select 1', true, true, '')",
          "select table_to_xml('pg_authid', true, true, '')",
          "select ts_stat('select 1')",
          "select lo_import('x')",
          "select lo_get(1)",
          "select pg_ls_dir('/')",
          "select txid_current()",
          "select setseed(0.1)",
          "select pg_logical_emit_message(true, 'a', 'b')",
          "select pg_reload_conf()",
          "select pg_export_snapshot()",
          "select pg_stat_reset()",
          "select loread(1, 2)",
          "select xmlelement(name a, pg_sleep(1))",
          "select lag(1, pg_sleep(1)) over ()",
          "select * from rows from (pg_sleep(1))",
          "select pg_prepared_statement()"}},
        {"function-not-allowed",
         {"select dblink('x', 'y')", "select public.lower('A')", "select shop.f()", "select db.shop.lower('a')",
          "select \"Lower\"('a')", "select st_area(g)", "select pg_temp.f()", "select information_schema.evil()"}},
        {"operator-not-allowed",
         {"select a <=> b", "select a operator(public.+) b", "select a operator(pg_catalog.<=>) b", "select <%> a",
          "select a order by b using operator(evil.<)", "select a operator(evil.=) any (array[1])",
          "select a operator(evil.=) (select 1)"}},
        {"relation-secret",
         {"select * from pg_authid", "select * from pg_catalog.pg_shadow", "table pg_hba_file_rules",
          "select * from PG_AUTHID", "select * from \"pg_authid\"",
          "select 1 where exists (select from pg_user_mapping)", "select * from pg_toast.pg_toast_1260",
          "select * from pg_file_settings", "select * from pg_largeobject",
          "select * from information_schema.user_mapping_options", "select * from pg_prepared_statements"}},
        {"setting-secret", {"show primary_conninfo", "show PRIMARY_CONNINFO"}},
        {"sample-method",
         {"select * from t tablesample evil.system (1)", "select * from t tablesample system_rows (1)"}},
        {"parameter-number", {"select $1001", "select $0"}},
        {"several-statements",
         {"select 1; select 2", "commit; delete from t", "select 1;;select 2",
          "select 1 /* ; */ ; /* x */ delete from t"}},
        {"empty-statement", {"", " \n\t", ";", " ; ; ", "-- x", "/* a /* b */ c */"}},
        {"syntax",
         {"selec 1", "select 'a", "select 1)", "/* open", "explain explain select 1",
          "select json_query(a, 'b' returning text)"}},
        {"node-not-allowed", {"values (default)"}},
    };
    for (const Case& group : cases)
        for (const std::string& sql : group.statements)
            CHECK_MESSAGE(ruleOf(sql) == group.rule, sql);
}

TEST_CASE("guard: a dot that may be a call is judged as one") {
    // PostgreSQL runs each of these: value.f is f(value).
    for (const char* sql : {"select ('/etc/hostname'::text).pg_read_file",
                            "select $1.pg_read_file",
                            "select (a[1]).pg_sleep from t",
                            "select (array['/etc/hostname'::text])[1].pg_read_file",
                            "select (pg_backend_pid()).pg_terminate_backend",
                            "select (select '.'::text).pg_ls_dir",
                            "select (4713::bigint).pg_advisory_lock",
                            "select (t.a).pg_sleep from t",
                            "select v.pg_read_file from unnest(array['/etc/hostname']) v",
                            "select v.pg_read_file from unnest(array['/etc/hostname']) with ordinality v",
                            "select unnest.pg_read_file from unnest(array['/etc/hostname'])",
                            "select pg_read_file.pg_read_file from unnest(array['x']) as pg_read_file(a)",
                            "select x from generate_series(1, 2) g(x) where g.pg_sleep is null",
                            "select v.pg_sleep from greatest(1, 2) v",
                            "select \"coalesce\".pg_sleep from coalesce(1, 2)",
                            "select v.pg_sleep from t, lateral abs(t.a) v",
                            "select (select v.pg_sleep) from abs(1) v",
                            "select (xpath('/a', x)).pg_read_file from t",
                            "select v.pg_sleep from rows from (abs(1)) v",
                            "select 1 from (select 1 from abs(1) v(pg_sleep)) s, abs(1) v where v.pg_sleep is null"}) {
        auto read = classify(sql, Policy{});
        REQUIRE_MESSAGE(!read, sql);
        CHECK_MESSAGE(read.error().rule == "function-unsafe", sql);
        CHECK_MESSAGE(!classifyWrite(sql, Policy{}), sql);
    }
    // Not PostgreSQL's own, so it may be anybody's.
    for (const char* sql : {"select ('http://x'::text).http_get", "select (d).e from t",
                            "select v.http_get from abs(1) v", "select v.b from abs(1) v(a)"}) {
        auto read = classify(sql, Policy{});
        REQUIRE_MESSAGE(!read, sql);
        CHECK_MESSAGE(read.error().rule == "attribute-not-allowed", sql);
    }
    CHECK(classify("select (d).e from t", opened({"e"})));
    CHECK(classify("select (current_date).date_part, (x).upper", Policy{})->functions.size() == 2);
    for (const char* sql :
         {"select t.pg_sleep, t.anything from t", "select s.pg_sleep from (select 1 as pg_sleep) s",
          "select e.key, e.value from jsonb_each('{}') e", "select g.g, g from generate_series(1, 2) g",
          "select v.a, v.b from f2(1) v(a, b)", "select r.a from json_to_record('{}') as r(a int)",
          "select u.x, u.n from unnest(array[1]) with ordinality u(x, n)", "select (jsonb_each(j)).value from t",
          "select generate_series.generate_series from generate_series(1, 2)", "select (t.d).* from t"}) {
        auto read = classify(sql, opened({"f2"}));
        CHECK_MESSAGE(read, sql);
    }
}

TEST_CASE("guard: a refusal says where and what to do next") {
    auto refused = classify("select 'é', pg_sleep(1)", Policy{});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::refused);
    CHECK(refused.error().position == 13);  // characters, not bytes
    CHECK(refused.error().message == "this built-in function does more than read rows: pg_sleep");
    CHECK(refused.error().hint.find("guard.functions_allowed") != std::string::npos);

    auto syntax = classify("select 'é' from from", Policy{});
    REQUIRE_FALSE(syntax);
    CHECK(syntax.error().position == 17);
    CHECK(syntax.error().sqlstate == "42601");

    CHECK(classify("/* x */ delete from t", Policy{}).error().position == 9);
}

TEST_CASE("guard: the operator opens functions and operators by the name as written") {
    const Policy policy = opened({"similarity", "geo.*", "st_*", "pg_sleep"}, {"<=>", "public.<->"});
    for (const std::string sql : {"select similarity(a, b)", "select geo.f(1)", "select st_area(g)",
                                  "select pg_sleep(1)", "select a <=> b", "select a operator(public.<->) b"})
        CHECK_MESSAGE(ruleOf(sql, policy) == "allowed", sql);
    for (const std::string sql : {"select public.similarity(a, b)", "select similarity2(a)", "select f(1)"})
        CHECK_MESSAGE(ruleOf(sql, policy) == "function-not-allowed", sql);
    CHECK(ruleOf("select pg_catalog.pg_sleep(1)", policy) == "function-unsafe");
    CHECK(ruleOf("select set_config('a', 'b', true)", opened({"set_*"})) == "function-unsafe");
    CHECK(ruleOf("select a operator(other.<=>) b", policy) == "operator-not-allowed");
}

TEST_CASE("guard: a policy entry that would open everything is a configuration error") {
    for (const std::string pattern : {"", "*", "*.f", "pg_catalog.*", "pg_*", "a*b"})
        CHECK_MESSAGE(!Policy::make({pattern}, {}, {}, 1), pattern);
    CHECK_FALSE(Policy::make({}, {""}, {}, 1));
    CHECK_FALSE(Policy::make({}, {}, {.text_bytes_max = 65537}, 1));
    CHECK_FALSE(Policy::make({}, {}, {.tokens_max = 0}, 1));
    CHECK(Policy::make({"st_*"}, {"<=>"}, {.text_bytes_max = 65536, .tokens_max = 20'000}, 1));
}

TEST_CASE("guard: facts say what the statement touches") {
    auto facts = classify(
        "with w as (select 1) select count(*), $2::shop.mood, random() from w, shop.orders o join customers on a + $1 "
        "= b "
        "where pg_catalog.lower(c) = 'x';",
        Policy{});
    REQUIRE(facts);
    CHECK(facts->kind == Kind::select);
    CHECK(facts->read_only);
    CHECK(facts->wrappable);
    CHECK(facts->has_volatile);
    CHECK_FALSE(facts->reads_catalog);
    CHECK(facts->parameters == 2);
    CHECK(facts->tables ==
          std::vector<TableUse>{{{"", "w"}, true}, {{"shop", "orders"}, false}, {{"", "customers"}, false}});
    CHECK(facts->functions == std::vector<ObjectName>{{"", "count"}, {"", "random"}, {"pg_catalog", "lower"}});
    CHECK(facts->operators == std::vector<ObjectName>{{"", "="}, {"", "+"}});
    CHECK(facts->types == std::vector<ObjectName>{{"shop", "mood"}});
}

TEST_CASE("guard: facts tell kinds, wrapping, volatility and catalog reads apart") {
    auto facts = [](const std::string& sql) {
        auto found = classify(sql, Policy{});
        REQUIRE_MESSAGE(found, sql);
        return *found;
    };
    CHECK(facts("values (1)").kind == Kind::values);
    CHECK(facts("values (1)").wrappable);
    CHECK(facts("table t").kind == Kind::select);
    CHECK(facts("show all").kind == Kind::show);
    CHECK_FALSE(facts("show all").wrappable);
    CHECK(facts("explain select 1").kind == Kind::explain);
    CHECK_FALSE(facts("explain select 1").wrappable);
    for (const char* sql : {"select 1", "table t", "values (1)", "select 1 offset 2", "(select 1 order by 1)",
                            "(select 1 limit 2) union select 2", "select (select 1 limit 1)"}) {
        CHECK_MESSAGE(facts(sql).unlimited, sql);
    }
    for (const char* sql :
         {"select 1 limit 2", "(select 1 limit 2)", "select 1 limit all", "select 1 limit null",
          "select 1 fetch first row only", "with a as (select 1) table a limit $1", "show all", "explain select 1"}) {
        CHECK_FALSE_MESSAGE(facts(sql).unlimited, sql);
    }
    CHECK_FALSE(facts("select lower('A')").has_volatile);
    CHECK(facts("select * from t tablesample system (1)").has_volatile);
    CHECK(facts("select * from pg_class").reads_catalog);
    CHECK(facts("select * from information_schema.tables").reads_catalog);
}

TEST_CASE("guard: the body is the statement without what stands around it") {
    for (const auto& [sql, body] : std::vector<std::pair<std::string, std::string>>{
             {"select 1", "select 1"},
             {"  select 1 ;\n", "select 1"},
             {"/* a; */ select 'é' -- ; x", "select 'é'"},
             {";;(select 1);;", "(select 1)"},
             {"select 1 /* in */ + 2 /* out */", "select 1 /* in */ + 2"},
             {"select $$;$$;", "select $$;$$"},
         }) {
        auto facts = classify(sql, Policy{});
        REQUIRE_MESSAGE(facts, sql);
        CHECK(sql.substr(facts->body_begin, facts->body_end - facts->body_begin) == body);
    }
}

}  // namespace howdah::guard
