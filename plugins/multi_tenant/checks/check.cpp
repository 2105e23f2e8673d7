#include <algorithm>
#include <array>
#include <charconv>

#include <howdah/own_statement.hpp>

#include "plugins/multi_tenant/checks/checks.hpp"

namespace howdah::multi_tenant {

constexpr Statement kServerStatement{
    "select pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_version'), "
    "session_user::pg_catalog.text"};

namespace {

constexpr std::uint64_t kStatement_ms = 20'000;  // the pool's own limit rules besides

// What every check is told of the tenants' roles.
struct RoleNames {
    std::string prefix, suffix, others;
};

RoleNames roleNamesOf(const Config& config) {
    RoleNames names;
    const auto add = [&](const std::string& name) { names.others += concat(names.others.empty() ? "" : "\n", name); };
    if (config.role && config.role->isShared()) {
        add(config.role->of(""));
    } else if (config.role) {
        names.prefix = config.role->prefix();
        names.suffix = config.role->suffix();
    }
    for (const auto& [tenant, entry] : config.tenants)
        if (entry.role) add(entry.role->of(tenant));
    return names;
}

// The first minor of each major that plans row security anew for another role.
void judgeVersion(int version, std::string_view text, Findings& findings) {
    constexpr std::array<int, 6> kMended{120021, 130017, 140014, 150009, 160005, 170001};
    const auto mended = std::ranges::find(kMended, version / 10000, [](int minor) { return minor / 10000; });
    if (mended == kMended.end() || version >= *mended) return;
    findings.add(Severity::critical, "server-version", {},
                 concat("PostgreSQL ", text,
                        " may use a plan made for one role for another, and forgets a role's settings "
                        "(CVE-2024-10976, CVE-2024-10978): update to ",
                        *mended / 10000, ".", *mended % 100),
                 {});
}

std::string reasonOf(const Check& check, const Error& error) {
    return concat(check.name, ": ", error.message);
}

}  // namespace

std::span<const Check* const> allChecks() {
    static const std::array<const Check*, 9> kAll{&kLoginCheck,     &kRolesCheck,    &kMembersCheck,
                                                  &kTablesCheck,    &kPoliciesCheck, &kViewsCheck,
                                                  &kFunctionsCheck, &kSchemasCheck,  &kStatisticsCheck};
    return kAll;
}

Result<Rows> ask(const Context& context, std::string_view database, const Statement& statement,
                 const Values& parameters) {
    return runOwn(context, database, statement, parameters, kStatement_ms);
}

Result<Findings> check(const Context& context, std::string_view database, const Config& config) {
    Findings findings;
    CheckInput input{config};
    {
        auto server = ask(context, database, kServerStatement);
        if (!server) return std::move(server).error();
        auto row = server->next();
        if (!row) return std::move(row).error();
        if (!*row) return Error::internal("the server did not say what it is");
        input.server_version = static_cast<int>(server->integer(0));
        input.login = server->text(2);
        judgeVersion(input.server_version, server->text(1), findings);
    }
    const RoleNames roles = roleNamesOf(config);
    for (const Check* check : allChecks()) {
        if (!check->models.empty() && std::ranges::find(check->models, config.model) == check->models.end()) continue;
        const Statement* statement = nullptr;
        for (const Check::Source& source : check->sources)
            if (source.major_min <= input.major()) statement = source.statement;
        if (!statement) continue;
        auto rows = ask(context, database, *statement,
                        {Value(roles.prefix), Value(roles.suffix), Value(roles.others), Value(config.tenant_column)});
        if (!rows) {
            if (auto wanted = context.goOn(); !wanted) return wanted.error();
            findings.reasons.push_back(reasonOf(*check, rows.error()));
            continue;
        }
        for (;;) {
            auto more = rows->next();
            if (!more) {
                findings.reasons.push_back(reasonOf(*check, more.error()));
                break;
            }
            if (!*more) {
                if (auto trailer = rows->trailer(); trailer && trailer->truncated)
                    findings.reasons.push_back(concat(check->name, ": only a part was looked at, the answer was cut"));
                break;
            }
            check->judge(*rows, input, findings);
        }
    }
    findings.sort();
    return findings;
}

}  // namespace howdah::multi_tenant
