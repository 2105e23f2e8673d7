// Sequences near their end, or near the end of the column they fill.
#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

// $1 entries at most, the most used first; what cycles has no end. `hidden`: not readable by this role.
constexpr Statement kSequencesStatement{R"sql(
with known as (
    select pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(c.relname::pg_catalog.text)) as name,
           s.seqincrement as step, s.seqstart, s.seqmin, s.seqmax, s.seqtypid,
           case when pg_catalog.has_sequence_privilege(c.oid, 'select,usage') then pg_catalog.pg_sequence_last_value(c.oid) end as at,
           not pg_catalog.has_sequence_privilege(c.oid, 'select,usage') as hidden,
           o.name as column_name, o.table_name, o.type_name, coalesce(o.type_max, s.seqmax) as type_max
    from pg_catalog.pg_sequence s
    join pg_catalog.pg_class c on c.oid = s.seqrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join lateral (
        select pg_catalog.quote_ident(a.attname::pg_catalog.text) as name,
               pg_catalog.concat(pg_catalog.quote_ident(tn.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(t.relname::pg_catalog.text)) as table_name,
               pg_catalog.format_type(a.atttypid, null) as type_name,
               case a.atttypid when 21 then 32767 when 23 then 2147483647 when 20 then 9223372036854775807 end::pg_catalog.int8 as type_max
        from pg_catalog.pg_depend d
        join pg_catalog.pg_class t on t.oid = d.refobjid
        join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
        where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype in ('a', 'i')
          and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjsubid > 0
        limit 1) o on true
    where not s.seqcycle and not pg_catalog.pg_is_other_temp_schema(n.oid)
), used as (
    select k.*, least(k.seqmax, k.type_max)::pg_catalog.float8 as last,
           case when k.step > 0 then (k.at - k.seqmin)::pg_catalog.float8 / nullif(least(k.seqmax, k.type_max) - k.seqmin, 0)
                else (k.seqmax::pg_catalog.float8 - k.at) / nullif(k.seqmax::pg_catalog.float8 - k.seqmin, 0) end as share
    from known k
)
select u.name, u.at::pg_catalog.float8 as at, case when u.step > 0 then u.last else u.seqmin::pg_catalog.float8 end as last, 100 * u.share as percent,
       u.column_name, u.table_name, u.type_name, u.type_max < u.seqmax as by_type, u.step > 0 as up,
       pg_catalog.count(*) filter (where u.hidden) over () as hidden, pg_catalog.count(*) over () as total
from used u
order by u.share desc nulls last
limit $1::pg_catalog.int8
)sql"};

Judgement judge(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    Judgement judgement;
    double worst = 0;
    for (const auto& row : input.rows.rows()) {
        if (row.isNull("percent")) continue;  // never used, or not readable
        const double share = row.number("percent");
        worst = std::max(worst, share);
        const std::string name = row.text("name");
        // A quarter of the way is soon enough to begin watching.
        if (share >= 25 && row.boolean("up"))
            judgement.measures.push_back(
                {concat("sequence.", name), row.number("at"), row.number("last"), concat("values of sequence ", name)});
        const Status status = band(share, limits.sequence_warning_percent, limits.sequence_critical_percent);
        if (status == Status::ok) continue;
        const bool column = !row.isNull("column_name");
        std::string text = concat(name, " has used ", percentText(share), " of its values");
        if (column)
            text += concat(" (", row.text("type_name"), " column ", row.text("column_name"), " of ",
                           row.text("table_name"), ")");
        std::string suggestion =
            concat("alter sequence ", name, " as bigint ",
                   row.boolean("up") ? "maxvalue 9223372036854775807" : "minvalue -9223372036854775808");
        if (column && row.text("type_name") != "bigint")
            suggestion = concat("alter table ", row.text("table_name"), " alter column ", row.text("column_name"),
                                " type bigint (rewrites the table), then alter sequence ", name, " as bigint");
        judgement.add({status, std::move(text), std::move(suggestion), name});
    }
    judgement.figures["used_percent_max"] = rounded(worst);
    judgement.figures["sequences"] = input.rows.empty() ? 0 : input.rows[0].integer("total");
    judgement.summary = input.rows.empty()
                            ? std::string("there is no sequence that could end")
                            : concat("at most ", percentText(worst), " of the values of a sequence are used");
    if (!input.rows.empty() && input.rows[0].integer("hidden") > 0) {
        judgement.reason = concat(countText(input.rows[0].number("hidden"), "sequence", "sequences"),
                                  " cannot be read by this role: grant select on all sequences in schema ... to it");
    }
    return judgement;
}

constexpr Source kSources[]{{0, &kSequencesStatement}};

}  // namespace

constexpr Check kSequences{.name = "sequences", .sources = kSources, .judge = &judge, .values = &findingsMax};

}  // namespace howdah::health
