#include "plugins/guard/judgement.hpp"

#include <utility>

namespace howdah::guard {
namespace {

std::uint32_t abiKind(Kind kind) {
    switch (kind) {
        case Kind::select:
        case Kind::values: return HOWDAH_STATEMENT_SELECT;
        case Kind::show: return HOWDAH_STATEMENT_SHOW;
        case Kind::explain: return HOWDAH_STATEMENT_EXPLAIN;
        case Kind::insert: return HOWDAH_STATEMENT_INSERT;
        case Kind::update: return HOWDAH_STATEMENT_UPDATE;
        case Kind::remove: return HOWDAH_STATEMENT_DELETE;
        case Kind::merge: return HOWDAH_STATEMENT_MERGE;
        case Kind::ddl: return HOWDAH_STATEMENT_DDL;
        case Kind::truncate: return HOWDAH_STATEMENT_OTHER;
    }
    return HOWDAH_STATEMENT_UNKNOWN;
}

std::uint32_t abiFlags(const Facts& facts) {
    return (facts.read_only ? HOWDAH_FACT_READ_ONLY : 0) | (facts.wrappable ? HOWDAH_FACT_WRAPPABLE : 0) |
           (facts.unlimited ? HOWDAH_FACT_UNLIMITED : 0) | (facts.has_volatile ? HOWDAH_FACT_VOLATILE : 0) |
           (facts.reads_catalog ? HOWDAH_FACT_CATALOG : 0) | (facts.steady ? HOWDAH_FACT_CACHEABLE : 0) |
           (facts.reach_known ? HOWDAH_FACT_REACH_KNOWN : 0);
}

howdah_name abiName(const ObjectName& name) {
    return {{name.schema.data(), name.schema.size()}, {name.name.data(), name.name.size()}};
}

}  // namespace

Judgement::Judgement(Result<Facts> result, std::uint64_t fingerprint) : result_(std::move(result)) {
    abi_.fingerprint = fingerprint;
    if (!result_) return;
    const Facts& facts = *result_;
    for (const TableUse& use : facts.tables)
        tables_.push_back(abiName(use.table));
    for (const ObjectName& function : facts.functions)
        functions_.push_back(abiName(function));
    abi_.struct_size = sizeof abi_;
    abi_.kind = abiKind(facts.kind);
    abi_.flags = abiFlags(facts);
    abi_.parameter_count = facts.parameters;
    abi_.body_begin = facts.body_begin;
    abi_.body_end = facts.body_end;
    abi_.tables = tables_.data();
    abi_.table_count = tables_.size();
    abi_.functions = functions_.data();
    abi_.function_count = functions_.size();
    abi_.relations = facts.relations.data();
    abi_.relation_count = facts.relations.size();
    abi_.schema_version = facts.schema_version;
}

}  // namespace howdah::guard
