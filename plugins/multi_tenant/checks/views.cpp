// Ways around row security: views and functions that run as their owner, and stored results.
#include <howdah/result.hpp>

#include "plugins/multi_tenant/checks/checks.hpp"

namespace howdah::multi_tenant {
namespace {

// Views a tenant's role may read, over tables with row security or with the tenants' column, at any depth.
constexpr Statement kViews{
    "with recursive " HOWDAH_TENANT_ROLES ", under (view, relation) as ("
    "select w.ev_class, d.refobjid from pg_catalog.pg_rewrite w join pg_catalog.pg_depend d "
    "on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid "
    "and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> w.ev_class and d.deptype = 'n' "
    "union select u.view, d.refobjid from under u join pg_catalog.pg_rewrite w on w.ev_class = u.relation "
    "join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid "
    "and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> w.ev_class and d.deptype = 'n') "
    "select " HOWDAH_FULL_NAME("n.nspname", "c.relname") " as name, c.relkind = 'm' as stored, "
    "coalesce((select pg_catalog.lower(said) in ('true', 'on', '1', 'yes') "
    "from pg_catalog.pg_options_to_table(c.reloptions) as option (called, said) where called = 'security_invoker'), false) as invoker, "
    "(select pg_catalog.min(" HOWDAH_FULL_NAME("bn.nspname", "b.relname") ") from under u "
    "join pg_catalog.pg_class b on b.oid = u.relation join pg_catalog.pg_namespace bn on bn.oid = b.relnamespace "
    "where u.view = c.oid and b.relkind in ('r', 'p') and (b.relrowsecurity or exists (select from "
    "pg_catalog.pg_attribute a where a.attrelid = b.oid and a.attname::pg_catalog.text = $4 and a.attnum > 0 "
    "and not a.attisdropped))) as over_table, "
    "o.rolsuper or o.rolbypassrls or exists (select from under u join pg_catalog.pg_class b on b.oid = u.relation "
    "where u.view = c.oid and b.relowner = c.relowner and not b.relforcerowsecurity) as owner_passes, "
    HOWDAH_IDENT("o.rolname") " as owner, " HOWDAH_GRANTEES("c.relacl") " as grantees "
    "from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "join pg_catalog.pg_roles o on o.oid = c.relowner "
    "where c.relkind in ('v', 'm') and " HOWDAH_USERS_SCHEMA("n") " and exists (select from tenant t "
    "where pg_catalog.has_schema_privilege(t.oid, n.oid, 'USAGE') "
    "and (pg_catalog.has_table_privilege(t.oid, c.oid, 'SELECT') "
    "or pg_catalog.has_any_column_privilege(t.oid, c.oid, 'SELECT'))) order by 1"};

constexpr Statement kFunctions{
    "with " HOWDAH_TENANT_ROLES " select p.oid::pg_catalog.regprocedure::pg_catalog.text as name, "
    HOWDAH_IDENT("o.rolname") " as owner, o.rolsuper or o.rolbypassrls as owner_passes, "
    HOWDAH_GRANTEES("coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))") " as grantees "
    "from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace "
    "join pg_catalog.pg_roles o on o.oid = p.proowner "
    "where p.prosecdef and p.oid >= 16384 and " HOWDAH_USERS_SCHEMA("n") " and $4::pg_catalog.text is not null "
    "and exists (select from tenant t where pg_catalog.has_schema_privilege(t.oid, n.oid, 'USAGE') "
    "and pg_catalog.has_function_privilege(t.oid, p.oid, 'EXECUTE')) order by 1"};

void judgeView(const Rows& row, const CheckInput& input, Findings& findings) {
    if (row.isNull(3)) return;  // over nothing that is a tenant's
    const std::string name(row.text(0)), table(row.text(3)), owner(row.text(5));
    const std::string withdrawn = concat("revoke all on ", name, " from ", row.text(6), ";");
    if (row.boolean(1))
        return findings.add(Severity::critical, "stored-view", name,
                            concat("a materialized view over ", table, " keeps the rows its owner ", owner,
                                   " saw, and row security does not reach it"),
                            withdrawn);
    if (row.boolean(2)) return;
    const bool passes = row.boolean(4);
    const std::string what =
        concat("it reads ", table, " as its owner ", owner,
               passes ? ", for whom row security does not hold" : ", so policies for roles are asked about him");
    // Before 15 a view always reads as its owner, which is harm only where the answer depends on the role.
    const Severity severity = passes                                ? Severity::critical
                              : input.config.model == Model::shared ? Severity::notice
                                                                    : Severity::warning;
    const std::string invoking = concat("alter view ", name, " set (security_invoker = true);");
    findings.add(severity, "view-as-owner", name, what,
                 input.major() >= 15            ? invoking
                 : severity == Severity::notice ? std::string()
                                                : withdrawn);
}

void judgeFunction(const Rows& row, const CheckInput&, Findings& findings) {
    const std::string name(row.text(0));
    findings.add(row.boolean(2) ? Severity::critical : Severity::warning, "security-definer", name,
                 concat("a tenant's role may run it as its owner ", row.text(1),
                        row.boolean(2) ? ", for whom row security does not hold" : ""),
                 concat("revoke execute on function ", name, " from ", row.text(3), ";"));
}

constexpr Check::Source kViewSources[]{{0, &kViews}};
constexpr Check::Source kFunctionSources[]{{0, &kFunctions}};

}  // namespace

const Check kViewsCheck{"views", kViewSources, {Model::shared, Model::role, Model::schema}, &judgeView};
const Check kFunctionsCheck{"functions", kFunctionSources, {Model::shared, Model::role, Model::schema}, &judgeFunction};

}  // namespace howdah::multi_tenant
