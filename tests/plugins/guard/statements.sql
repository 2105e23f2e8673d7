-- Statements of every kind that PostgreSQL 15's grammar knows, one a line: tree_view_test compares what the guard sees of
-- them with libpg_query's JSON. They need not make sense to a database.
select 1
select -1, - 5, +7, -0, -2147483648, 2147483647, 2147483648, -9223372036854775808, 1.5, -1.5, .5, 1e10, 'x', E'a\nb\\\'', U&'\0061\00e9', U&'d!0061' uescape '!', $$a"b$$, b'101', x'1F', B'', true, false, null, N'n', 'ä€😀', E'\t\x01\x7f', ''
select true is true, a is not true, a is false, a is not false, a is unknown, a is not unknown, a is null, a isnull, a is not null, a notnull from t
select a and b or not c, (a and b) and c, a or (b or c), not not a from t
select a.*, b.c.*, s.t.c, d.s.t.c, t from a, only b, c *, s.t, d.s.t as x, "Quoted ""Name""" "Alias"
select a + b, a operator(pg_catalog.+) b, @ a, a <-> b, a <> b, a != b, a <= b, -a, +a, a operator(s.!!) b, | a, a % b, a ^ b from t
select a in (1, 2), a not in (1, 2), a in (select 1), a not in (select 1), a between 1 and 2, a not between 1 and 2, a between symmetric 1 and 2, a not between symmetric 2 and 1
select a like 'x', a not like 'x', a like 'x' escape '!', a not like 'x' escape '!', a ilike 'x', a not ilike 'x', a ilike 'x' escape '!', a similar to 'x', a not similar to 'x', a similar to 'x' escape '!', a like any (array['x']), a not ilike all (array['x'])
select a = any (array[1, 2]), a = all (select 1), a <> some (select 2), a operator(s.=) any (x), exists (select 1), (select 1), array(select 1), (1, 2) = (select 1, 2), (a, b) < any (select 1, 2), row(1, 2) in (select 1, 2)
select a is distinct from b, a is not distinct from b, nullif(a, b), a is document, a is not document, a is normalized, a is nfc normalized, a is not nfd normalized
select array[1, 2], array[[1, 2], [3, 4]], array[]::int[], a[1], a[1:2], a[:], a[1:], a[:2], (a).b, (a).*, (f(x)).y[1].z, (a[1]).b.c, $1[2], $1.f, ($1).*, (select a).b
select case when a then b end, case a when 1 then 2 when 3 then 4 else 5 end, coalesce(a, b), greatest(a, b), least(a, b), grouping(a, b) from t group by a
select row(), row(1), row(a, b), (a, b), row(t.*) from t
select a::int, cast(a as int), a::numeric(10, 2), a::varchar(5)[], a::int[3][], int '1', interval '1' day, interval '1 2' day to second(3), interval(3) '1', a::interval year to month, a::timestamp(3) with time zone, a::time with time zone, a::time(2), a::timestamp without time zone, a::bit(3), a::bit varying(5), a::char, a::character varying, a::nchar(3), a::national character varying(3), a::s.t, a::"char", a::float(3), a::float, a::double precision, a::dec(3, 1), a::boolean, date '2020-01-01', s.t '1', a::setof int, a::int array[3], a::int array
select current_date, current_time, current_time(2), current_timestamp, current_timestamp(3), localtime, localtime(1), localtimestamp, localtimestamp(2), current_role, current_user, user, session_user, current_catalog, current_schema
select f(), f(*), f(a), f(distinct a), f(all a), f(a order by b), f(a order by b desc nulls last, c using <), f(variadic a), f(b, variadic a), f(x => 1, y := 2), s.f(a), d.s.f(a), f(a) filter (where b), f(a) within group (order by b), f(a) over (), f(a) over w, f(a) over (w order by b) from t window w as (partition by a), v as (w order by b)
select sum(a) over (partition by b order by c range between unbounded preceding and current row), sum(a) over (rows 3 preceding), sum(a) over (rows between 1 preceding and 2 following exclude current row), sum(a) over (groups between current row and unbounded following exclude ties), sum(a) over (order by x range between '1 day' preceding and '2 days' following exclude group), sum(a) over (rows unbounded preceding exclude no others) from t
select extract(year from a), overlay(a placing b from 1 for 2), position(a in b), substring(a from 1 for 2), substring(a from 1), substring(a for 2), substring(a similar b escape c), trim(a), trim(both from a), trim(leading 'x' from a), trim(trailing 'x' from a, b), a at time zone 'x', (a, b) overlaps (c, d), collation for (a), normalize(a), normalize(a, nfkc), treat(a as int)
select a collate "C", a collate s.c || b from t order by a collate "de_DE"
select xmlelement(name a), xmlelement(name a, xmlattributes(b as c, d), e, 'f'), xmlconcat(a, b), xmlforest(a as b, c), xmlparse(document a), xmlparse(content a preserve whitespace), xmlparse(document a strip whitespace), xmlpi(name a), xmlpi(name a, 'b'), xmlroot(a, version 'x'), xmlroot(a, version no value, standalone yes), xmlroot(a, version 'x', standalone no value), xmlserialize(content a as text), xmlserialize(document a as varchar(3)), xmlexists('x' passing a), xmlexists('x' passing by ref a by ref)
select distinct a from t
select distinct on (a, b) a from t order by a, b desc, c asc nulls first, d nulls last, e using operator(s.<)
select all a from t limit 1 offset 2
select a from t limit all
select a from t limit null offset 1 rows
select a from t fetch first row only
select a from t order by 1 fetch first 3 rows with ties
select a from t offset 2 fetch next (1 + 1) rows only
select a from t group by a, (b, c), (), rollup (a, b), cube (a, (b, c)), grouping sets ((a), (), rollup (b), grouping sets ((c)))
select a from t group by distinct a, b having count(*) > 1
select a from t group by all a
select a as b, a c, a "D", a as select from t
select
select from t where a
table t
table only s.t
values (1, 'a'), (2, default), (3, null)
values (1) order by 1 limit 1
values (1) union values (2)
select 1 union select 2 union all select 3 intersect select 4 intersect all select 5 except select 6 except all select 7
(select 1 order by 1 limit 1) union (select 2 for update) order by 1
((((select 1))))
(with a as (select 1) select * from a) union all (table b)
select 1 into t
select 1 into temp table t from x
select a into unlogged s.t from x
select 1 into temporary t
select * from a join b on a.x = b.x
select * from a inner join b using (x, y)
select * from a join b using (x) as j
select * from a natural join b natural left join c
select * from a left outer join b on true right join c on false full outer join d using (e) cross join f
select * from (a join b using (x)) as j (p, q), (c cross join d)
select * from (select 1) as q, (select 2) as r (a, b), lateral (select 3) as s, (values (1, 2)) as v (c, d)
select * from (select 1) q
select * from f(), f(1) as g, f(1) as g (a, b), f(1) as g (a int, b text collate "C"), f(1) as (a int, b s.t[]), lateral f(a) as h, f(1) with ordinality as o (a, n)
select * from rows from (f(1), g(2) as (a int, b text), h(3)) with ordinality as r (x), lateral rows from (f(1)), current_date as d, coalesce(a, b) c
select * from t tablesample system (1), t as x tablesample s.bernoulli (1, 2) repeatable (3)
select * from t as x (a, b), only (s.t) as y
select * from xmltable('/a' passing x columns a int path 'b' default 1 not null, n for ordinality, c text null)
select * from xmltable(xmlnamespaces('u' as p, default 'd'), '/a' passing by ref x by ref columns a int) as t (q), lateral xmltable('/b' passing y columns c s.d[])
with a as (select 1), b (x, y) as (select 2), c as materialized (select 3), d as not materialized (select 4) select * from a, b, c, d
with recursive r (n) as (select 1 union all select n + 1 from r) search depth first by n set o select * from r
with recursive r as (select 1 union select 2) search breadth first by a, b set o cycle a, b set c to 'y' default 'n' using p select 1
with recursive r as (select 1 union select 2) cycle a set c using p select 1
with a as (insert into t values (1) returning *), b as (update t set x = 1 returning x), c as (delete from t returning *) select 1
with a as (with b as (select 1) select * from b) select * from a
select * from t for update
select * from t for no key update of t, s nowait
select * from t for share of s.t skip locked for key share
select * from t for read only
select $1, $2::int, $1 + $3
select current_setting('a'), "current_user"(), pg_catalog.lower('A'), "Select"
select 1 where (a, b) = (1, 2) and (a, b) <= (c, d) and (a) = (b)
select (f(a))[1], (f(a)).b
select a at time zone 'utc' at time zone 'x', not a = b, - a ^ 2, a between b and c and d
select "a"."b"."c"."d", a.b[1].c[2:3].* from t
explain select 1
explain analyze select 1
explain verbose select 1
explain analyze verbose select 1
explain (analyze, verbose true, costs off, buffers on, format json, timing false, settings 1, wal, summary 'on') insert into t values (1)
explain create table t as select 1
explain execute p (1)
explain declare c cursor for select 1
explain refresh materialized view m
insert into t default values
insert into s.t as x (a, b.c, d[1]) values (1, default, 'x')
insert into t (a) overriding user value select 1
insert into t overriding system value values (1)
insert into t select 1 returning a, b as c, *
insert into t values (1) on conflict do nothing
insert into t values (1) on conflict (a, lower(b) collate "C" text_ops, (c + 1) s.ops desc) where d do update set a = excluded.a, (b, c) = (1, default), (d, e) = (select 1, 2) where t.a returning *
insert into t values (1) on conflict on constraint c do update set (a, b) = row(1, 2)
with a as (select 1) insert into t select * from a
insert into t (values (1)) 
insert into t table s
update t set a = 1
update only s.t as x set a = default, b.c[1] = 2, (d, e) = (3, 4), (f, g) = (select 5, 6) from u, v where x.a = u.a returning *, a + 1 as n
with a as (select 1) update t set a = 1 where current of c
delete from t
delete from only s.t as x using u, v where x.a = u.a returning *
with a as (select 1) delete from t where current of c
merge into t using s on t.a = s.a when matched then update set b = 1
with w as (select 1) merge into only s.t as x using (select 1) as y (b) on x.a = y.b when matched and x.c then delete when matched then do nothing when not matched and y.b then insert (a, b) overriding user value values (1, default) when not matched then insert default values
merge into t using s on true when not matched then do nothing when matched then update set (a, b) = (1, 2), c = default
merge into t using s on true when not matched then insert values (1, 2)
truncate t
truncate table only a, b *, s.c restart identity cascade
truncate t continue identity restrict
create table t ()
create table if not exists s.t (a int, b text not null default 'x' collate "C", c int null unique primary key check (c > 0) no inherit, d int references u, e int references s.u (x) match full on delete cascade on update set null deferrable initially deferred, f int generated always as identity (start 1 increment by 2 minvalue 3 no maxvalue cache 4 cycle), g int generated by default as identity, h int generated always as (a + 1) stored, i text compression pglz, j int constraint n not null, k int references u match simple on delete set default (k) on update restrict not deferrable initially immediate, l int unique nulls not distinct with (fillfactor = 10) using index tablespace ts)
create temp table t (a int) on commit drop
create temporary table t (a int) on commit delete rows
create local temp table t (a int) on commit preserve rows
create global temporary table t (a int)
create unlogged table t (a int, check (a > 0), constraint c check (b) not valid no inherit, unique (a, b) include (c), unique nulls not distinct (a), primary key (a) include (b) with (fillfactor = 10) using index tablespace ts deferrable, foreign key (a, b) references u (c, d) match simple on delete no action, foreign key (a) references s.u not valid, exclude using gist (a with =, (b + 1) with operator(s.&&), c s.ops desc nulls first with <>) include (d) with (x = 1) using index tablespace ts where (e) deferrable initially deferred, exclude (a with =))
create table t (like s.u, like v including all excluding comments including compression including constraints including defaults including generated including identity including indexes including statistics including storage)
create table t (a int) inherits (u, s.v) using heap with (fillfactor = 10, toast.autovacuum_enabled = false, oids = false, a, b = 'x', c = 1.5, d = heap, s.e = on) tablespace ts
create table t (a int) without oids
create table t partition of s.u for values in (1, 'a', null, x + 1)
create table t partition of u (a with options default 1, b not null, constraint c check (a)) for values from (1, minvalue, 'x') to (maxvalue, 2, 3) partition by range (a, lower(b) collate "C" s.ops, (c + 1))
create table t partition of u for values with (modulus 4, remainder 3) partition by hash (a text_ops)
create table t partition of u default partition by list (a)
create table t of s.ty (a primary key, b with options unique, check (a)) with (x)
create table if not exists t of ty
create table if not exists t partition of u default
create table t as select 1
create table if not exists s.t (a, b) using heap with (fillfactor = 10) on commit drop tablespace ts as select 1 with no data
create temp table t as values (1) with data
create unlogged table t as table u
create table t as execute p (1, 'x')
create table if not exists t as execute p with no data
create materialized view if not exists s.m (a) using heap with (x = 1) tablespace ts as select 1 with no data
create unlogged materialized view m as select 1
refresh materialized view concurrently s.m
refresh materialized view m with no data
create view v as select 1
create or replace temp view s.v (a, b) with (security_barrier, check_option = local) as select 1 with check option
create recursive view r (n) as select 1
create or replace temp recursive view r (n) with (a) as values (1)
create view v as select 1 with cascaded check option
create index on t (a)
create unique index concurrently if not exists i on only s.t using gist (a, lower(b), (c + 1) collate s."C" text_ops desc nulls last, d s.ops (x = 1, y) asc nulls first) include (e, f) nulls not distinct with (fillfactor = 10) tablespace ts where g
create index i on t using btree (a) nulls distinct
create sequence s
create temp sequence if not exists s.q as bigint increment by -2 minvalue -5 no maxvalue start with 3 cache 4 no cycle owned by t.a
create unlogged sequence q owned by none
alter sequence if exists s.q restart with 5 sequence name s.r maxvalue 1.5
alter sequence q restart
create schema s
create schema if not exists s authorization r
create schema authorization current_user create table t (a int) create view v as select 1 create index i on t (a) create sequence q grant select on t to r create trigger g before insert on t execute function f()
create function f() returns int language sql as 'select 1'
create or replace function s.f(a int, in b text = 'x', out c s.t, inout d int[] default 1, variadic e int[]) returns setof record language plpgsql as $$x$$ immutable strict security definer leakproof parallel safe cost 10 rows 20 support s.g set a to 'b' set c from current window
create function f(int, text) returns table (a int, b text) language c as 'obj', 'link' volatile called on null input external security invoker not leakproof transform for type int, for type s.t reset all stable returns null on null input
create function f() returns int return 1 + 2
create function f() returns int begin atomic select 1; insert into t values (1); return 3; end
create function f() returns t.a%type language sql as 'x'
create function f() returns setof s.t.a%type as 'x'
create procedure s.p(a int, inout b int) language sql as 'x' set a = default
create procedure p() begin atomic end
create function f() returns trigger language plpgsql as 'x'
alter function f(int, s.t) immutable strict cost 10 restrict
alter function f reset a set b to 'x' set c = default
alter procedure p(a int) security definer
alter routine r(out a int, variadic b int[]) leakproof
alter function f depends on extension e
alter procedure p() no depends on extension e
alter routine p() depends on extension e
alter trigger g on t depends on extension e
alter materialized view m depends on extension e
alter index i no depends on extension e
drop function f
drop function if exists f(int), s.g(a text, out int), h cascade
drop procedure p(int) restrict
drop routine r
drop aggregate a(int), s.b(*), c(order by int), d(int order by variadic text[])
drop operator +(int, int), s.-(none, int), @(int, none) cascade
call p(1, x => 2, variadic array[3])
call s.p()
do 'x'
do language plpgsql $$begin end$$
create aggregate s.a(int, b text) (sfunc = f, stype = int[], initcond = '0', x, y = none, finalfunc = s.g, sortop = operator(s.<))
create or replace aggregate a(*) (sfunc = f, stype = int)
create aggregate a(int order by text) (sfunc = f, stype = int, hypothetical)
create aggregate a(order by variadic x text[]) (sfunc = f)
create aggregate a (basetype = int, sfunc = f, stype = setof int)
create operator s.+ (leftarg = int, rightarg = int, procedure = f, commutator = +, negator = operator(s.-), hashes)
create operator @ (rightarg = int, function = s.f)
create type t
create type s.t (input = f, output = g, internallength = variable, like = int, alignment = double, default = 'x', x = 1.5, passedbyvalue)
create type t as (a int, b text collate "C")
create type t as ()
create type t as enum ('a', 'b')
create type t as enum ()
create type t as range (subtype = int, subtype_diff = f)
create text search parser s.p (start = f, gettoken = g)
create text search dictionary d (template = simple, stopwords = 'x')
create text search template t (lexize = f)
create text search configuration c (copy = s.d)
create collation c (locale = 'x', provider = icu, deterministic = false)
create collation if not exists s.c from "C"
create collation if not exists c (lc_collate = 'C')
create cast (int as text) with function f(int) as assignment
create cast (s.a as b) without function as implicit
create cast (a as b) with inout
drop cast if exists (a as s.b) cascade
create domain s.d as int collate "C" default 1 not null check (value > 0) constraint c null
alter domain d set default 1
alter domain d drop default
alter domain s.d set not null
alter domain d drop not null
alter domain d add constraint c check (value > 0) not valid
alter domain d drop constraint if exists c cascade
alter domain d validate constraint c
create rule r as on select to t do instead select 1
create or replace rule r as on insert to s.t where new.a > 1 do also (insert into u values (1); update v set a = 1;)
create rule r as on delete to t do nothing
create rule r as on update to t do instead notify x
create trigger g before insert or update of a, b or delete on s.t for each row when (new.a > old.a) execute function s.f('x', 1, y)
create or replace trigger g after truncate on t for each statement execute procedure f(1.5)
create constraint trigger g after update on t from s.u deferrable initially deferred for each row execute function f()
create trigger g after update on t referencing old table as o new table n for each statement execute function f()
create trigger g instead of delete on v for row execute function f(true, null)
create event trigger e on ddl_command_start when tag in ('a', 'b') and x in ('c') execute function f()
create event trigger e on sql_drop execute procedure s.f()
alter event trigger e disable
alter event trigger e enable replica
alter event trigger e enable always
alter event trigger e enable
create policy p on s.t as restrictive for select to public, current_user, r using (a) with check (b)
create policy p on t
alter policy p on s.t to session_user, current_role using (a) with check (b)
create role r with superuser nocreatedb login password 'x' connection limit 5 valid until 'y' in role a, b role c admin d encrypted password 'z' sysid 5 inherit
create user u password null
create group g user a, b in group c
alter role r nologin bypassrls
alter user current_user with password 'x' valid until 'y'
alter group g add user a, b
alter group g drop user c
alter role r set a to 'b', 'c', 1
alter role all in database d reset all
alter user r in database d set a from current
alter role session_user reset a
drop role if exists a, b
drop user u
drop group if exists g
grant select, insert (a, b), update on t, s.u to public, r with grant option granted by current_user
grant all privileges on all tables in schema s, u to r
grant usage on sequence q to r
grant select on all sequences in schema s to group g
grant execute on function f(int), s.g, h() to r
grant execute on procedure p(int) to r
grant execute on routine r to r
grant execute on all functions in schema s to r
grant execute on all procedures in schema s to r
grant execute on all routines in schema s to r
grant create, temp on database d to r
grant usage on foreign data wrapper w to r
grant usage on foreign server s to r
grant usage on language l to r
grant select on large object 1, 2 to r
grant create on schema s to r
grant create on tablespace ts to r
grant usage on domain s.d to r
grant usage on type t to r
grant set, alter system on parameter a.b, c to r
revoke grant option for select on t from r granted by session_user cascade
revoke all on schema s from public restrict
revoke a, b from c, d cascade
revoke admin option for a from b granted by c
grant a, b to c with admin option granted by d
grant a to public
alter default privileges for role a, b in schema s grant select on tables to r with grant option
alter default privileges revoke grant option for execute on functions from public cascade
alter default privileges for user a grant usage on sequences to r
alter default privileges grant usage on types to r
alter default privileges grant create on schemas to r
alter default privileges revoke all on routines from r
create tablespace ts owner current_user location '/x' with (a = 1)
drop tablespace if exists ts
alter tablespace ts set (a = 1, b)
alter tablespace ts reset (a)
alter table all in tablespace a owned by b, c set tablespace d nowait
alter index all in tablespace a set tablespace d
alter materialized view all in tablespace a owned by current_user set tablespace d
create database d with owner r encoding = 'x' template default connection limit 5 tablespace = ts is_template true locale 'C'
create database d
alter database d with connection limit 1
alter database d set tablespace ts
alter database d refresh collation version
alter database d set a to 'b'
alter database d reset all
drop database if exists d with (force)
drop database d
alter system set a = 'b'
alter system reset all
alter system set a to b, 1
alter collation s.c refresh version
create extension if not exists e with schema s version '1' cascade
create extension e
alter extension e update to '2'
alter extension e update
alter extension e add table s.t
alter extension e drop function f(int)
alter extension e add cast (a as b)
alter extension e add aggregate a(*)
alter extension e add operator +(int, int)
alter extension e add operator class s.c using btree
alter extension e add operator family f using btree
alter extension e add type t
alter extension e add domain d
alter extension e add language l
alter extension e add transform for t language l
alter extension e add access method m
alter extension e drop server x
alter extension e add schema s
alter extension e add procedure p(int)
alter extension e add routine r
alter extension e add text search parser p
alter extension e add event trigger x
drop extension if exists e, f cascade
create access method m type index handler s.f
create access method m type table handler f
create foreign data wrapper w handler f no validator options (a 'x', "B" 'y')
create foreign data wrapper w no handler validator s.v
alter foreign data wrapper w handler f options (add a 'x', set b 'y', drop c, d 'z')
alter foreign data wrapper w no handler
create server if not exists s type 'x' version 'y' foreign data wrapper w options (a 'b')
create server s foreign data wrapper w
alter server s version 'x' options (set a 'b')
alter server s version null
alter server s options (drop a)
create foreign table if not exists s.t (a int options (x 'y') not null, check (a)) inherits (u) server v options (a 'b')
create foreign table t partition of u for values in (1) server v
create foreign table if not exists t partition of u (a not null) default server v options (b 'c')
import foreign schema a from server s into b
import foreign schema a limit to (b, c) from server s into d options (e 'f')
import foreign schema a except (b) from server s into c
create user mapping for current_user server s options (a 'b')
create user mapping if not exists for public server s
alter user mapping for user server s options (set a 'b')
drop user mapping if exists for r server s
create operator class s.c default for type int using btree family s.f as operator 1 <, operator 2 s.<= (int, int) for search, operator 3 > (int, text) for order by s.f, function 1 f(int), function 2 (int, text) s.g(int), storage text
create operator class c for type s.t[] using gist as storage int
create operator family s.f using btree
alter operator family s.f using btree add operator 1 < (int, int), function 1 (int) f(int)
alter operator family f using btree drop operator 1 (int, int), function 1 (int)
drop operator class if exists s.c using btree cascade
drop operator family f using btree
create language l
create or replace trusted procedural language l handler s.f inline g validator h
create language l handler f no validator
drop procedural language if exists l cascade
create transform for s.t language l (from sql with function f(internal), to sql with function g(t))
create or replace transform for t language l (from sql with function f(int))
create transform for t language l (to sql with function f(int), from sql with function g)
drop transform if exists for t language l cascade
create default conversion s.c for 'a' to 'b' from s.f
create conversion c for 'a' to 'b' from f
create publication p
create publication p for all tables with (publish = 'x')
create publication p for table only s.t, u (a, b) where (c > 1), tables in schema s, current_schema, table v *
alter publication p add table t
alter publication p drop tables in schema s, u
alter publication p set table t (a), tables in schema current_schema
alter publication p set (a = b)
create subscription s connection 'x' publication a, b with (enabled = false)
alter subscription s connection 'x'
alter subscription s refresh publication with (copy_data)
alter subscription s set publication a, b
alter subscription s add publication a with (x)
alter subscription s drop publication a
alter subscription s enable
alter subscription s disable
alter subscription s set (a = 1)
alter subscription s skip (lsn = '0/0')
drop subscription if exists s cascade
create statistics s.x (ndistinct, mcv) on a, lower(b), (c + 1) from t
create statistics if not exists x on a, b from s.t, u
grant all (c) on t to r
alter statistics if exists s.x set statistics 5
alter statistics x set statistics -1
alter table t add a int
alter table if exists only s.t add column if not exists a int default 1 not null, alter a type text collate "C" using a::text, alter column b set default 1, alter b drop default, alter b set not null, alter b drop not null, alter b drop expression if exists, alter b set statistics 5, alter 3 set statistics -1, alter b set (x = 1), alter b reset (x), alter b set storage external, alter b set compression pglz, alter b set compression default, alter b add generated always as identity (start 1), alter b set generated by default set start 3 restart with 4 set cache 5, alter b set generated always restart, alter b drop identity if exists, drop column if exists c cascade, drop d restrict, alter e options (add a 'b', drop c)
alter table t add constraint c check (a) not valid, add constraint p primary key using index i deferrable, add unique using index i, alter constraint c deferrable initially deferred, validate constraint c, drop constraint if exists c cascade, add foreign key (a) references u
alter table t enable trigger g, enable always trigger g, enable replica trigger g, enable trigger all, enable trigger user, disable trigger g, disable trigger all, disable trigger user, enable rule r, enable always rule r, enable replica rule r, disable rule r
alter table t inherit s.u, no inherit v, of s.ty, not of, owner to current_user, set tablespace ts, set (x = 1), reset (y), set without oids, set without cluster, cluster on i, set logged, set unlogged, set access method m
alter table t replica identity full, replica identity default, replica identity nothing, replica identity using index i
alter table t enable row level security, disable row level security, force row level security, no force row level security, options (set a 'b')
alter table t attach partition s.p for values from (1) to (2)
alter table t attach partition p default
alter table t detach partition p concurrently
alter table t detach partition p finalize
alter index i attach partition s.j
alter index if exists i set (x = 1), reset (y), set tablespace ts, alter column 1 set statistics 5
alter view if exists v alter a set default 1, alter a drop default, owner to r, set (x = 1)
alter materialized view m cluster on i, set without cluster
alter sequence q owner to r, set logged
alter foreign table if exists t add a int options (x 'y'), drop b
alter type t add attribute a int collate "C" cascade, drop attribute if exists b restrict, alter attribute c type text cascade
alter type s.t add value if not exists 'a' before 'b'
alter type t add value 'a' after 'b'
alter type t add value 'a'
alter type t rename value 'a' to 'b'
alter type t set (receive = f, storage = none, x = 1)
alter operator s.+ (int, none) set (restrict = f, join = none)
alter text search dictionary s.d (a = 1, b)
alter text search configuration s.c add mapping for a, b with s.d, e
alter text search configuration c alter mapping for a with d
alter text search configuration c alter mapping replace a with s.b
alter text search configuration c alter mapping for x replace a with b
alter text search configuration c drop mapping if exists for a, b
alter table t rename to u
alter table if exists s.t rename column a to b
alter table t rename constraint a to b
alter view v rename to w
alter view v rename a to b
alter materialized view if exists m rename to n
alter materialized view m rename column a to b
alter index if exists i rename to j
alter sequence q rename to r
alter foreign table t rename to u
alter foreign table t rename a to b
alter type t rename to u
alter type t rename attribute a to b cascade
alter domain s.d rename to e
alter domain d rename constraint a to b
alter function f(int) rename to g
alter procedure p rename to q
alter routine r rename to s
alter aggregate a(int) rename to b
alter collation c rename to d
alter conversion s.c rename to d
alter database d rename to e
alter foreign data wrapper w rename to x
alter group g rename to h
alter language l rename to m
alter operator class c using btree rename to d
alter operator family s.f using btree rename to g
alter policy if exists p on t rename to q
alter publication p rename to q
alter rule r on s.t rename to q
alter role r rename to q
alter user u rename to v
alter schema s rename to u
alter server s rename to u
alter subscription s rename to u
alter statistics s rename to u
alter tablespace a rename to b
alter text search parser p rename to q
alter text search dictionary d rename to e
alter text search template t rename to u
alter text search configuration s.c rename to d
alter trigger g on t rename to h
alter event trigger e rename to f
alter aggregate a(*) set schema s
alter collation c set schema s
alter conversion c set schema s
alter domain d set schema s
alter extension e set schema s
alter function f(int) set schema s
alter operator +(int, int) set schema s
alter operator class c using btree set schema s
alter operator family f using btree set schema s
alter procedure p set schema s
alter routine r set schema s
alter table if exists t set schema s
alter statistics x set schema s
alter text search configuration c set schema s
alter text search dictionary d set schema s
alter text search parser p set schema s
alter text search template t set schema s
alter sequence if exists q set schema s
alter view v set schema s
alter materialized view m set schema s
alter foreign table if exists t set schema s
alter type t set schema s
alter aggregate a(int) owner to r
alter collation c owner to current_role
alter conversion c owner to r
alter database d owner to r
alter domain d owner to r
alter function f owner to r
alter language l owner to r
alter large object 5 owner to r
alter operator @(none, int) owner to r
alter operator class c using btree owner to r
alter operator family f using btree owner to r
alter procedure p owner to r
alter routine r owner to r
alter schema s owner to session_user
alter type t owner to r
alter tablespace ts owner to r
alter statistics x owner to r
alter text search dictionary d owner to r
alter text search configuration c owner to r
alter foreign data wrapper w owner to r
alter server s owner to r
alter event trigger e owner to r
alter publication p owner to r
alter subscription s owner to r
drop table if exists a, s.b cascade
drop view v restrict
drop materialized view if exists m
drop index i
drop index concurrently if exists s.i, j
drop sequence q
drop foreign table t
drop type if exists a, s.b cascade
drop domain d
drop schema if exists a, b cascade
drop collation c
drop conversion c
drop text search parser p
drop text search dictionary d
drop text search template t
drop text search configuration s.c
drop access method m
drop event trigger if exists e
drop foreign data wrapper w
drop publication p, q
drop server if exists s cascade
drop statistics s.x
drop policy if exists p on s.t
drop rule r on t cascade
drop trigger if exists g on t
drop owned by a, current_user cascade
reassign owned by a, session_user to b
comment on table s.t is 'x'
comment on column s.t.a is null
comment on function f(int) is 'x'
comment on aggregate a(*) is 'x'
comment on operator +(int, none) is 'x'
comment on constraint c on t is 'x'
comment on constraint c on domain s.d is 'x'
comment on policy p on t is 'x'
comment on rule r on t is 'x'
comment on trigger g on t is 'x'
comment on cast (a as b) is 'x'
comment on transform for t language l is 'x'
comment on operator class c using btree is 'x'
comment on operator family f using btree is 'x'
comment on large object 5 is 'x'
comment on type t is 'x'
comment on domain d is 'x'
comment on procedure p(int) is 'x'
comment on routine r is 'x'
comment on database d is 'x'
comment on role r is 'x'
comment on schema s is 'x'
comment on extension e is 'x'
comment on tablespace ts is 'x'
comment on text search parser p is 'x'
comment on index i is 'x'
comment on publication p is 'x'
comment on foreign data wrapper w is 'x'
security label on table t is 'x'
security label for a on column s.t.b is null
security label for 'p' on function f(int) is 'x'
security label on large object 5 is 'x'
security label on type t is 'x'
security label on domain d is 'x'
security label on aggregate a(int) is 'x'
security label on role r is 'x'
security label on procedure p is 'x'
copy t from stdin
copy s.t (a, b) to '/x' with (format csv, header, delimiter ',', force_quote (a, b), force_not_null *, null 'x', freeze true)
copy binary t from program 'x' using delimiters ',' with null as 'y' csv header quote as 'q' escape 'e' force not null a, b force null c freeze encoding 'z'
copy (select 1) to stdout
copy (insert into t values (1) returning *) to program 'x' csv force quote *
copy t from '/x' with (a 1, b 'c', d e) where f > 1
copy t to stdout with delimiter '|' binary
vacuum
vacuum full freeze verbose analyze t, s.u (a, b)
vacuum (full, analyze false, parallel 2, truncate off) t
analyze
analyze verbose s.t (a)
analyze (verbose, skip_locked) t, u
cluster
cluster verbose s.t using i
cluster (verbose) t
cluster verbose
cluster i on t
reindex index i
reindex (verbose, tablespace x) table concurrently s.t
reindex schema s
reindex system d
reindex database concurrently d
checkpoint
load 'x'
lock t
lock table only s.t, u in access share mode nowait
lock t in share row exclusive mode
begin
begin work isolation level serializable, read only, deferrable
begin transaction read write not deferrable
start transaction isolation level repeatable read
start transaction isolation level read uncommitted, isolation level read committed
commit and chain
commit
end transaction and no chain
rollback
rollback to savepoint a
rollback and chain
abort
savepoint a
release savepoint a
release a
prepare transaction 'x'
commit prepared 'x'
rollback prepared 'x'
set a to 'b'
set session a.b = 1, -2.5, 'x', on, true, default_text
set local a to default
set a from current
set time zone 'x'
set time zone local
set time zone interval '1' hour to minute
set time zone interval(3) '1'
set time zone -5.5
set transaction isolation level serializable, read only, not deferrable
set session characteristics as transaction read write
set transaction snapshot 'x'
set schema 'x'
set names 'x'
set names
set role r
set role none
set session authorization 'r'
set session authorization default
set xml option document
set xml option content
select a.b.c(1)
reset a
reset all
reset time zone
reset transaction isolation level
reset session authorization
show a.b
show all
show time zone
show transaction isolation level
show session authorization
set constraints all deferred
set constraints a, s.b immediate
discard all
discard temp
discard temporary
discard plans
discard sequences
listen a
unlisten a
unlisten *
notify a
notify a, 'x'
prepare p as select $1
prepare p (int, s.t[]) as insert into t values ($1)
execute p
execute p (1, a + 2)
deallocate p
deallocate prepare p
deallocate all
deallocate prepare all
declare c cursor for select 1
declare c binary insensitive no scroll cursor with hold for select 1 for update
declare c asensitive scroll cursor without hold for values (1)
fetch c
fetch next from c
fetch prior in c
fetch first c
fetch last c
fetch absolute -5 from c
fetch relative 3 c
fetch 5 c
fetch all c
fetch forward c
fetch forward 5 c
fetch forward all c
fetch backward c
fetch backward 5 from c
fetch backward all c
move 9 in c
move backward all from c
close c
close all
select 1; select 2;
select 1;; ; insert into t values (1); commit
/* c */ select /* d */ 1 -- e
select 1 /* unfinished
select
selec 1
select 'unfinished
select "unfinished
select (1
select 1 from where
select 𝒳
select $0
select 1 +
create table t (a int, primary key)
alter table t
grant select
