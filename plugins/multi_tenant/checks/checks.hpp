// The checks of tenancy: what in a database lets one tenant reach what is another's, past what this plugin sets. Each
// is one constant statement about the catalogs, and a judgement of its rows. They see what the role of the dsn sees of
// the catalogs, which is all of them; they read no table.
//
// Tenants' roles are those the template of the configuration fits, and those listed for single tenants; without roles,
// the role of the dsn itself.
//
// Threads: constants; check() waits.
// Source:  PostgreSQL manual, "Row Security Policies", "CREATE VIEW" (security_invoker, from 15), "GRANT" (WITH
// INHERIT,
//          WITH SET, from 16), "Predefined Roles"; CVE-2024-10976, CVE-2024-10978.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <howdah/host.hpp>
#include <howdah/rows.hpp>
#include <howdah/statement.hpp>
#include <howdah/value.hpp>

#include "plugins/multi_tenant/checks/finding.hpp"
#include "plugins/multi_tenant/config.hpp"

namespace howdah::multi_tenant {

// What judges know beside their rows.
struct CheckInput {
    const Config& config;
    int server_version = 0;  // as in 150008
    std::string login;       // the role of the dsn
    int major() const { return server_version / 10000; }
};

struct Check {
    std::string_view name;
    // For servers from that version on, to the next.
    struct Source {
        int major_min;
        const Statement* statement;
    };
    std::span<const Source> sources;
    std::vector<Model> models;  // empty = all
    // Called for each row.
    void (*judge)(const Rows& row, const CheckInput& input, Findings& findings);
};

extern const Statement kServerStatement;
extern const Check kLoginCheck, kRolesCheck, kMembersCheck;  // roles.cpp
extern const Check kTablesCheck, kPoliciesCheck;             // tables.cpp
extern const Check kViewsCheck, kFunctionsCheck;             // views.cpp
extern const Check kSchemasCheck, kStatisticsCheck;          // schemas.cpp
extern const Statement kTenantsStatement;                    // schemas.cpp: [kind, name] of what may be a tenant's

std::span<const Check* const> allChecks();

// Runs one of the plugin's own statements.
Result<Rows> ask(const Context& context, std::string_view database, const Statement& statement,
                 const Values& parameters = {});

// Every check that fits the model, in one database. What cannot be asked becomes a reason.
Result<Findings> check(const Context& context, std::string_view database, const Config& config);

// $1, $2: beginning and end of the names of tenants' roles, $3: other names of theirs, one a line; none of them: the
// role of the dsn. The text that makes a table "tenant (oid, name)" of them.
#define HOWDAH_TENANT_ROLES                                                                               \
    "tenant as materialized (select r.oid, r.rolname as name from pg_catalog.pg_roles r "                 \
    "where case when $1::pg_catalog.text = '' and $3::pg_catalog.text = '' "                              \
    "then r.rolname = session_user "                                                                      \
    "else ($1::pg_catalog.text <> '' and pg_catalog.starts_with(r.rolname::pg_catalog.text, $1) "         \
    "and pg_catalog.right(r.rolname::pg_catalog.text, pg_catalog.length($2::pg_catalog.text)) = $2 "      \
    "and pg_catalog.length(r.rolname::pg_catalog.text) > pg_catalog.length($1) + pg_catalog.length($2)) " \
    "or r.rolname::pg_catalog.text = any (pg_catalog.string_to_array($3::pg_catalog.text, pg_catalog.chr(10))) end)"
// Names as they stand in SQL.
#define HOWDAH_IDENT(name) "pg_catalog.quote_ident(" name "::pg_catalog.text)"
#define HOWDAH_FULL_NAME(schema, name) "pg_catalog.concat(" HOWDAH_IDENT(schema) ", '.', " HOWDAH_IDENT(name) ")"
// Whom a right must be taken from so that no tenant's role has it: the roles of the list that it has it by.
#define HOWDAH_GRANTEES(acl) \
    "(select pg_catalog.string_agg(distinct case when grantee = 0 then 'public' else " HOWDAH_IDENT("g.rolname") " end, " \
    "', ') from pg_catalog.aclexplode(" acl ") as entry (grantor, grantee, privilege, grantable) "                     \
    "left join pg_catalog.pg_roles g on g.oid = grantee where grantee = 0 "                                            \
    "or exists (select from tenant t where pg_catalog.pg_has_role(t.oid, grantee, 'USAGE')))"
#define HOWDAH_USERS_SCHEMA(n) n ".nspname !~ '^pg_' and " n ".nspname <> 'information_schema'"

}  // namespace howdah::multi_tenant
