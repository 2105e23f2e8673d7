// Transaction ids that run out, and dead rows that nobody takes away.
#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

// PostgreSQL takes no more writes when this many are left. Source: manual, "Preventing Transaction ID Wraparound
// Failures".
constexpr double kIds = 2147483648.0 - 3000000.0;

// The databases, then the oldest tables of this one. $1 of each at most.
constexpr Statement kWraparoundStatement{R"sql(
(select 'database' as kind, pg_catalog.quote_ident(d.datname::pg_catalog.text) as name,
        pg_catalog.age(d.datfrozenxid)::pg_catalog.int8 as xid_age,
        pg_catalog.mxid_age(d.datminmxid)::pg_catalog.int8 as multi_age,
        pg_catalog.current_setting('autovacuum_freeze_max_age')::pg_catalog.int8 as freeze_max,
        d.datname = pg_catalog.current_database() as here
 from pg_catalog.pg_database d
 order by greatest(pg_catalog.age(d.datfrozenxid), pg_catalog.mxid_age(d.datminmxid)) desc
 limit $1::pg_catalog.int8)
union all
(select 'table', pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(c.relname::pg_catalog.text)),
        pg_catalog.age(c.relfrozenxid)::pg_catalog.int8, pg_catalog.mxid_age(c.relminmxid)::pg_catalog.int8, null, true
 from pg_catalog.pg_class c
 join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm', 't') and c.relfrozenxid <> '0'::pg_catalog.xid
 order by greatest(pg_catalog.age(c.relfrozenxid), pg_catalog.mxid_age(c.relminmxid)) desc
 limit 3)
)sql"};

Judgement judgeWraparound(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    Judgement judgement;
    double worst = 0;
    std::string tables;
    for (const auto& row : input.rows.rows()) {
        if (row.text("kind") == "table") tables += concat(tables.empty() ? "" : ", ", row.text("name"));
    }
    for (const auto& row : input.rows.rows()) {
        if (row.text("kind") != "database") continue;
        for (const auto& [column, ids] : {std::pair{"xid_age", "transaction ids"}, {"multi_age", "multixact ids"}}) {
            const double age = row.number(column);
            const double share = percent(age, kIds);
            worst = std::max(worst, share);
            judgement.measures.push_back(
                {concat(column, ".", row.text("name")), age, kIds, concat(ids, " of database ", row.text("name"))});
            const Status status = band(share, limits.wraparound_warning_percent, limits.wraparound_critical_percent);
            if (status == Status::ok) continue;
            judgement.add({status,
                           concat("database ", row.text("name"), " has used ", percentText(share), " of its ", ids,
                                  " (", countText(age), "); at 100 % the server takes no more writes"),
                           row.boolean("here")
                               ? concat("vacuum (freeze, verbose) ", tables,
                                        "; what holds it back: old transactions, prepared ones, slots")
                               : concat("connect to ", row.text("name"), " and run: vacuum (freeze, verbose)"),
                           row.text("name")});
        }
    }
    judgement.figures["used_percent"] = rounded(worst);
    judgement.summary = concat("at most ", percentText(worst), " of the transaction ids are used");
    return judgement;
}

// First what is set for all, then the tables with more dead rows than autovacuum lets be, times $1 percent, at least
// $2; and those of at least $2 rows nobody ever analysed. $3 tables at most. Options of a table come before the
// server's.
constexpr Statement kVacuumStatement{R"sql(
with tables as (
    select s.relid, pg_catalog.concat(pg_catalog.quote_ident(s.schemaname::pg_catalog.text), '.', pg_catalog.quote_ident(s.relname::pg_catalog.text)) as name,
           s.n_dead_tup as dead, s.n_live_tup as live, greatest(s.last_vacuum, s.last_autovacuum) as vacuumed,
           s.last_analyze is null and s.last_autoanalyze is null and s.n_live_tup >= $2::pg_catalog.int8 and c.reltuples <= 0 as unknown,
           coalesce((select o.option_value from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'autovacuum_enabled'), 'true') not in ('true', 'on') as off,
           coalesce((select o.option_value from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'autovacuum_vacuum_threshold'),
                    pg_catalog.current_setting('autovacuum_vacuum_threshold'))::pg_catalog.float8
           + coalesce((select o.option_value from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'autovacuum_vacuum_scale_factor'),
                      pg_catalog.current_setting('autovacuum_vacuum_scale_factor'))::pg_catalog.float8
             * greatest(c.reltuples, 0) as starts_at
    from pg_catalog.pg_stat_user_tables s
    join pg_catalog.pg_class c on c.oid = s.relid
), bad as (
    select * from tables t
    where t.dead >= $2::pg_catalog.int8 and t.dead > t.starts_at * $1::pg_catalog.int8 / 100.0 or t.unknown
    order by t.dead desc limit $3::pg_catalog.int8
)
select 'settings' as kind, null as name, null::pg_catalog.int8 as dead, null::pg_catalog.int8 as live,
       null::pg_catalog.float8 as vacuumed_s, false as unknown,
       pg_catalog.current_setting('autovacuum') = 'off' or pg_catalog.current_setting('track_counts') = 'off' as off,
       null::pg_catalog.float8 as starts_at
union all
select 'table', b.name, b.dead, b.live, extract(epoch from pg_catalog.now() - b.vacuumed)::pg_catalog.float8, b.unknown, b.off, b.starts_at
from bad b
)sql"};

std::vector<std::int64_t> vacuumValues(const Config& config) {
    return {static_cast<std::int64_t>(config.thresholds.dead_rows_factor * 100),
            static_cast<std::int64_t>(config.thresholds.dead_rows_min), config.findings_max};
}

Judgement judgeVacuum(const Input& input) {
    Judgement judgement;
    for (const auto& row : input.rows.rows()) {
        if (row.text("kind") == "settings") {
            if (row.boolean("off")) {
                judgement.add({Status::warning,
                               "autovacuum or track_counts is off: nobody takes dead rows away",
                               "alter system set autovacuum = on; alter system set track_counts = on; select "
                               "pg_catalog.pg_reload_conf()",
                               {}});
            }
            continue;
        }
        const std::string name = row.text("name");
        if (row.boolean("unknown")) {
            judgement.add({Status::notice,
                           concat(name, " has ", countText(row.number("live")),
                                  " rows and was never analysed: plans for it are guesses"),
                           concat("analyze ", name), name});
            continue;
        }
        const double share = percent(row.number("dead"), row.number("dead") + row.number("live"));
        judgement.add(
            {Status::warning,
             concat(name, " has ", countText(row.number("dead")), " dead rows (", percentText(share), " of all), ",
                    row.isNull("vacuumed_s") ? std::string("never vacuumed")
                                             : concat("vacuumed ", durationText(row.number("vacuumed_s")), " ago"),
                    row.boolean("off") ? ", autovacuum is off for it" : ""),
             row.boolean("off")
                 ? concat("vacuum (analyze, verbose) ", name, "; alter table ", name, " reset (autovacuum_enabled)")
                 : concat("vacuum (analyze, verbose) ", name,
                          "; what holds it back: old transactions, prepared ones, slots"),
             name});
    }
    judgement.figures["tables"] = judgement.findings.size();
    judgement.summary = judgement.findings.empty() ? "vacuum keeps up" : "vacuum does not keep up";
    return judgement;
}

constexpr Source kWraparoundSources[]{{0, &kWraparoundStatement}};
constexpr Source kVacuumSources[]{{0, &kVacuumStatement}};

}  // namespace

constexpr Check kWraparound{
    .name = "wraparound", .sources = kWraparoundSources, .judge = &judgeWraparound, .values = &findingsMax};
constexpr Check kVacuum{.name = "vacuum", .sources = kVacuumSources, .judge = &judgeVacuum, .values = &vacuumValues};

}  // namespace howdah::health
