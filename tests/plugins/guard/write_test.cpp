#include <string>

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"

namespace howdah::guard {
namespace {

std::string outcome(const std::string& sql) {
    auto facts = classifyWrite(sql, Policy{});
    return facts ? std::string(name(facts->kind)) : facts.error().rule;
}

}  // namespace

TEST_CASE("guard write path: one DML or DDL statement passes and says its kind") {
    for (const auto& [sql, kind] : {
             std::pair{"insert into t values (1, default) on conflict (a) do update set a = 2 returning *", "insert"},
             {"with s as (delete from a returning *) insert into b select * from s", "insert"},
             {"update t set a = f(b), (c, d) = (1, 2) from u where t.i = u.i", "update"},
             {"delete from t using u where t.a = u.a", "delete"},
             {"merge into t using s on t.a = s.a when matched then delete when not matched then insert values (1)",
              "merge"},
             {"truncate t", "truncate"},
             {"select nextval('s') from t for update", "select"},
             {"select public.refresh_totals()", "select"},
             {"with d as (delete from t returning *) select * from d", "select"},
             {"explain analyze insert into t values (1)", "explain"},
             {"show search_path", "show"},
             {"create table t (a int primary key check (a > 0), b text default 'x')", "ddl"},
             {"create table t as select 1", "ddl"},
             {"create index concurrently on t (lower(a)) where b", "ddl"},
             {"create function f() returns int language sql as 'select 1'", "ddl"},
             {"create view v as select 1", "ddl"},
             {"alter table t add column b int, drop column c", "ddl"},
             {"alter table t rename to u", "ddl"},
             {"drop table if exists t cascade", "ddl"},
             {"grant select on t to r", "ddl"},
             {"comment on table t is 'x'", "ddl"},
             {"refresh materialized view v", "ddl"},
             {"create schema s create table t (a int)", "ddl"},
             {"create type m as enum ('a')", "ddl"},
             {"create policy p on t using (true)", "ddl"},
             {"select * into n from t", "select"},
             {"select pg_advisory_xact_lock(1)", "select"},
         })
        CHECK_MESSAGE(outcome(sql) == kind, sql);
}

TEST_CASE("guard write path: transactions, the session and the server stay out of reach") {
    for (const auto& [sql, rule] : {
             std::pair{"commit", "transaction-control"},
             {"begin", "transaction-control"},
             {"set search_path = x", "session-state"},
             {"set local role r", "session-state"},
             {"reset all", "session-state"},
             {"discard all", "session-state"},
             {"listen c", "session-state"},
             {"notify c", "session-state"},
             {"prepare p as insert into t values (1)", "session-state"},
             {"explain analyze execute p", "session-state"},
             {"declare c cursor for select 1", "session-state"},
             {"create rule r as on insert to t do also notify c", "session-state"},
             {"copy t from stdin", "copy"},
             {"copy (delete from t returning *) to program 'id'", "copy"},
             {"do $$ begin end $$", "anonymous-code"},
             {"call p()", "procedure-call"},
             {"load 'x'", "server-administration"},
             {"alter system set a = 1", "server-administration"},
             {"create role r", "server-administration"},
             {"alter role r rename to s", "server-administration"},
             {"alter database d rename to e", "server-administration"},
             {"alter database d owner to r", "server-administration"},
             {"grant create on database d to r", "server-administration"},
             {"drop server s", "server-administration"},
             {"create server s foreign data wrapper w", "server-administration"},
             {"vacuum", "server-administration"},
             {"lock table t", "table-lock"},
             {"create temp table t (a int)", "temporary-object"},
             {"create temp view v as select 1", "temporary-object"},
             {"create temp sequence s", "temporary-object"},
             {"select 1 into temp t", "temporary-object"},
             {"create function pg_temp.f() returns int language sql return 1", "temporary-object"},
             {"create table pg_temp.t (a int)", "temporary-object"},
             {"insert into pg_temp_3.t values (1)", "temporary-object"},
             {"create temp table t as select 1", "temporary-object"},
             {"insert into t select pg_read_file('x')", "function-unsafe"},
             {"update t set a = set_config('a', 'b', false)", "function-unsafe"},
             {"create table t (a text default pg_read_file('x'))", "function-unsafe"},
             {"delete from t where pg_advisory_lock(1) is null", "function-unsafe"},
             {"insert into t select rolpassword from pg_authid", "relation-secret"},
             {"update pg_authid set rolsuper = true", "relation-secret"},
             {"insert into t values (1); commit", "several-statements"},
             {"", "empty-statement"},
             {"insert", "syntax"},
         })
        CHECK_MESSAGE(outcome(sql) == rule, sql);
}

TEST_CASE("guard write path: nothing it lets through counts as a read") {
    for (const std::string sql : {"select 1", "insert into t values (1)", "explain select 1"}) {
        auto facts = classifyWrite(sql, Policy{});
        REQUIRE(facts);
        CHECK_FALSE(facts->read_only);
        CHECK_FALSE(facts->wrappable);
    }
}

}  // namespace howdah::guard
