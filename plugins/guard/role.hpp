// What the role a database is entered with could do if a statement ever passed the guard, and the SQL of a role that
// could do nothing.
//
// Threads: any; ask() and reportRole() query.
// Source:  PostgreSQL manual, "Predefined Roles", "Privileges".
#pragma once

#include <string>
#include <string_view>

#include <howdah/call.hpp>
#include <howdah/statement.hpp>

namespace howdah::guard {

// Two roles are asked about: the one that acts, and the one that logged in, which the session can be again (a dsn with
// `-c role=`, ALTER ROLE ... SET role).

// [role, superuser, bypassrls]
inline constexpr Statement kRoleStatement{R"sql(
select case when session_user = current_user then current_user::text
            else pg_catalog.concat(current_user, ' (logged in as ', session_user, ')') end,
       pg_catalog.bool_or(r.rolsuper), pg_catalog.bool_or(r.rolbypassrls)
from pg_catalog.pg_roles r where r.rolname in (current_user, session_user))sql"};

// One row: see the columns' names.
inline constexpr Statement kPowersStatement{R"sql(
with who as (select r.* from pg_catalog.pg_roles r where r.rolname in (current_user, session_user))
select case when session_user = current_user then current_user::text
            else pg_catalog.concat(current_user, ' (logged in as ', session_user, ')') end as role,
       pg_catalog.current_database() as database, pg_catalog.bool_or(r.rolsuper) as superuser,
       pg_catalog.bool_or(r.rolbypassrls) as bypassrls, pg_catalog.bool_or(r.rolcreaterole) as createrole,
       pg_catalog.bool_or(r.rolcreatedb) as createdb, pg_catalog.bool_or(r.rolreplication) as replication,
       (select pg_catalog.string_agg(m.rolname, ', ' order by m.rolname) from pg_catalog.pg_roles m
        where (m.rolname ~ '^pg_' or m.rolsuper or m.rolbypassrls or m.rolcreaterole or m.rolreplication)
          and m.rolname not in ('pg_read_all_data', current_user, session_user)
          and exists (select from who w where pg_catalog.pg_has_role(w.oid, m.oid, 'member'))) as member_of,
       pg_catalog.bool_or(pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'TEMP')) as temporary,
       pg_catalog.bool_or(pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE'))
           as create_schema,
       (select pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' order by n.nspname)
        from pg_catalog.pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
          and exists (select from who w where pg_catalog.has_schema_privilege(w.oid, n.oid, 'CREATE'))) as create_in,
       (select pg_catalog.concat_ws(', ', pg_catalog.min(c.oid::pg_catalog.regclass::text),
                                    nullif(pg_catalog.count(*) - 1, 0) || ' more')
        from pg_catalog.pg_class c where c.relkind in ('r', 'p', 'v', 'f') and c.oid >= 16384
          and exists (select from who w
                      where pg_catalog.has_table_privilege(w.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
        having pg_catalog.count(*) > 0) as writes,
       (select pg_catalog.concat_ws(', ', pg_catalog.min(c.oid::pg_catalog.regclass::text),
                                    nullif(pg_catalog.count(*) - 1, 0) || ' more')
        from pg_catalog.pg_class c where c.oid >= 16384
          and case when c.relkind = 'S' then exists (
                select from who w where pg_catalog.has_sequence_privilege(w.oid, c.oid, 'USAGE, UPDATE')) end
        having pg_catalog.count(*) > 0) as sequences,
       (select pg_catalog.concat_ws(', ', pg_catalog.min(p.oid::pg_catalog.regprocedure::text),
                                    nullif(pg_catalog.count(*) - 1, 0) || ' more')
        from pg_catalog.pg_proc p where p.oid >= 16384 and p.prosecdef
          and exists (select from who w where pg_catalog.has_function_privilege(w.oid, p.oid, 'EXECUTE'))
        having pg_catalog.count(*) > 0) as security_definer,
       (select pg_catalog.concat_ws(', ', pg_catalog.min(p.oid::pg_catalog.regprocedure::text),
                                    nullif(pg_catalog.count(*) - 1, 0) || ' more')
        from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
        where p.oid >= 16384 and p.prokind <> 'a' and not l.lanpltrusted
          and exists (select from who w where pg_catalog.has_function_privilege(w.oid, p.oid, 'EXECUTE'))
          and not exists (select from pg_catalog.pg_depend d
                          where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid
                            and d.deptype = 'e')
        having pg_catalog.count(*) > 0) as untrusted_code,
       (select pg_catalog.string_agg(e.extname, ', ' order by e.extname) from pg_catalog.pg_extension e
        where e.extname in ('adminpack', 'dblink', 'file_fdw', 'lo', 'pageinspect', 'plpython3u', 'plperlu', 'postgres_fdw',
                            'xml2', 'tablefunc', 'pg_cron', 'http', 'pg_net')) as reach,
       (select pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' order by n.nspname)
        from pg_catalog.pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
          and pg_catalog.has_schema_privilege(n.oid, 'USAGE')) as schemas
from who r)sql"};

struct SessionRole {
    std::string name;
    bool privileged = false;  // a superuser, or passes row security; itself or whoever logged in

    static Result<SessionRole> ask(const Context& context, std::string_view database);
};

// Adds one check for the database to report["checks"]. `forced`: the operator allows a privileged role there.
Result<void> reportRole(const Context& context, std::string_view database, bool restricted, bool forced, Json& report);

// A privileged role on a restricted database.
Error privilegedRole(std::string_view database, std::string_view role);

}  // namespace howdah::guard
