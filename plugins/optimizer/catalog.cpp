#include "plugins/optimizer/catalog.hpp"

#include <algorithm>
#include <cstdlib>

namespace howdah::optimizer {
namespace {

#define HOWDAH_WANTED                                                                                             \
    "wanted as (select distinct pg_catalog.to_regclass(case when w.s = '' then pg_catalog.quote_ident(w.t) else " \
    "pg_catalog.format('%I.%I', w.s, w.t) end)::oid as id from "                                                  \
    "pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb) as w(s text, t text))"

constexpr Statement kTables{"with " HOWDAH_WANTED
                            " select n.nspname, c.relname, c.relkind::text, greatest(c.reltuples, 0), c.relpages,"
                            " coalesce(s.n_live_tup, 0), coalesce(s.n_mod_since_analyze, 0),"
                            " coalesce(s.n_tup_ins, 0), coalesce(s.n_tup_upd, 0), coalesce(s.n_tup_del, 0),"
                            " coalesce(extract(epoch from now() - d.stats_reset), extract(epoch from now() - "
                            "pg_catalog.pg_postmaster_start_time())),"
                            " coalesce(s.last_analyze, s.last_autoanalyze) is not null or c.reltuples >= 0"
                            " from wanted join pg_catalog.pg_class c on c.oid = wanted.id"
                            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
                            " left join pg_catalog.pg_stat_all_tables s on s.relid = c.oid"
                            " left join pg_catalog.pg_stat_database d on d.datname = current_database()"
                            " order by 1, 2"};

constexpr Statement kColumns{
    "with " HOWDAH_WANTED
    " select n.nspname, c.relname, a.attname, t.typname, t.typcategory::text,"
    " case when s.n_distinct < 0 then -s.n_distinct * greatest(c.reltuples, 0) else s.n_distinct end,"
    " s.null_frac, s.avg_width, s.correlation, s.most_common_freqs[1],"
    " case when t.typcategory <> 'A' then (s.most_common_vals::text::text[])[1] end,"
    " case when t.typcategory <> 'A' then"
    " (s.histogram_bounds::text::text[])[1 + cardinality(s.histogram_bounds::text::text[]) / 2] end"
    " from wanted join pg_catalog.pg_class c on c.oid = wanted.id"
    " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    " join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    " join pg_catalog.pg_type t on t.oid = a.atttypid"
    " left join pg_catalog.pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname"
    " and s.inherited = (c.relkind = 'p')"
    " order by 1, 2, a.attnum"};

constexpr Statement kIndexes{
    "with " HOWDAH_WANTED
    " select n.nspname, c.relname, i.relname, m.amname, pg_catalog.pg_get_indexdef(x.indexrelid),"
    " coalesce(pg_catalog.pg_get_expr(x.indpred, x.indrelid), ''),"
    " (select pg_catalog.jsonb_agg(coalesce(a.attname::text, pg_catalog.pg_get_indexdef(x.indexrelid, k::int, true)) "
    "order by k)"
    "  from pg_catalog.generate_series(1, x.indnkeyatts) k"
    "  left join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[k - 1] and a.attnum > 0),"
    " (select coalesce(pg_catalog.jsonb_agg(a.attname order by k), '[]')"
    "  from pg_catalog.generate_series(x.indnkeyatts + 1, x.indnatts) k"
    "  join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[k - 1]),"
    " x.indisunique, exists (select from pg_catalog.pg_constraint o where o.conindid = x.indexrelid),"
    " x.indisvalid and x.indisready and x.indislive,"
    " pg_catalog.pg_relation_size(x.indexrelid), coalesce(s.idx_scan, 0),"
    " (select pg_catalog.jsonb_agg(pg_catalog.concat(x.indkey[k - 1], ' ', x.indclass[k - 1], ' ', a.attoptions, ' ',"
    "  x.indcollation[k - 1], ' ', x.indoption[k - 1],"
    "  case x.indkey[k - 1] when 0 then ' ' || pg_catalog.pg_get_indexdef(x.indexrelid, k::int, false) end) order by k)"
    "  from pg_catalog.generate_series(1, x.indnkeyatts) k"
    "  left join pg_catalog.pg_attribute a on a.attrelid = x.indexrelid and a.attnum = k),"
    " (select pg_catalog.jsonb_agg(pg_catalog.pg_get_indexdef(x.indexrelid, k::int, false) order by k)"
    "  from pg_catalog.generate_series(1, x.indnkeyatts) k),"
    " (select p.opcname from pg_catalog.pg_opclass p where p.oid = x.indclass[0]),"
    " x.indisreplident or x.indisclustered or i.relkind <> 'i' or i.relispartition"
    " from wanted join pg_catalog.pg_index x on x.indrelid = wanted.id"
    " join pg_catalog.pg_class c on c.oid = x.indrelid join pg_catalog.pg_class i on i.oid = x.indexrelid"
    " join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_am m on m.oid = i.relam"
    " left join pg_catalog.pg_stat_all_indexes s on s.indexrelid = x.indexrelid"
    " order by 1, 2, 3"};

#undef HOWDAH_WANTED

double numberAt(const Rows& rows, std::size_t column) {
    return std::strtod(std::string(rows.text(column)).c_str(), nullptr);
}

std::vector<std::string> textsAt(const Rows& rows, std::size_t column) {
    const Json list = Json::parse(rows.text(column), nullptr, false);
    return list.is_array() ? list.get<std::vector<std::string>>() : std::vector<std::string>{};
}

Table* tableIn(std::vector<Table>& tables, const Rows& rows) {
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& table) {
        return table.schema == rows.text(0) && table.name == rows.text(1);
    });
    return found == tables.end() ? nullptr : &*found;
}

// Asks, and has `take` look at each row.
template <typename Take>
Result<void> each(Call& call, std::string_view database, const Statement& statement, const std::string& wanted,
                  const Take& take) {
    auto rows = call.query(statement, {wanted}, database);
    if (!rows) return std::move(rows).error();
    for (;;) {
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) return {};
        take(*rows);
    }
}

}  // namespace

std::size_t plainKeys(std::string_view definition, std::string_view method, const std::vector<std::string>& keys) {
    const std::string head = concat(" USING ", method, " (");
    std::size_t at = definition.find(head), count = 0;
    if (at == std::string_view::npos) return 0;
    at += head.size();
    for (const std::string& key : keys) {
        if (!definition.substr(at).starts_with(key)) break;
        at += key.size();
        const std::string_view behind = definition.substr(at);
        if (!behind.starts_with(", ") && !behind.starts_with(")")) break;  // a class, collation or order
        ++count;
        if (behind.front() == ')') break;
        at += 2;
    }
    return count;
}

const Column* Table::column(std::string_view column_name) const {
    const auto found = columns.find(column_name);
    return found == columns.end() ? nullptr : &found->second;
}

double Table::writesPerDay() const {
    return counted_s > 0 ? (inserted + updated + deleted) / counted_s * 86400 : 0;
}

const std::array<const Statement*, 3>& Catalog::statements() {
    static constexpr std::array<const Statement*, 3> kAll{&kTables, &kColumns, &kIndexes};
    return kAll;
}

Result<Catalog> Catalog::read(Call& call, std::string_view database, const std::vector<Name>& names) {
    Json list = Json::array();
    for (const auto& [schema, table] : names)
        list.push_back({{"s", schema}, {"t", table}});
    const std::string wanted = list.dump(-1, ' ', false, Json::error_handler_t::replace);
    Catalog catalog;
    auto& tables = catalog.tables_;
    auto done = each(call, database, kTables, wanted, [&](const Rows& row) {
        Table table;
        table.schema = row.text(0), table.name = row.text(1), table.kind = row.text(2);
        table.rows = numberAt(row, 3), table.pages = numberAt(row, 4);
        table.live_rows = numberAt(row, 5), table.changed_since_analyze = numberAt(row, 6);
        table.inserted = numberAt(row, 7), table.updated = numberAt(row, 8), table.deleted = numberAt(row, 9);
        table.counted_s = numberAt(row, 10), table.analyzed = row.boolean(11);
        tables.push_back(std::move(table));
    });
    if (!done) return std::move(done).error();
    done = each(call, database, kColumns, wanted, [&](const Rows& row) {
        Table* table = tableIn(tables, row);
        if (!table) return;
        Column& column = table->columns[std::string(row.text(2))];
        column.type = row.text(3), column.category = row.text(4);
        column.known = !row.isNull(5);
        column.distinct = numberAt(row, 5), column.null_share = numberAt(row, 6), column.width = numberAt(row, 7);
        column.correlation = numberAt(row, 8), column.common_share = numberAt(row, 9);
        column.common = row.text(10), column.middle = row.text(11);
    });
    if (!done) return std::move(done).error();
    done = each(call, database, kIndexes, wanted, [&](const Rows& row) {
        Table* table = tableIn(tables, row);
        if (!table) return;
        ExistingIndex index;
        index.name = row.text(2), index.method = row.text(3), index.definition = row.text(4);
        index.predicate = row.text(5);
        index.keys = textsAt(row, 6), index.included = textsAt(row, 7);
        index.unique = row.boolean(8), index.constraint = row.boolean(9), index.valid = row.boolean(10);
        index.bytes = numberAt(row, 11), index.scans = numberAt(row, 12);
        index.key_ids = textsAt(row, 13);
        index.plain_keys = plainKeys(index.definition, index.method, textsAt(row, 14));
        index.operator_class = row.text(15), index.needed = row.boolean(16);
        table->indexes.push_back(std::move(index));
    });
    if (!done) return std::move(done).error();
    return catalog;
}

const Table* Catalog::find(std::string_view schema, std::string_view name) const {
    const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const Table& table) {
        return table.name == name && (schema.empty() || table.schema == schema);
    });
    return found == tables_.end() ? nullptr : &*found;
}

}  // namespace howdah::optimizer
