// Extensions that could be newer, and what this role cannot see.
#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

constexpr Statement kExtensionsStatement{R"sql(
select pg_catalog.quote_ident(e.extname::pg_catalog.text) as name, e.extversion as installed, a.default_version as available,
       pg_catalog.count(*) over () as total, a.default_version is distinct from e.extversion as differs
from pg_catalog.pg_extension e
left join pg_catalog.pg_available_extensions a on a.name = e.extname
order by 5 desc, 1
limit 50
)sql"};

Judgement judgeExtensions(const Input& input) {
    Judgement judgement;
    for (const auto& row : input.rows.rows()) {
        if (!row.boolean("differs")) continue;
        const std::string name = row.text("name");
        if (row.isNull("available")) {
            judgement.add({Status::warning,
                           concat("extension ", name, " ", row.text("installed"),
                                  " is installed, its files are gone from the server"),
                           concat("install its package on the server, or drop extension ", name), name});
        } else {
            judgement.add(
                {Status::notice,
                 concat("extension ", name, " is ", row.text("installed"), ", the server has ", row.text("available")),
                 concat("alter extension ", name, " update"), name});
        }
    }
    judgement.figures["installed"] = input.rows.empty() ? 0 : input.rows[0].integer("total");
    judgement.summary = judgement.findings.empty()
                            ? "every extension is as new as the server's files"
                            : countText(static_cast<double>(judgement.findings.size()), "extension", "extensions") +
                                  " could be updated";
    return judgement;
}

// $1 names at most
constexpr Statement kPermissionsStatement{R"sql(
with tables as (
    select pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(c.relname::pg_catalog.text)) as name,
           pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_any_column_privilege(c.oid, 'select') as readable
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
)
select pg_catalog.count(*) as total, pg_catalog.count(*) filter (where not t.readable) as hidden,
       (select pg_catalog.string_agg(x.name, ', ') from (select h.name from tables h where not h.readable order by 1 limit $1::pg_catalog.int8) x) as names,
       pg_catalog.pg_has_role('pg_monitor', 'usage') as all_of_monitor,
       pg_catalog.pg_has_role('pg_read_all_settings', 'usage') as settings
from tables t
)sql"};

Judgement judgePermissions(const Input& input) {
    const auto row = input.rows[0];
    Judgement judgement;
    judgement.figures["tables"] = row.integer("total");
    judgement.figures["not_readable"] = row.integer("hidden");
    if (row.integer("hidden") > 0) {
        judgement.add({Status::notice,
                       concat("role ", input.server.role, " cannot read ", countText(row.number("hidden")), " of ",
                              countText(row.number("total")), " tables: ", row.text("names")),
                       concat("if it should: grant usage on schema ... to ", input.server.role,
                              "; grant select on ... to ", input.server.role),
                       {}});
    }
    if (!row.boolean("all_of_monitor")) {
        judgement.add({Status::notice,
                       concat("role ", input.server.role,
                              " is no member of pg_monitor: sessions, locks and lags of others are seen in part only"),
                       concat("grant pg_monitor to ", input.server.role),
                       {}});
    }
    judgement.summary = judgement.findings.empty() ? concat("role ", input.server.role, " can read all ",
                                                            countText(row.number("total"), "table", "tables"))
                                                   : concat("role ", input.server.role, " does not see everything");
    return judgement;
}

constexpr Source kExtensionsSources[]{{0, &kExtensionsStatement}};
constexpr Source kPermissionsSources[]{{0, &kPermissionsStatement}};

}  // namespace

constexpr Check kExtensions{.name = "extensions", .sources = kExtensionsSources, .judge = &judgeExtensions};
constexpr Check kPermissions{
    .name = "permissions", .sources = kPermissionsSources, .judge = &judgePermissions, .values = &findingsMax};

}  // namespace howdah::health
