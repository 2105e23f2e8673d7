// How much larger tables and indexes are than their rows need: an estimate from the planner's statistics, without
// reading a page of them.
//
// Source: the layout of pages and tuples, PostgreSQL manual, "Database Page Layout".
#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

// $1 bytes at least, $2 percent at least, $3 entries at most. 24 bytes of header and 4 of pointer a row; a table some
// of whose columns have no statistics this role may see is left out.
constexpr Statement kTableBloatStatement{R"sql(
with tables as materialized (
    select c.oid, n.nspname, c.relname, c.relpages::pg_catalog.float8 as pages, c.reltuples::pg_catalog.float8 as rows, c.relnatts,
           pg_catalog.current_setting('block_size')::pg_catalog.float8 as block,
           coalesce((select o.option_value from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor'), '100')::pg_catalog.float8 / 100 as fill
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and c.reltuples > 0
      and c.relpages::pg_catalog.float8 * pg_catalog.current_setting('block_size')::pg_catalog.float8 >= $1::pg_catalog.int8
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
), sized as (
    select t.*, (select pg_catalog.sum((1 - s.null_frac) * s.avg_width) from pg_catalog.pg_stats s
                 where s.schemaname = t.nspname and s.tablename = t.relname and not s.inherited) as width,
           (select pg_catalog.count(*) from pg_catalog.pg_attribute a
            where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped)
           = (select pg_catalog.count(*) from pg_catalog.pg_stats s
              where s.schemaname = t.nspname and s.tablename = t.relname and not s.inherited) as known
    from tables t
), judged as (
    select z.*, pg_catalog.ceil(z.rows * (28 + pg_catalog.ceil((z.width + (z.relnatts + 7) / 8) / 8) * 8) / ((z.block - 24) * z.fill)) as needed
    from sized z where z.known
)
select pg_catalog.concat(pg_catalog.quote_ident(j.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(j.relname::pg_catalog.text)) as name,
       j.pages * j.block as bytes, (j.pages - j.needed) * j.block as wasted, 100 * (j.pages - j.needed) / j.pages as percent
from judged j
where j.pages > j.needed and 100 * (j.pages - j.needed) / j.pages >= $2::pg_catalog.int8
order by 3 desc
limit $3::pg_catalog.int8
)sql"};

// B-trees over plain columns only. Since entries of equal keys share one tuple, an index may need even less: the
// estimate errs on the side of silence.
constexpr Statement kIndexBloatStatement{R"sql(
with indexes as materialized (
    select i.indexrelid, i.indrelid, n.nspname, t.relname as table_name, c.relname, c.relpages::pg_catalog.float8 as pages,
           c.reltuples::pg_catalog.float8 as rows, pg_catalog.current_setting('block_size')::pg_catalog.float8 as block, i.indkey, i.indnatts,
           coalesce((select o.option_value from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor'), '90')::pg_catalog.float8 / 100 as fill
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_class t on t.oid = i.indrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_am m on m.oid = c.relam and m.amname = 'btree'
    where c.relkind = 'i' and i.indisvalid and i.indexprs is null
      and c.relpages::pg_catalog.float8 * pg_catalog.current_setting('block_size')::pg_catalog.float8 >= $1::pg_catalog.int8
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
), sized as (
    select x.*, w.width, w.known
    from indexes x
    cross join lateral (
        select pg_catalog.sum((1 - s.null_frac) * s.avg_width) as width, pg_catalog.count(s.attname) as known
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_stats s on s.schemaname = x.nspname and s.tablename = x.table_name and s.attname = a.attname and not s.inherited
        where a.attrelid = x.indrelid and a.attnum = any (x.indkey)) w
), judged as (
    select z.*, pg_catalog.ceil(z.rows * (12 + pg_catalog.ceil(z.width / 8) * 8) / ((z.block - 40) * z.fill)) + 1 as needed
    from sized z where z.known = z.indnatts
)
select pg_catalog.concat(pg_catalog.quote_ident(j.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(j.relname::pg_catalog.text)) as name,
       j.pages * j.block as bytes, (j.pages - j.needed) * j.block as wasted, 100 * (j.pages - j.needed) / j.pages as percent
from judged j
where j.pages > j.needed and 100 * (j.pages - j.needed) / j.pages >= $2::pg_catalog.int8
order by 3 desc
limit $3::pg_catalog.int8
)sql"};

std::vector<std::int64_t> values(const Config& config) {
    return {static_cast<std::int64_t>(config.thresholds.bloat_min_bytes),
            static_cast<std::int64_t>(config.thresholds.bloat_warning_percent), config.findings_max};
}

Judgement judged(const Input& input, std::string_view one, std::string_view what,
                 std::string (*suggest)(const std::string& name)) {
    Judgement judgement;
    double wasted = 0;
    for (const auto& row : input.rows.rows()) {
        wasted += row.number("wasted");
        const std::string name = row.text("name");
        judgement.add(
            {Status::warning,
             concat(name, " takes ", bytesText(row.number("bytes")), ", an estimated ", bytesText(row.number("wasted")),
                    " (", percentText(row.number("percent")), ") more than its rows need"),
             suggest(name), name});
    }
    judgement.figures["wasted_bytes"] = rounded(wasted);
    judgement.summary = judgement.findings.empty() ? concat("no ", one, " is estimated to be bloated")
                                                   : concat("an estimated ", bytesText(wasted), " could be given back");
    if (!input.server.superuser)
        judgement.reason = concat("only what this role may read is estimated; ", what, " below ",
                                  bytesText(input.config.thresholds.bloat_min_bytes), " are left out");
    return judgement;
}

Judgement judgeTables(const Input& input) {
    return judged(input, "table", "tables", [](const std::string& name) {
        return concat("vacuum full ", name, " (locks it), or pg_repack; vacuum (verbose) ", name,
                      " makes the room usable at least");
    });
}

Judgement judgeIndexes(const Input& input) {
    return judged(input, "index", "indexes",
                  [](const std::string& name) { return concat("reindex index concurrently ", name); });
}

constexpr Source kTableSources[]{{0, &kTableBloatStatement}};
constexpr Source kIndexSources[]{{0, &kIndexBloatStatement}};

}  // namespace

constexpr Check kTableBloat{.name = "table_bloat", .sources = kTableSources, .judge = &judgeTables, .values = &values};
constexpr Check kIndexBloat{.name = "index_bloat", .sources = kIndexSources, .judge = &judgeIndexes, .values = &values};

}  // namespace howdah::health
