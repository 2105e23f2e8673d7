// Who the sessions log in as, and what the tenants' roles are. Row security is for roles that are neither superuser nor
// owner, and a role is only worth what nobody can leave it for.
#include <howdah/result.hpp>

#include "plugins/multi_tenant/checks/checks.hpp"

namespace howdah::multi_tenant {
namespace {

// $4 is not used by these; the executor is told its type all the same.
#define HOWDAH_UNUSED " and $4::pg_catalog.text is not null"

constexpr Statement kLogin{"with " HOWDAH_TENANT_ROLES " select " HOWDAH_IDENT(
    "r.rolname") " as name, r.rolsuper, r.rolbypassrls, "
                 "r.rolcreaterole, (select pg_catalog.count(*) from tenant) as tenants, "
                 "exists (select from tenant t where t.oid = r.oid) as is_tenant "
                 "from pg_catalog.pg_roles r where r.rolname = session_user" HOWDAH_UNUSED};

// SET and INHERIT of one grant are told apart from 16 on; before, members may take the role and its owner inherits.
#define HOWDAH_ROLES(may_set, inherits) \
    "with " HOWDAH_TENANT_ROLES " select " HOWDAH_IDENT("r.rolname") " as name, r.rolsuper, r.rolbypassrls, "       \
    "r.rolcreaterole, r.rolcanlogin, " may_set " as may_set, " inherits " as inherits, "                            \
    "pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE') as creates, r.oid = l.oid "  \
    "as is_login, " HOWDAH_IDENT("pg_catalog.current_database()") " as database from tenant t join pg_catalog.pg_roles r on r.oid = t.oid cross join pg_catalog.pg_roles l "       \
    "where l.rolname = session_user" HOWDAH_UNUSED " order by 1"
constexpr Statement kRoles13{
    HOWDAH_ROLES("pg_catalog.pg_has_role(l.oid, r.oid, 'MEMBER')", "pg_catalog.pg_has_role(l.oid, r.oid, 'USAGE')")};
constexpr Statement kRoles16{
    HOWDAH_ROLES("pg_catalog.pg_has_role(l.oid, r.oid, 'SET')", "pg_catalog.pg_has_role(l.oid, r.oid, 'USAGE')")};

// What a tenant's role is a member of, directly or not, and which should be nothing of weight.
constexpr Statement kMembers{
    "with recursive " HOWDAH_TENANT_ROLES ", member (oid, name, of) as ("
    "select t.oid, t.name, m.roleid from tenant t join pg_catalog.pg_auth_members m on m.member = t.oid "
    "union select d.oid, d.name, m.roleid from member d join pg_catalog.pg_auth_members m on m.member = d.of) "
    "select " HOWDAH_IDENT("d.name") " as name, " HOWDAH_IDENT("r.rolname") " as other, "
    "exists (select from tenant t where t.oid = r.oid) as of_tenant, "
    "r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolreplication or r.rolname = session_user "
    "or r.rolname ~ '^pg_' as powerful "
    "from member d join pg_catalog.pg_roles r on r.oid = d.of where d.oid <> d.of" HOWDAH_UNUSED " order by 1, 2"};

void judgeLogin(const Rows& row, const CheckInput& input, Findings& findings) {
    const std::string name(row.text(0));
    const bool super = row.boolean(1), bypass = row.boolean(2);
    if (super || bypass)
        findings.add(Severity::critical, "login-bypasses", name,
                     concat("the role Howdah logs in with ", super ? "is a superuser" : "has BYPASSRLS",
                            ": row security does not hold for what runs as it, and a role taken can be given back"),
                     concat("alter role ", name, " nosuperuser nobypassrls;"));
    if (row.boolean(3))
        findings.add(Severity::warning, "login-creates-roles", name, "the role Howdah logs in with may make roles",
                     concat("alter role ", name, " nocreaterole;"));
    if (input.config.model != Model::database && row.integer(4) == 0)
        findings.add(Severity::warning, "no-tenant-role", {},
                     "no role in this database fits multi_tenant.role, so no tenant is set up", {});
    // Refused while it is so: see MultiTenant::requireOwnRole.
    if (input.config.hasRoleById() && row.boolean(5)) {
        findings.add(Severity::critical, "login-is-tenant", name,
                     "the role Howdah logs in with is called like a tenant's: a tenant of that id would be it", {});
    } else if (input.config.model != Model::database && row.boolean(5))
        findings.add(Severity::warning, "login-is-tenant", name,
                     "tenants run as the role Howdah logs in with: they see each other's statements in "
                     "pg_stat_activity, and nothing but a setting tells them apart; give multi_tenant.role a role "
                     "of its own",
                     concat("create role tenant nologin nosuperuser nobypassrls;\ngrant tenant to ", name, ";"));
}

void judgeRole(const Rows& row, const CheckInput& input, Findings& findings) {
    const std::string name(row.text(0));
    const std::string login = sqlName(input.login);
    if (row.boolean(8)) return;  // the login role itself is judged by its own check
    if (row.boolean(1) || row.boolean(2))
        findings.add(Severity::critical, "role-bypasses", name, "this tenant's role passes row security",
                     concat("alter role ", name, " nosuperuser nobypassrls;"));
    if (row.boolean(3))
        findings.add(Severity::critical, "role-creates-roles", name, "this tenant's role may make and change roles",
                     concat("alter role ", name, " nocreaterole;"));
    if (row.boolean(4))
        findings.add(Severity::notice, "role-logs-in", name, "this tenant's role may log in by itself, past Howdah",
                     concat("alter role ", name, " nologin;"));
    const bool grants = input.major() >= 16;
    if (!row.boolean(5))
        findings.add(Severity::critical, "role-not-takeable", name,
                     concat("role ", login, " may not take this role, so its tenant cannot be served"),
                     concat("grant ", name, " to ", login, grants ? " with inherit false, set true;" : ";"));
    if (row.boolean(6))
        findings.add(
            Severity::warning, "login-inherits", name,
            concat("role ", login, " inherits this tenant's rights: what runs outside of a tenant sees it all"),
            grants ? concat("grant ", name, " to ", login, " with inherit false;")
                   : concat("alter role ", login, " noinherit;"));
    if (row.boolean(7))
        findings.add(Severity::warning, "role-creates", name, "this tenant's role may make schemas in this database",
                     concat("revoke create on database ", row.text(9), " from ", name, ";"));
}

void judgeMember(const Rows& row, const CheckInput&, Findings& findings) {
    const std::string name(row.text(0)), other(row.text(1));
    if (row.boolean(2)) {
        findings.add(Severity::critical, "role-of-another", name,
                     concat("this tenant's role is a member of ", other, ", which is another tenant's"),
                     concat("revoke ", other, " from ", name, ";"));
    } else if (row.boolean(3)) {
        findings.add(Severity::critical, "role-powerful", name,
                     concat("this tenant's role is a member of ", other, ", which reaches further than its tables"),
                     concat("revoke ", other, " from ", name, ";"));
    }
}

constexpr Check::Source kLoginSources[]{{0, &kLogin}};
constexpr Check::Source kRoleSources[]{{0, &kRoles13}, {16, &kRoles16}};
constexpr Check::Source kMemberSources[]{{0, &kMembers}};

}  // namespace

const Check kLoginCheck{"login", kLoginSources, {}, &judgeLogin};
const Check kRolesCheck{"roles", kRoleSources, {}, &judgeRole};
const Check kMembersCheck{"members", kMemberSources, {}, &judgeMember};

}  // namespace howdah::multi_tenant
