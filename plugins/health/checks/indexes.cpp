// Indexes that cost and give nothing: invalid ones, those nobody uses, and those another one makes needless. Sizes are
// of the catalog: asking the file would wait for whoever has locked it.
#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

#define HOWDAH_NAME(schema, relation)                  \
    "pg_catalog.concat(pg_catalog.quote_ident(" schema \
    ".nspname::pg_catalog.text), '.', pg_catalog.quote_ident(" relation ".relname::pg_catalog.text))"
#define HOWDAH_BYTES(relation) \
    relation ".relpages::pg_catalog.float8 * pg_catalog.current_setting('block_size')::pg_catalog.float8"

// One that is being built right now is no ruin.
constexpr Statement
    kInvalidStatement{"select " HOWDAH_NAME("n", "c") " as name, " HOWDAH_NAME("tn", "t") " as on_table, " HOWDAH_BYTES(
        "c") " as bytes, "
             "c.relkind = 'I' as partitioned, c.relname ~ '_cc(new|old)[0-9]*$' as leftover, pg_catalog.count(*) over "
             "() as total "
             "from pg_catalog.pg_index i "
             "join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = "
             "c.relnamespace "
             "join pg_catalog.pg_class t on t.oid = i.indrelid join pg_catalog.pg_namespace tn on tn.oid = "
             "t.relnamespace "
             "where not (i.indisvalid and i.indisready) and n.nspname <> 'pg_toast' "
             "and not exists (select from pg_catalog.pg_stat_progress_create_index p where p.index_relid = "
             "i.indexrelid) "
             "order by c.relpages desc, 1 limit $1::pg_catalog.int8"};

Judgement judgeInvalid(const Input& input) {
    Judgement judgement;
    for (const auto& row : input.rows.rows()) {
        const std::string name = row.text("name");
        if (row.boolean("partitioned")) {
            judgement.add(
                {Status::notice, concat(name, " on ", row.text("on_table"), " lacks an index of one of its partitions"),
                 "create the index on that partition and attach it: alter index ... attach partition ...", name});
            continue;
        }
        judgement.add({Status::warning,
                       concat(name, " on ", row.text("on_table"),
                              " is invalid: no query uses it, every write keeps it up to date (",
                              bytesText(row.number("bytes")), ")"),
                       row.boolean("leftover")
                           ? concat("drop index concurrently ", name)
                           : concat("reindex index concurrently ", name, "; or drop index concurrently ", name),
                       name});
    }
    const double total = input.rows.empty() ? 0 : input.rows[0].number("total");
    judgement.figures["count"] = total;
    judgement.summary = total == 0 ? "every index is valid" : countText(total, "index is", "indexes are") + " invalid";
    return judgement;
}

// Not one that keeps something true (unique, of a constraint) or that replication needs. $2 bytes at least, $3 scans of
// its table at least: a table nobody reads says nothing of its indexes. $4 seconds since the last use (from 16 on).
#define HOWDAH_UNUSED(unused, last) \
    "select " HOWDAH_NAME("n", "c") " as name, " HOWDAH_NAME("tn", "t") " as on_table, " HOWDAH_BYTES("c") " as bytes, s.idx_scan as scans, " \
    last " as last_s, coalesce(u.seq_scan, 0) + coalesce(u.idx_scan, 0) as table_scans, pg_catalog.count(*) over () as total, "     \
    "pg_catalog.sum(" HOWDAH_BYTES("c") ") over () as total_bytes "                                                                         \
    "from pg_catalog.pg_stat_user_indexes s "                                                                                               \
    "join pg_catalog.pg_index i on i.indexrelid = s.indexrelid "                                                                            \
    "join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace "                          \
    "join pg_catalog.pg_class t on t.oid = i.indrelid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace "                          \
    "join pg_catalog.pg_stat_user_tables u on u.relid = s.relid "                                                                           \
    "where not i.indisunique and not i.indisprimary and not i.indisexclusion and not i.indisreplident and i.indisvalid "                    \
    "and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')) "             \
    "and " unused " and " HOWDAH_BYTES("c") " >= $2::pg_catalog.int8 "                                                                      \
    "and coalesce(u.seq_scan, 0) + coalesce(u.idx_scan, 0) >= $3::pg_catalog.int8 "                                                         \
    "and ($4::pg_catalog.int8 is not null) "                                                                                                \
    "order by 3 desc, 1 limit $1::pg_catalog.int8"

constexpr Statement kUnused13{HOWDAH_UNUSED("s.idx_scan = 0", "null::pg_catalog.float8")};
constexpr Statement kUnused16{HOWDAH_UNUSED(
    "(s.idx_scan = 0 or s.last_idx_scan < pg_catalog.now() - pg_catalog.make_interval(secs => $4::pg_catalog.int8))",
    "extract(epoch from pg_catalog.now() - s.last_idx_scan)::pg_catalog.float8")};
#undef HOWDAH_UNUSED

std::vector<std::int64_t> unusedValues(const Config& config) {
    return {config.findings_max, static_cast<std::int64_t>(config.thresholds.unused_index_min_bytes),
            static_cast<std::int64_t>(config.thresholds.unused_index_scans_min),
            static_cast<std::int64_t>(config.thresholds.unused_index_days * 86400)};
}

Judgement judgeUnused(const Input& input) {
    Judgement judgement;
    const double counted_s = input.server.stats_s;
    const double needed_s = input.config.thresholds.unused_index_days * 86400;
    if (counted_s >= 0 && counted_s < needed_s) {
        return Judgement::skipped(concat("uses are counted for ", durationText(counted_s), " only, ",
                                         durationText(needed_s), " are needed (health.thresholds.unused_index_days)"));
    }
    for (const auto& row : input.rows.rows()) {
        const std::string name = row.text("name");
        judgement.add({Status::notice,
                       concat(name, " on ", row.text("on_table"),
                              row.isNull("last_s") ? std::string(" was never used")
                                                   : concat(" was not used for ", durationText(row.number("last_s"))),
                              ", while its table was read ", countText(row.number("table_scans")), " times (",
                              bytesText(row.number("bytes")), ")"),
                       concat("if no standby uses it either: drop index concurrently ", name), name});
    }
    const bool none = input.rows.empty();
    judgement.figures["count"] = none ? 0 : input.rows[0].integer("total");
    judgement.figures["bytes"] = none ? 0 : rounded(input.rows[0].number("total_bytes"));
    judgement.summary = none ? std::string("every index of some size is used")
                             : concat(countText(input.rows[0].number("total"), "index is", "indexes are"),
                                      " not used and take ", bytesText(input.rows[0].number("total_bytes")));
    if (counted_s < 0) judgement.reason = "since when uses are counted is not known";
    return judgement;
}

// Pairs of one table: the same, or (b-trees) one that is the beginning of the other. Of two that are the same the one
// that keeps less goes (`worth`), then the younger; what is unique or of use to replication is no mere beginning.
constexpr Statement kDuplicateStatement{
    "with plain as materialized ("
    "select i.*, c.relam, c.relname, c.relnamespace, c.relpages, m.amname, i.indkey::pg_catalog.text as keys, i.indclass::pg_catalog.text as classes, "
    "i.indcollation::pg_catalog.text as collations, i.indoption::pg_catalog.text as options, "
    "coalesce(pg_catalog.pg_get_expr(i.indexprs, i.indrelid), '') as expressions, coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') as predicate, "
    "i.indisreplident or exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')) as needed "
    "from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = c.relam "
    "join pg_catalog.pg_namespace s on s.oid = c.relnamespace "
    "where i.indisvalid and c.relkind = 'i' and s.nspname !~ '^pg_' and s.nspname <> 'information_schema'), "
    "ranked as (select p.*, p.needed::pg_catalog.int4 * 2 + p.indisunique::pg_catalog.int4 as worth from plain p) "
    "select " HOWDAH_NAME("n", "a") " as name, " HOWDAH_NAME("m", "b") " as kept, " HOWDAH_NAME("tn", "t") " as on_table, " HOWDAH_BYTES("a") " as bytes, "
    "a.keys = b.keys as same, a.needed, pg_catalog.count(*) over () as total, pg_catalog.sum(" HOWDAH_BYTES("a") ") over () as total_bytes "
    "from ranked a join ranked b on b.indrelid = a.indrelid and b.indexrelid <> a.indexrelid and b.relam = a.relam and b.predicate = a.predicate "
    "join pg_catalog.pg_namespace n on n.oid = a.relnamespace join pg_catalog.pg_namespace m on m.oid = b.relnamespace "
    "join pg_catalog.pg_class t on t.oid = a.indrelid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace "
    "where (a.keys = b.keys and a.classes = b.classes and a.collations = b.collations and a.options = b.options "
    "and a.expressions = b.expressions and a.indnkeyatts = b.indnkeyatts and (not a.indisunique or b.indisunique) "
    "and (a.worth < b.worth or a.worth = b.worth and a.indexrelid > b.indexrelid)) "
    "or (a.amname = 'btree' and not a.indisunique and not a.needed and a.expressions = '' and b.expressions = '' "
    "and a.indnkeyatts = a.indnatts and b.indnkeyatts = b.indnatts and b.keys like a.keys || ' %' "
    "and b.classes like a.classes || ' %' and b.collations like a.collations || ' %' and b.options like a.options || ' %') "
    "order by a.relpages desc, 1, 2 limit $1::pg_catalog.int8"};

Judgement judgeDuplicates(const Input& input) {
    Judgement judgement;
    for (const auto& row : input.rows.rows()) {
        const std::string name = row.text("name");
        const bool same = row.boolean("same");
        judgement.add({same && !row.boolean("needed") ? Status::warning : Status::notice,
                       concat(name, " on ", row.text("on_table"), same ? " is the same as " : " is the beginning of ",
                              row.text("kept"), " (", bytesText(row.number("bytes")), ")"),
                       row.boolean("needed") ? concat("one of the two constraints can go: alter table ",
                                                      row.text("on_table"), " drop constraint ...")
                                             : concat("drop index concurrently ", name),
                       name});
    }
    const bool none = input.rows.empty();
    judgement.figures["count"] = none ? 0 : input.rows[0].integer("total");
    judgement.figures["bytes"] = none ? 0 : rounded(input.rows[0].number("total_bytes"));
    judgement.summary =
        none ? std::string("no index is a duplicate")
             : concat(countText(input.rows[0].number("total"), "index is", "indexes are"), " made needless by another");
    return judgement;
}

constexpr Source kInvalidSources[]{{0, &kInvalidStatement}};
constexpr Source kUnusedSources[]{{0, &kUnused13}, {16, &kUnused16}};
constexpr Source kDuplicateSources[]{{0, &kDuplicateStatement}};

}  // namespace

constexpr Check kInvalidIndexes{
    .name = "invalid_indexes", .sources = kInvalidSources, .judge = &judgeInvalid, .values = &findingsMax};
constexpr Check kUnusedIndexes{
    .name = "unused_indexes", .sources = kUnusedSources, .judge = &judgeUnused, .values = &unusedValues};
constexpr Check kDuplicateIndexes{
    .name = "duplicate_indexes", .sources = kDuplicateSources, .judge = &judgeDuplicates, .values = &findingsMax};

}  // namespace howdah::health
