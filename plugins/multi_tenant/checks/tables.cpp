// Tables that several tenants can reach: whether row security is on, holds for their owner too, and says something of
// who asks.
#include <howdah/result.hpp>

#include "plugins/multi_tenant/checks/checks.hpp"

namespace howdah::multi_tenant {
namespace {

// Tables that a tenant's role may use. In model schema those of the tenants' own schemas are theirs alone: another
// tenant that can reach one is found by the check of schemas. Here they are the ones two roles or more can use.
#define HOWDAH_REACHED                                                                              \
    ", reached as materialized (select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, "  \
    "c.relforcerowsecurity, c.relowner, c.relacl, "                                                 \
    "(select pg_catalog.count(*) from tenant t where pg_catalog.has_table_privilege(t.oid, c.oid, " \
    "'SELECT, INSERT, UPDATE, DELETE') or pg_catalog.has_any_column_privilege(t.oid, c.oid, "       \
    "'SELECT, INSERT, UPDATE')) as roles "                                                          \
    "from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "          \
    "where c.relkind in ('r', 'p', 'f') and " HOWDAH_USERS_SCHEMA("n") ")"

constexpr Statement kTables{
    "with " HOWDAH_TENANT_ROLES HOWDAH_REACHED
    " select " HOWDAH_FULL_NAME("r.nspname", "r.relname") " as name, r.relkind = 'f' as foreign_table, "
    "r.relrowsecurity, r.relforcerowsecurity, " HOWDAH_IDENT("o.rolname") " as owner, "
    "o.rolname = session_user or exists (select from tenant t where pg_catalog.pg_has_role(t.oid, o.oid, 'USAGE')) "
    "as owner_asks, "
    "exists (select from pg_catalog.pg_attribute a where a.attrelid = r.oid and a.attname::pg_catalog.text = $4 "
    "and a.attnum > 0 and not a.attisdropped) as has_column, "
    "exists (select from pg_catalog.pg_policy p where p.polrelid = r.oid) as has_policy, "
    "exists (select from tenant t where pg_catalog.has_table_privilege(t.oid, r.oid, 'TRUNCATE')) as truncates, "
    "r.roles, " HOWDAH_GRANTEES("r.relacl") " as grantees "
    "from reached r join pg_catalog.pg_roles o on o.oid = r.relowner where r.roles > 0 order by 1"};

// pg_get_expr() of what a policy says; NULL = nothing.
constexpr Statement kPolicies{
    "with " HOWDAH_TENANT_ROLES HOWDAH_REACHED
    " select " HOWDAH_FULL_NAME("r.nspname", "r.relname") " as name, " HOWDAH_IDENT("p.polname") " as policy, "
    "pg_catalog.pg_get_expr(p.polqual, p.polrelid) as qual, "
    "pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as checked, p.polpermissive, p.polcmd::pg_catalog.text "
    "from reached r join pg_catalog.pg_policy p on p.polrelid = r.oid "
    "where r.roles > 0 and $4::pg_catalog.text is not null and (p.polroles = '{0}'::pg_catalog.oid[] "
    "or exists (select from tenant t, pg_catalog.unnest(p.polroles) as whose (grantee) "
    "where pg_catalog.pg_has_role(t.oid, grantee, 'USAGE'))) order by 1, 2"};

// The tenant's column as a name made of it: "prefix || column || suffix".
std::string columnAs(const NameTemplate& name, const Config& config) {
    std::string text = sqlName(config.tenant_column);
    if (!name.prefix().empty()) text = concat(sqlText(name.prefix()), " || ", text);
    if (!name.suffix().empty()) text += concat(" || ", sqlText(name.suffix()));
    return text;
}

// What a policy must compare the tenant's column with: in model shared a setting that tells tenants apart, one that is
// the id and nothing else before others, or the claims; else the role.
std::string conditionOf(const Config& config) {
    const auto own = config.ownSettings();
    if (config.model == Model::shared && !own.empty()) {
        const auto* chosen = own.front();
        for (const auto* setting : own)
            if (setting->second.prefix().empty() && setting->second.suffix().empty()) {
                chosen = setting;
                break;
            }
        return concat(columnAs(chosen->second, config), " = current_setting(", sqlText(chosen->first), ", true)");
    }
    if (config.model == Model::shared && config.claims)
        return concat(sqlName(config.tenant_column),
                      " = current_setting('request.jwt.claims', true)::json ->> 'tenant'");
    if (config.role && !config.role->isShared()) return concat(columnAs(*config.role, config), " = current_user");
    return concat(sqlName(config.tenant_column), " = current_user");
}

std::string enabling(const std::string& table, const CheckInput& input, bool with_policy) {
    std::string sql =
        concat("alter table ", table, " enable row level security;\nalter table ", table, " force row level security;");
    const std::string condition = conditionOf(input.config);
    if (with_policy)
        sql +=
            concat("\ncreate policy tenant_rows on ", table, " using (", condition, ") with check (", condition, ");");
    return sql;
}

void judgeTable(const Rows& row, const CheckInput& input, Findings& findings) {
    const std::string name(row.text(0)), owner(row.text(4));
    const bool secured = row.boolean(2), forced = row.boolean(3), owner_asks = row.boolean(5);
    const bool has_column = row.boolean(6), has_policy = row.boolean(7), of_many = row.integer(9) > 1;
    const bool by_rows = input.config.model == Model::shared || input.config.model == Model::role;
    if (row.boolean(8) && (by_rows || of_many))
        findings.add(Severity::critical, "truncate", name, "a tenant's role may TRUNCATE it, which asks no policy",
                     concat("revoke truncate on ", name, " from ", row.text(10), ";"));
    if (!by_rows && !of_many) return;  // one tenant's own
    if (row.boolean(1)) {
        findings.add(Severity::warning, "foreign-table", name, "row security does not reach a foreign table",
                     concat("revoke all on ", name, " from ", row.text(10), ";"));
    } else if (!secured && has_column) {
        findings.add(Severity::critical, "rls-missing", name,
                     concat("it has the column ", input.config.tenant_column, " and no row security"),
                     enabling(name, input, !has_policy));
    } else if (!secured) {
        findings.add(Severity::notice, "shared-table", name,
                     concat("it has no row security and no column ", input.config.tenant_column,
                            ": every tenant sees all of it"),
                     {});
    } else if (!has_policy) {
        findings.add(Severity::notice, "no-policy", name, "row security is on without a policy: nobody sees a row", {});
    }
    if (secured && !forced)
        findings.add(owner_asks ? Severity::critical : Severity::warning,
                     owner_asks ? "owner-bypass" : "rls-not-forced", name,
                     owner_asks ? concat("its owner ", owner, " is who asks, and row security does not hold for owners")
                                : concat("row security does not hold for its owner ", owner,
                                         ", so neither for views and functions of his"),
                     concat("alter table ", name, " force row level security;"));
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// Whether an expression says anything of who asks.
bool asksWho(std::string_view expression, const Config& config) {
    if (has(expression, "CURRENT_USER") || has(expression, "current_user") || has(expression, "CURRENT_ROLE"))
        return true;
    if (has(expression, "request.jwt.claims")) return config.claims;
    // A setting that is the same for all says nothing.
    for (const auto* setting : config.ownSettings())
        if (has(expression, sqlText(setting->first))) return true;
    return false;
}

void judgePolicy(const Rows& row, const CheckInput& input, Findings& findings) {
    const std::string name(row.text(0)), policy(row.text(1));
    const bool permissive = row.boolean(4);
    const auto judge = [&](const char* part, std::string_view expression) {
        const std::string alter =
            concat("alter policy ", policy, " on ", name, " ", part, " (", conditionOf(input.config), ");");
        if (has(expression, "SESSION_USER") || has(expression, "session_user"))
            return findings.add(Severity::critical, "policy-session-user", name,
                                concat("policy ", policy,
                                       " asks for session_user, which is the role of the dsn for "
                                       "every tenant"),
                                alter);
        if (permissive && !asksWho(expression, input.config))
            return findings.add(Severity::critical, "policy-open", name,
                                concat("policy ", policy, " lets rows through whoever asks"), alter);
        if (has(expression, "current_setting(") && !has(expression, ", true)"))
            findings.add(Severity::notice, "policy-setting-required", name,
                         concat("policy ", policy,
                                " fails where its setting is absent; with current_setting(name, "
                                "true) it yields no rows"),
                         alter);
    };
    if (!row.isNull(2)) judge("using", row.text(2));
    if (!row.isNull(3)) judge("with check", row.text(3));
}

constexpr Check::Source kTableSources[]{{0, &kTables}};
constexpr Check::Source kPolicySources[]{{0, &kPolicies}};

}  // namespace

const Check kTablesCheck{"tables", kTableSources, {Model::shared, Model::role, Model::schema}, &judgeTable};
const Check kPoliciesCheck{"policies", kPolicySources, {Model::shared, Model::role}, &judgePolicy};

}  // namespace howdah::multi_tenant
