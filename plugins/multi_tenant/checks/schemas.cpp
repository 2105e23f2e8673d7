// Schemas of tenants that others reach, and views that show one tenant what another does.
#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/checks/checks.hpp"

namespace howdah::multi_tenant {

// [kind, name]: roles and schemas whose names begin and end so. What a name means is told by the templates.
constexpr Statement kTenantsStatement{
    "select 'role' as kind, r.rolname::pg_catalog.text as name from pg_catalog.pg_roles r "
    "where pg_catalog.starts_with(r.rolname::pg_catalog.text, $1::pg_catalog.text) and $1 <> '' "
    "union all select 'schema', n.nspname::pg_catalog.text from pg_catalog.pg_namespace n "
    "where pg_catalog.starts_with(n.nspname::pg_catalog.text, $2::pg_catalog.text) and $2 <> '' order by 1, 2"};

namespace {

// Every schema of the user's that a tenant's role may use.
constexpr Statement kSchemas{
    "with " HOWDAH_TENANT_ROLES " select t.name::pg_catalog.text as role, n.nspname::pg_catalog.text as schema, "
    "pg_catalog.has_schema_privilege(t.oid, n.oid, 'CREATE') as creates, "
    "exists (select from pg_catalog.aclexplode(n.nspacl) as entry (grantor, grantee, privilege, grantable) "
    "where grantee = 0) as by_public "
    "from tenant t cross join pg_catalog.pg_namespace n where " HOWDAH_USERS_SCHEMA("n")
    " and pg_catalog.has_schema_privilege(t.oid, n.oid, 'USAGE, CREATE') and $4::pg_catalog.text is not null "
    "order by 1, 2"};

// Views of everybody's statements, where a tenant's role may read them unmasked.
constexpr Statement kStatistics{
    "with " HOWDAH_TENANT_ROLES " select " HOWDAH_FULL_NAME("n.nspname", "c.relname") " as name, "
    HOWDAH_GRANTEES("c.relacl") " as grantees "
    "from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "where c.relname = 'pg_stat_statements' and c.relkind = 'v' and $4::pg_catalog.text is not null "
    "and exists (select from tenant t where pg_catalog.has_table_privilege(t.oid, c.oid, 'SELECT')) order by 1"};

// The tenant a role or schema belongs to: by its own entry, else by the template.
template <typename Named>
std::string ownerOf(std::string_view name, const Config& config, const Named& named) {
    for (const auto& [tenant, entry] : config.tenants)
        if (named(entry, tenant, name)) return tenant;
    return {};
}

std::string tenantOfRole(std::string_view role, const Config& config) {
    std::string tenant =
        ownerOf(role, config, [](const TenantEntry& entry, const std::string& id, std::string_view name) {
            return entry.role && entry.role->of(id) == name;
        });
    if (!tenant.empty() || !config.role) return tenant;
    return std::string(config.role->tenantOf(role).value_or(""));
}

std::string tenantOfSchema(std::string_view schema, const Config& config) {
    std::string tenant =
        ownerOf(schema, config, [](const TenantEntry& entry, const std::string& id, std::string_view name) {
            return entry.search_path &&
                   std::ranges::any_of(*entry.search_path, [&](const NameTemplate& one) { return one.of(id) == name; });
        });
    for (const NameTemplate& one : config.search_path)
        if (tenant.empty()) tenant = one.tenantOf(schema).value_or("");
    return tenant;
}

void judgeSchema(const Rows& row, const CheckInput& input, Findings& findings) {
    const std::string role(row.text(0)), schema(row.text(1));
    const std::string of_schema = tenantOfSchema(schema, input.config);
    const bool by_public = row.boolean(3);
    const std::string who = by_public ? std::string("public") : sqlName(role);
    if (!of_schema.empty() && of_schema != tenantOfRole(role, input.config))
        return findings.add(Severity::critical, "schema-of-another", schema,
                            concat("role ", sqlName(role), " reaches the schema of tenant ", of_schema),
                            concat("revoke all on schema ", sqlName(schema), " from ", who, ";"));
    if (row.boolean(2))
        findings.add(Severity::warning, "role-creates", schema,
                     concat("role ", sqlName(role), " may make functions here, and a function may give its role up"),
                     concat("revoke create on schema ", sqlName(schema), " from ", who, ";"));
}

void judgeStatistics(const Rows& row, const CheckInput&, Findings& findings) {
    findings.add(Severity::warning, "statements-shown", std::string(row.text(0)),
                 "it shows the statements of all that run as the same role, other tenants' among them",
                 concat("revoke select on ", row.text(0), " from ", row.text(1), ";"));
}

constexpr Check::Source kSchemaSources[]{{0, &kSchemas}};
constexpr Check::Source kStatisticsSources[]{{0, &kStatistics}};

}  // namespace

const Check kSchemasCheck{"schemas", kSchemaSources, {Model::shared, Model::role, Model::schema}, &judgeSchema};
const Check kStatisticsCheck{
    "statistics", kStatisticsSources, {Model::shared, Model::role, Model::schema}, &judgeStatistics};

}  // namespace howdah::multi_tenant
