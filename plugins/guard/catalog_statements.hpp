// What the guard asks a database about itself: constant texts, each answered from one MVCC snapshot, that every role
// may run on PostgreSQL 13 to 18.
//
// Only the user's objects are asked for (oid 16384 and above, also what a superuser put into pg_catalog): PostgreSQL's
// own are known by name. Each row is a JSON array of some $2 objects, so that the limit on rows does not act, and the
// key of the last of them: $1, with which the next page begins. By what comes behind a key, not by a count: no object
// is left out, whatever is created and dropped between two pages.
//
// Threads: constant data.
// Source:  PostgreSQL manual, "System Catalogs"; source, access/transam.h (FirstNormalObjectId).
#pragma once

#include <array>

#include <howdah/statement.hpp>

namespace howdah::guard {

// Names of PostgreSQL's own functions: code that is stored as a tree names them by number. [oid, name]
inline constexpr Statement kOwnFunctions{R"sql(
select pg_catalog.json_agg(pg_catalog.json_build_array(oid, name))::text, pg_catalog.max(key)::text
from (select p.oid::int8 as oid, p.proname as name, array[p.oid::int8] as key,
             pg_catalog.row_number() over (order by p.oid) / $2 as part
      from pg_catalog.pg_proc p where p.oid < 16384 and array[p.oid::int8] > $1::int8[]) f
group by part
order by part)sql"};

// [oid, name, may be in the search_path]: what this session sees, and every schema that a setting of this database or
// role names, because other connections may be older or younger than the setting. And ["", role].
inline constexpr Statement kSchemas{R"sql(
select objects, key
from (select 0::int8 as part, pg_catalog.json_build_array(
               pg_catalog.json_build_array(0, session_user, false))::text as objects, '{0}' as key
      where array[0]::int8[] > $1::int8[]
      union all
      select part, pg_catalog.json_agg(pg_catalog.json_build_array(oid, name, in_path))::text,
             pg_catalog.max(key)::text
      from (select n.oid::int8 as oid, n.nspname as name, array[n.oid::int8] as key,
                   n.nspname = any (pg_catalog.current_schemas(true)) or exists (
                     select from pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c
                     where s.setdatabase in (0, (select d.oid from pg_catalog.pg_database d
                                                 where d.datname = pg_catalog.current_database()))
                       and s.setrole in (0, (select r.oid from pg_catalog.pg_roles r where r.rolname = session_user))
                       and pg_catalog.lower(c) like 'search_path=%'
                       and pg_catalog.strpos(pg_catalog.lower(c), pg_catalog.lower(n.nspname)) > 0) as in_path,
                   pg_catalog.row_number() over (order by n.oid) / $2 + 1 as part
            from pg_catalog.pg_namespace n where array[n.oid::int8] > $1::int8[]) n
      group by part) o
order by part)sql"};

// [oid, schema, name, arguments, of them with a default, takes any number, kind, volatility, type of result, extension,
// owned by a superuser, what an aggregate calls, takes a row of any kind, makes a range of its bounds]. The last came
// with its range type and runs PostgreSQL's own code: nobody but a superuser makes functions of language internal (12)
// himself.
inline constexpr Statement kFunctions{R"sql(
select pg_catalog.json_agg(pg_catalog.json_build_array(oid, place, name, arguments, defaults, any_number, kind,
                                                       volatility, result, extension, by_superuser, calls,
                                                       takes_rows, makes_range))::text, pg_catalog.max(key)::text
from (select p.oid::int8 as oid, array[p.oid::int8] as key, p.pronamespace::int8 as place,
             p.proname as name, p.pronargs as arguments,
             p.pronargdefaults as defaults, p.provariadic <> 0 as any_number, p.prokind as kind,
             p.provolatile as volatility, case when p.prorettype >= 16384 then p.prorettype::int8 else 0 end as result,
             e.extname as extension, e.oid is not null and r.rolsuper as by_superuser,
             case when p.prokind = 'a' then (
               select array[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
                            a.aggminvtransfn, a.aggmfinalfn]::oid[]::int8[]
               from pg_catalog.pg_aggregate a where a.aggfnoid = p.oid) end as calls,
             p.pronargs > 0 and p.proargtypes[0] in ('record'::pg_catalog.regtype, '"any"'::pg_catalog.regtype,
               'anyelement'::pg_catalog.regtype, 'anynonarray'::pg_catalog.regtype,
               'anycompatible'::pg_catalog.regtype, 'anycompatiblenonarray'::pg_catalog.regtype) as takes_rows,
             p.prolang = 12 and p.prosrc in ('range_constructor2', 'range_constructor3', 'multirange_constructor0',
                                             'multirange_constructor1', 'multirange_constructor2') as makes_range,
             pg_catalog.row_number() over (order by p.oid) / $2 as part
      from pg_catalog.pg_proc p
      left join pg_catalog.pg_depend d
        on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid
           and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e'
      left join pg_catalog.pg_extension e on e.oid = d.refobjid
      left join pg_catalog.pg_roles r on r.oid = p.proowner
      where p.oid >= 16384 and p.prokind <> 'p' and array[p.oid::int8] > $1::int8[]) f
group by part
order by part)sql"};

// [oid, schema, name, function]
inline constexpr Statement kOperators{R"sql(
select pg_catalog.json_agg(pg_catalog.json_build_array(oid, place, name, calls))::text, pg_catalog.max(key)::text
from (select o.oid::int8 as oid, array[o.oid::int8] as key,
             o.oprnamespace::int8 as place, o.oprname as name, o.oprcode::oid::int8 as calls,
             pg_catalog.row_number() over (order by o.oid) / $2 as part
      from pg_catalog.pg_operator o where o.oid >= 16384 and array[o.oid::int8] > $1::int8[]) o
group by part
order by part)sql"};

// [source, target, function, any expression may use it unasked, name of the target, of arrays of it]
inline constexpr Statement kCasts{R"sql(
select pg_catalog.json_agg(pg_catalog.json_build_array(source, target, calls, implicit, name, array_name))::text,
       pg_catalog.max(key)::text
from (select array[c.oid::int8] as key, c.castsource::int8 as source,
             c.casttarget::int8 as target, c.castfunc::int8 as calls,
             c.castcontext = 'i' as implicit, t.typname as name, a.typname as array_name,
             pg_catalog.row_number() over (order by c.oid) / $2 as part
      from pg_catalog.pg_cast c
      join pg_catalog.pg_type t on t.oid = c.casttarget
      left join pg_catalog.pg_type a on a.oid = t.typarray
      where c.oid >= 16384 and c.castfunc <> 0 and array[c.oid::int8] > $1::int8[]) c
group by part
order by part)sql"};

// [oid, schema, name, type it is made of, relation whose row it is, what a range calls]
inline constexpr Statement kTypes{R"sql(
select pg_catalog.json_agg(pg_catalog.json_build_array(oid, place, name, base, relation, calls))::text,
       pg_catalog.max(key)::text
from (select t.oid::int8 as oid, array[t.oid::int8] as key, t.typnamespace::int8 as place, t.typname as name,
             case when t.typtype = 'd' then t.typbasetype when t.typelem <> 0 then t.typelem
                  when t.typtype = 'r' then g.rngsubtype
                  when t.typtype = 'm' then (
                    select m.rngtypid from pg_catalog.pg_range m
                    where pg_catalog.to_jsonb(m) ->> 'rngmultitypid' = t.oid::text)
                  else 0 end::int8 as base,
             t.typrelid::int8 as relation,
             case when t.typtype = 'r' then array[g.rngcanonical, g.rngsubdiff]::oid[]::int8[] end as calls,
             pg_catalog.row_number() over (order by t.oid) / $2 as part
      from pg_catalog.pg_type t left join pg_catalog.pg_range g on g.rngtypid = t.oid
      where t.oid >= 16384 and array[t.oid::int8] > $1::int8[]) t
group by part
order by part)sql"};

// [oid, schema, name, kind, row security is on, data lies outside of this database, type of its row]
inline constexpr Statement kRelations{R"sql(
with recursive outside(relation) as (
  select c.oid from pg_catalog.pg_class c where c.relkind = 'f'
  union select i.inhparent from outside o join pg_catalog.pg_inherits i on i.inhrelid = o.relation)
select pg_catalog.json_agg(pg_catalog.json_build_array(oid, place, name, kind, secured, is_outside, type))::text,
       pg_catalog.max(key)::text
from (select c.oid::int8 as oid, array[c.oid::int8] as key,
             c.relnamespace::int8 as place, c.relname as name, c.relkind as kind,
             c.relrowsecurity as secured, o.relation is not null as is_outside, c.reltype::int8 as type,
             pg_catalog.row_number() over (order by c.oid) / $2 as part
      from pg_catalog.pg_class c left join outside o on o.relation = c.oid
      where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
        and array[c.oid::int8] > $1::int8[]) c
group by part
order by part)sql"};

// [relation, name, type]: columns of the user's types, and those named like a function of one argument.
inline constexpr Statement kColumns{R"sql(
select pg_catalog.json_agg(pg_catalog.json_build_array(relation, name, type))::text, pg_catalog.max(key)::text
from (select a.attrelid::int8 as relation, array[a.attrelid::int8, a.attnum] as key, a.attname as name,
             a.atttypid::int8 as type,
             pg_catalog.row_number() over (order by a.attrelid, a.attnum) / $2 as part
      from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
      where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped
        and array[a.attrelid::int8, a.attnum] > $1::int8[]
        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
        and (a.atttypid >= 16384 or a.attname in (select p.proname from pg_catalog.pg_proc p
                                                  where p.oid >= 16384 and p.pronargs >= 1
                                                    and p.pronargs - p.pronargdefaults <= 1))) a
group by part
order by part)sql"};

// [kind, holder, functions of PostgreSQL's own it calls, the user's objects it uses, it reads the clock, the session, a
// system catalog or a sample, or makes a moment of a text]. Kinds: r a view, or a column that is generated when it is
// read; p a policy for reads; t a domain's check; d a type's default; f defaults of a function's arguments; w all that
// a write to a table runs (defaults, checks, policies of any sort), with the functions alone. What a tree of code uses
// of the user's is in pg_depend, or it could be dropped under it; PostgreSQL's own functions are not, so their numbers
// are read from the tree. A function's planner support is not run by who calls it.
inline constexpr Statement kCode{R"sql(
select objects, key from (
select 1 as half, part,
       pg_catalog.json_agg(pg_catalog.json_build_array(kind, holder, calls, uses, unsteady))::text as objects,
       pg_catalog.max(key)::text as key
from (select t.kind, t.holder::int8 as holder, t.key,
             array(select distinct pg_catalog.split_part(piece, ' ', 1)::int8
                   from pg_catalog.unnest(pg_catalog.string_to_array(
                          pg_catalog.replace(pg_catalog.replace(t.tree, ':aggfnoid ', ':funcid '),
                                             ':winfnoid ', ':funcid '), ':funcid ')) with ordinality as pieces(piece, number)
                   where number > 1 and pg_catalog.length(pg_catalog.split_part(piece, ' ', 1)) <= 5) as calls,
             array(select distinct d.refobjid::int8 from pg_catalog.pg_depend d
                   where d.classid = t.class and d.objid = t.code and d.refobjid >= 16384
                     and not (d.refobjid = t.holder and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
                     and not exists (select from pg_catalog.pg_proc s
                                     where t.kind = 'f' and s.oid = t.holder and s.prosupport = d.refobjid)
                     and d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass,
                                          'pg_catalog.pg_operator'::pg_catalog.regclass,
                                          'pg_catalog.pg_type'::pg_catalog.regclass,
                                          'pg_catalog.pg_class'::pg_catalog.regclass)) as uses,
             t.tree ~ '[{](SQLVALUEFUNCTION :op ([0-8]|14) |NEXTVALUEEXPR |TABLEFUNC |TABLESAMPLECLAUSE |JSONEXPR |COERCEVIAIO )'
               or exists (select from pg_catalog.unnest(pg_catalog.string_to_array(t.tree, ':relid '))
                                        with ordinality as pieces(piece, number)
                          where number > 1 and pg_catalog.split_part(piece, ' ', 1) <> '0'
                            and pg_catalog.length(pg_catalog.split_part(piece, ' ', 1)) <= 5
                            and pg_catalog.split_part(piece, ' ', 1)::int8 < 16384) as unsteady,
             pg_catalog.row_number() over (order by t.key) / $2 as part
      from (select *, array[1, pg_catalog.ascii(kind), code::int8, class::int8] as key
      from (select 'r' as kind, r.ev_class as holder, r.oid as code,
                   'pg_catalog.pg_rewrite'::pg_catalog.regclass as class, r.ev_action::text as tree
            from pg_catalog.pg_rewrite r where r.ev_type = '1' and r.oid >= 16384
            union all
            select 'p', p.polrelid, p.oid, 'pg_catalog.pg_policy'::pg_catalog.regclass, p.polqual::text
            from pg_catalog.pg_policy p where p.polcmd in ('r', '*') and p.polqual is not null
            union all
            select 'r', g.adrelid, g.oid, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, g.adbin::text
            from pg_catalog.pg_attrdef g
            join pg_catalog.pg_attribute a on a.attrelid = g.adrelid and a.attnum = g.adnum
            where a.attgenerated = 'v'
            union all
            select 't', k.contypid, k.oid, 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.conbin::text
            from pg_catalog.pg_constraint k
            where k.contypid <> 0 and k.oid >= 16384 and k.conbin is not null
            union all
            select 'd', y.oid, y.oid, 'pg_catalog.pg_type'::pg_catalog.regclass, y.typdefaultbin::text
            from pg_catalog.pg_type y where y.oid >= 16384 and y.typdefaultbin is not null
            union all
            select 'f', f.oid, f.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass, f.proargdefaults::text
            from pg_catalog.pg_proc f where f.oid >= 16384 and f.proargdefaults is not null) u) t
      where t.key > $1::int8[]) c
group by part
union all
select 2, part, pg_catalog.json_agg(pg_catalog.json_build_array('w', holder, calls, null, false))::text,
       pg_catalog.max(key)::text
from (select holder::int8, array[2, holder::int8] as key,
             pg_catalog.array_agg(distinct pg_catalog.split_part(piece, ' ', 1)::int8) as calls,
             pg_catalog.row_number() over (order by holder) / $2 as part
      from (select g.adrelid as holder, g.adbin::text as tree
            from pg_catalog.pg_attrdef g where g.adrelid >= 16384
            union all
            select k.conrelid, k.conbin::text
            from pg_catalog.pg_constraint k where k.contype = 'c' and k.conrelid >= 16384
            union all
            select p.polrelid, pg_catalog.concat(p.polqual::text, p.polwithcheck::text)
            from pg_catalog.pg_policy p) t,
           pg_catalog.unnest(pg_catalog.string_to_array(
             pg_catalog.replace(pg_catalog.replace(t.tree, ':aggfnoid ', ':funcid '), ':winfnoid ', ':funcid '),
             ':funcid ')) with ordinality as pieces(piece, number)
      where number > 1 and pg_catalog.length(pg_catalog.split_part(piece, ' ', 1)) <= 5
        and array[2, holder::int8] > $1::int8[]
      group by holder) c
group by part) c
order by half, part)sql"};

// [what, object, other object]: s one of PostgreSQL's own functions that is not IMMUTABLE, i a parent and its child,
// c a table and one whose foreign key passes its changes on, x a relation where writing runs a trigger or a rule, u a
// function or type and what its values pass through: a type of its arguments, or a VOLATILE function that reads or
// writes them as texts; w a table and what of the user's a write to it uses. What that does is followed through views,
// aggregates and types.
inline constexpr Statement kReach{R"sql(
select pg_catalog.json_agg(pg_catalog.json_build_array(what, relation, other))::text, pg_catalog.max(key)::text
from (select what, relation, other, key, pg_catalog.row_number() over (order by key) / $2 as part
      from (select what, relation::int8, other::int8,
                   array[pg_catalog.ascii(what), relation::int8, other::int8] as key
      from (select 's' as what, p.oid as relation, 0::pg_catalog.oid as other
            from pg_catalog.pg_proc p where p.oid < 16384 and p.provolatile <> 'i'
            union all
            select 'i', i.inhparent, i.inhrelid
            from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
            where c.relkind in ('r', 'p', 'f')
            union
            select 'c', k.confrelid, k.conrelid from pg_catalog.pg_constraint k
            where k.contype = 'f' and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))
            union
            select 'x', t.tgrelid, 0 from pg_catalog.pg_trigger t where not t.tgisinternal
            union
            select 'x', r.ev_class, 0 from pg_catalog.pg_rewrite r where r.oid >= 16384 and r.ev_type <> '1'
            union
            select 'u', p.oid, argument
            from pg_catalog.pg_proc p,
                 pg_catalog.unnest(coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[])) argument
            where p.oid >= 16384 and argument >= 16384
            union
            select 'u', t.oid, p.oid
            from pg_catalog.pg_type t
            join pg_catalog.pg_proc p
              on p.oid in (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout)
            where t.oid >= 16384 and p.oid >= 16384 and p.provolatile = 'v'
            union
            select 'w', coalesce(a.adrelid, k.conrelid, p.polrelid), d.refobjid
            from pg_catalog.pg_depend d
            left join pg_catalog.pg_attrdef a
              on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and a.oid = d.objid
            left join pg_catalog.pg_constraint k
              on d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and k.oid = d.objid and k.contype = 'c'
            left join pg_catalog.pg_policy p
              on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and p.oid = d.objid
            where d.refobjid >= 16384 and coalesce(a.adrelid, k.conrelid, p.polrelid) >= 16384
              and (d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass,
                                    'pg_catalog.pg_operator'::pg_catalog.regclass,
                                    'pg_catalog.pg_type'::pg_catalog.regclass)
                   or (d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> p.polrelid))) r) r
      where key > $1::int8[]) r
group by part
order by part)sql"};

// What all of the above depends on, as one short text: equal means unchanged. With $1 the transactions that the last
// answer saw: nobody can have changed anything if this statement sees the same, and then nothing is counted.
// [transactions, text or null]
inline constexpr Statement kProbe{R"sql(
select seen, case when seen is distinct from $1 then pg_catalog.concat_ws(' ',
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_namespace),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_proc where oid >= 16384),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_operator where oid >= 16384),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_cast where oid >= 16384),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_type where oid >= 16384),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_class where oid >= 16384 and relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_rewrite where oid >= 16384),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_policy),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_constraint where (contypid <> 0 or contype in ('c', 'f')) and oid >= 16384),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_trigger where not tgisinternal),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # inhrelid::int8)))
   from pg_catalog.pg_inherits),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_attrdef where oid >= 16384),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # oid::int8)))
   from pg_catalog.pg_extension),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((a.xmin::text::int8 << 32) # a.attrelid::int8)
                                           + a.attnum))
   from pg_catalog.pg_attribute a
   where a.attrelid >= 16384 and a.attnum > 0
     and (a.atttypid >= 16384 or a.attgenerated = 'v'
          or a.attname in (select p.proname from pg_catalog.pg_proc p
                           where p.oid >= 16384 and p.pronargs >= 1 and p.pronargs - p.pronargdefaults <= 1))),
  (select pg_catalog.concat(pg_catalog.count(*), ':',
                            pg_catalog.sum(pg_catalog.hashint8((xmin::text::int8 << 32) # setrole::int8)))
   from pg_catalog.pg_db_role_setting),
  (select pg_catalog.sum(pg_catalog.hashint8(oid::int8 * 4 + rolsuper::int * 2 + rolbypassrls::int))
   from pg_catalog.pg_roles where rolsuper or rolbypassrls),
  (select pg_catalog.string_agg(place, ',') from pg_catalog.unnest(pg_catalog.current_schemas(true)) place
   where place !~ '^pg_temp')) end
from (select pg_catalog.pg_current_snapshot()::text as seen) s)sql"};

inline constexpr std::array<Statement, 11> kCatalogStatements{
    kProbe, kOwnFunctions, kSchemas, kFunctions, kOperators, kCasts, kTypes, kRelations, kColumns, kCode, kReach};

}  // namespace howdah::guard
