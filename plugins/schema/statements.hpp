// What list_tables and describe_table ask the catalogs. Constant texts with bound parameters; every catalog, function
// and type is named with its schema, so that no search_path can put something else in their place.
//
// For PostgreSQL 13 to 18: members that came later are not used. to_json(name) instead of casts keeps texts exact.
//
// Source: PostgreSQL manual, part "System Catalogs".
#pragma once

#include <howdah/statement.hpp>

namespace howdah::schema {

// $1 schema or null, $2 LIKE pattern or null, $3 limit, $4 offset, $5 detail: 0 names, 1 summary, 2 full
// $6 columns of one table at most, $7 characters of a comment at most.
// Partitions are folded into their table: counted, their rows and bytes added up.
// The columns come as the text of a column definition, which a model reads as it would read DDL.
// Namespaces, and the trees of partitioned tables, are asked for apart: that keeps the planner's estimate true for
// thousands of tables (no loop over both catalogs, and below the cost where the server would start to compile the
// plan). Asking for the size of a table waits for whoever holds it exclusively: what is locked so (a migration at work)
// shows none.
inline constexpr Statement kListTables{R"sql(
with recursive spaces as materialized (
    select n.oid, n.nspname
    from pg_catalog.pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and pg_catalog.has_schema_privilege(n.oid, 'usage')
      and ($1::pg_catalog.text is null or n.nspname::pg_catalog.text = $1)
), locked as materialized (
    select coalesce(i.indrelid, k.relation) as oid
    from pg_catalog.pg_locks k
    left join pg_catalog.pg_index i on i.indexrelid = k.relation
    where k.locktype = 'relation' and k.mode = 'AccessExclusiveLock'
      and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
), listed as (
    select c.oid, c.relkind, c.relrowsecurity, c.reltuples, n.nspname, c.relname,
           c.reltuples > 0 or c.reltuples = 0 and (c.relpages > 0 or pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000) as counted,
           pg_catalog.count(*) over () as total,
           $2::pg_catalog.text is not null and c.relname::pg_catalog.text ilike $2 as by_name
    from pg_catalog.pg_class c
    join spaces n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
      and not c.relispartition
      and ($2::pg_catalog.text is null
           or c.relname::pg_catalog.text ilike $2
           or pg_catalog.concat(n.nspname, '.', c.relname) ilike $2
           or c.oid in (select d.objoid from pg_catalog.pg_description d
                        where d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.description ilike $2)
           or c.oid in (select a.attrelid from pg_catalog.pg_attribute a
                        where a.attnum > 0 and not a.attisdropped and a.attname::pg_catalog.text ilike $2))
    order by 9 desc, n.nspname, c.relname
    limit $3::pg_catalog.int8 offset $4::pg_catalog.int8
), tree as (
    select l.oid as root, i.inhrelid as oid
    from listed l
    join pg_catalog.pg_inherits i on i.inhparent = l.oid
    where l.relkind = 'p' and $5::pg_catalog.int4 > 0
    union all
    select t.root, i.inhrelid
    from tree t
    join pg_catalog.pg_inherits i on i.inhparent = t.oid
), parts as (
    select tree.root as oid, pg_catalog.count(*) filter (where part.relkind <> 'p') as partition_count,
           case when not pg_catalog.bool_or(part.oid in (select k.oid from locked k)) then
               pg_catalog.sum(case when part.oid not in (select k.oid from locked k) then pg_catalog.pg_total_relation_size(part.oid) end) end
               ::pg_catalog.int8 as bytes,
           (pg_catalog.sum(part.reltuples) filter (where part.relkind <> 'p' and part.reltuples >= 0))::pg_catalog.int8 as row_estimate
    from tree
    join pg_catalog.pg_class part on part.oid = tree.oid
    group by tree.root
)
select pg_catalog.concat(pg_catalog.quote_ident(l.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(l.relname::pg_catalog.text)) as name,
       case l.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                      when 'm' then 'materialized view' else 'foreign table' end as kind,
       l.total,
       case when $5::pg_catalog.int4 > 0 then
           (select case when pg_catalog.length(d.description) > $7::pg_catalog.int4
                        then pg_catalog.left(d.description, $7::pg_catalog.int4) || '…' else d.description end
            from pg_catalog.pg_description d
            where d.objoid = l.oid and d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objsubid = 0) end as comment,
       case when l.relkind = 'v' then null
            when l.relkind = 'p' then parts.row_estimate
            when l.counted then l.reltuples::pg_catalog.int8 end as row_estimate,
       case when l.relkind = 'p' then parts.bytes
            when l.relkind in ('r', 'm') and $5::pg_catalog.int4 > 0 and l.oid not in (select k.oid from locked k)
            then pg_catalog.pg_total_relation_size(l.oid) end as bytes,
       case when l.relkind = 'p' and $5::pg_catalog.int4 > 0 then coalesce(parts.partition_count, 0) end as partition_count,
       l.relrowsecurity as row_security,
       pg_catalog.has_any_column_privilege(l.oid, 'select') as readable,
       full_detail.columns, full_detail.column_count, full_detail.primary_key, full_detail.foreign_keys
from listed l
left join parts on parts.oid = l.oid
left join lateral (
    select (select pg_catalog.json_agg(pg_catalog.concat(pg_catalog.quote_ident(a.attname::pg_catalog.text), ' ',
                                       pg_catalog.format_type(a.atttypid, a.atttypmod),
                                       case when a.attnotnull then ' not null' end) order by a.attnum)
            from (select * from pg_catalog.pg_attribute
                  where attrelid = l.oid and attnum > 0 and not attisdropped
                  order by attnum limit $6::pg_catalog.int8) a) as columns,
           (select pg_catalog.count(*) from pg_catalog.pg_attribute
            where attrelid = l.oid and attnum > 0 and not attisdropped) as column_count,
           (select pg_catalog.json_agg(a.attname order by key.position)
            from pg_catalog.pg_constraint k
            cross join lateral pg_catalog.unnest(k.conkey) with ordinality as key (number, position)
            join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.number
            where k.conrelid = l.oid and k.contype = 'p') as primary_key,
           (select pg_catalog.json_agg(pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), '^FOREIGN KEY ', '') order by k.conname)
            from pg_catalog.pg_constraint k where k.conrelid = l.oid and k.contype = 'f') as foreign_keys
) full_detail on $5::pg_catalog.int4 = 2
order by l.by_name desc, l.nspname, l.relname
)sql"};

// $1 schema or null, $2 name exactly as written, $3 the same in lower case. The best match first: as written, then in
// lower case; without a schema those on the search_path first.
inline constexpr Statement kFindTable{R"sql(
select c.oid, n.nspname, c.relname,
       pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(c.relname::pg_catalog.text)) as name,
       c.relname::pg_catalog.text = $2::pg_catalog.text as exact, pg_catalog.pg_table_is_visible(c.oid) as visible
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and c.relname in ($2::pg_catalog.text::pg_catalog.name, $3::pg_catalog.text::pg_catalog.name)
  and pg_catalog.has_schema_privilege(n.oid, 'usage')
  and ($1::pg_catalog.text is null and (n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                                        or pg_catalog.pg_table_is_visible(c.oid))
       or n.nspname::pg_catalog.text in ($1::pg_catalog.text, pg_catalog.lower($1::pg_catalog.text)))
order by exact desc, visible desc, n.nspname
limit 20
)sql"};

// Names to compare a mistyped one with.
inline constexpr Statement kTableNames{R"sql(
select n.nspname, c.relname,
       pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(c.relname::pg_catalog.text)) as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not c.relispartition
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and pg_catalog.has_schema_privilege(n.oid, 'usage')
order by 1, 2
limit 5000
)sql"};

// $1 the table's oid, $2 entries of one list at most. One row; each list is JSON, null when empty.
inline constexpr Statement kDescribeTable{R"sql(
select case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                      when 'm' then 'materialized view' else 'foreign table' end as kind,
    pg_catalog.obj_description(c.oid, 'pg_class') as comment,
    case when c.relkind = 'p' then parts.row_estimate
         when c.relkind <> 'v' and (c.reltuples > 0 or c.reltuples = 0 and (c.relpages > 0 or pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000))
         then c.reltuples::pg_catalog.int8 end as row_estimate,
    case when c.relkind = 'p' then parts.bytes
         when c.relkind in ('r', 'm') then pg_catalog.pg_total_relation_size(c.oid) end as bytes,
    pg_catalog.has_any_column_privilege(c.oid, 'select') as readable,
    c.relrowsecurity as row_security, c.relforcerowsecurity as row_security_forced,
    pg_catalog.to_json(c.reloptions) as options,
    (select s.srvname from pg_catalog.pg_foreign_table f join pg_catalog.pg_foreign_server s on s.oid = f.ftserver
     where f.ftrelid = c.oid) as server,
    case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid, true) end as view_definition,
    (select pg_catalog.count(*) from pg_catalog.pg_attribute
     where attrelid = c.oid and attnum > 0 and not attisdropped) as column_count,
    (select pg_catalog.json_agg(pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
            'name', a.attname,
            'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
            'nullable', not a.attnotnull,
            'default', case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
            'generated', case when a.attgenerated <> '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
            'virtual', case when a.attgenerated = 'v' then true end,
            'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
            'domain', (select pg_catalog.concat(pg_catalog.format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then ' not null' end,
                                                (select pg_catalog.string_agg(' ' || pg_catalog.pg_get_constraintdef(k.oid, true), '' order by k.conname)
                                                 from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype = 'c'))
                       from pg_catalog.pg_type t where t.oid = a.atttypid and t.typtype = 'd'),
            'values', (select pg_catalog.json_agg(e.enumlabel order by e.enumsortorder)
                       from pg_catalog.pg_type t
                       join pg_catalog.pg_enum e on e.enumtypid in (t.oid, t.typelem, t.typbasetype)
                       where t.oid = a.atttypid),
            'comment', pg_catalog.col_description(a.attrelid, a.attnum))) order by a.attnum)
     from (select * from pg_catalog.pg_attribute
           where attrelid = c.oid and attnum > 0 and not attisdropped
           order by attnum limit $2::pg_catalog.int8) a
     left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum) as columns,
    (select pg_catalog.json_agg(a.attname order by key.position)
     from pg_catalog.pg_constraint k
     cross join lateral pg_catalog.unnest(k.conkey) with ordinality as key (number, position)
     join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.number
     where k.conrelid = c.oid and k.contype = 'p') as primary_key,
    (select pg_catalog.json_agg(pg_catalog.json_build_object('name', k.conname, 'definition', pg_catalog.pg_get_constraintdef(k.oid, true)) order by k.conname)
     from (select * from pg_catalog.pg_constraint
           where conrelid = c.oid and contype = 'f' order by conname limit $2::pg_catalog.int8) k) as foreign_keys,
    (select pg_catalog.json_agg(pg_catalog.json_build_object(
            'table', pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(r.relname::pg_catalog.text)),
            'definition', pg_catalog.pg_get_constraintdef(k.oid, true)) order by n.nspname, r.relname, k.conname)
     from (select * from pg_catalog.pg_constraint
           where confrelid = c.oid and contype = 'f' and conparentid = 0 order by oid limit $2::pg_catalog.int8) k
     join pg_catalog.pg_class r on r.oid = k.conrelid
     join pg_catalog.pg_namespace n on n.oid = r.relnamespace) as referenced_by,
    (select pg_catalog.json_agg(pg_catalog.json_build_object('name', k.conname, 'definition', pg_catalog.pg_get_constraintdef(k.oid, true)) order by k.conname)
     from (select * from pg_catalog.pg_constraint
           where conrelid = c.oid and contype in ('c', 'u', 'x') order by conname limit $2::pg_catalog.int8) k) as constraints,
    (select pg_catalog.json_agg(pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
            'definition', pg_catalog.pg_get_indexdef(i.indexrelid),
            'valid', case when not i.indisvalid then false end)) order by i.indexrelid)
     from (select * from pg_catalog.pg_index where indrelid = c.oid order by indexrelid limit $2::pg_catalog.int8) i) as indexes,
    (select pg_catalog.json_agg(pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
            'definition', pg_catalog.pg_get_triggerdef(t.oid, true),
            'enabled', case when t.tgenabled = 'D' then false end)) order by t.tgname)
     from (select * from pg_catalog.pg_trigger
           where tgrelid = c.oid and not tgisinternal order by tgname limit $2::pg_catalog.int8) t) as triggers,
    (select pg_catalog.json_agg(pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
            'name', p.polname,
            'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
            'restrictive', case when not p.polpermissive then true end,
            'roles', (select pg_catalog.json_agg(r.rolname order by r.rolname) from pg_catalog.pg_roles r where r.oid = any (p.polroles)),
            'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
            'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))) order by p.polname)
     from (select * from pg_catalog.pg_policy where polrelid = c.oid order by polname limit $2::pg_catalog.int8) p) as policies,
    case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end as partition_key,
    case when c.relispartition then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end as partition_bound,
    (select pg_catalog.json_agg(pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(p.relname::pg_catalog.text)) order by i.inhseqno)
     from pg_catalog.pg_inherits i
     join pg_catalog.pg_class p on p.oid = i.inhparent
     join pg_catalog.pg_namespace n on n.oid = p.relnamespace
     where i.inhrelid = c.oid) as parents,
    (select pg_catalog.count(*) from pg_catalog.pg_inherits i where i.inhparent = c.oid) as child_count,
    (select pg_catalog.json_agg(pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(p.relname::pg_catalog.text),
                                                  ' ' || pg_catalog.pg_get_expr(p.relpartbound, p.oid)) order by n.nspname, p.relname)
     from (select * from pg_catalog.pg_inherits where inhparent = c.oid order by inhrelid limit 10) i
     join pg_catalog.pg_class p on p.oid = i.inhrelid
     join pg_catalog.pg_namespace n on n.oid = p.relnamespace) as children
from pg_catalog.pg_class c
left join lateral (
    select pg_catalog.sum(pg_catalog.pg_total_relation_size(part.oid))::pg_catalog.int8 as bytes,
           (pg_catalog.sum(part.reltuples) filter (where tree.isleaf and part.reltuples >= 0))::pg_catalog.int8 as row_estimate
    from pg_catalog.pg_partition_tree(case when c.relkind = 'p' then c.oid end) tree
    join pg_catalog.pg_class part on part.oid = tree.relid
    where tree.level > 0
) parts on true
where c.oid = $1::pg_catalog.oid
)sql"};

}  // namespace howdah::schema
