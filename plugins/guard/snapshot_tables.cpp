// The part of the builder that draws the table graph: what answers depend on and writes reach.
#include <utility>
#include <vector>

#include "plugins/guard/snapshot_builder.hpp"
#include "plugins/guard/steadiness.hpp"

namespace howdah::guard {

void Snapshot::Builder::noteUnsteady() {
    auto& unsteady = made_->unsteady_;
    for (const Reach& reach : reach_)
        if (reach.what == 's') unsteady.insert(keyOf(ObjectKind::function, reach.relation));
    for (const Function& function : functions_)
        if (function.volatility != 'i') unsteady.insert(keyOf(ObjectKind::function, function.object.oid));
    const auto follow = [&](Key holder, Oid function) {
        if (function >= kFirstOfUsers && !made_->isSteady(ObjectKind::function, function)) unsteady.insert(holder);
    };
    for (std::size_t i = 0; i < operators_.size(); ++i)
        follow(keyOf(ObjectKind::op, operators_[i].oid), operator_functions_[i]);
    for (const Cast& cast : casts_) {
        const bool of_users = cast.source >= kFirstOfUsers || cast.target >= kFirstOfUsers;
        if (!of_users) follow(keyOf(ObjectKind::type, 0), cast.function);
        for (const Oid type : {cast.source, cast.target})
            if (type >= kFirstOfUsers) follow(keyOf(ObjectKind::type, type), cast.function);
    }
}

bool Snapshot::Builder::isSteadyCode(const Code& code) const {
    if (code.unsteady) return false;
    for (const Oid called : code.calls) {
        const auto own = own_functions_.find(called);
        const std::string_view name = own == own_functions_.end() ? std::string_view{} : own->second;
        if (!isSteadyInCode(name, made_->isSteady(ObjectKind::function, called), code.kind == 'p')) return false;
    }
    for (const Oid used : code.uses)
        for (const ObjectKind kind : {ObjectKind::function, ObjectKind::op, ObjectKind::type})
            if (!made_->isSteady(kind, used)) return false;
    return true;
}

void Snapshot::Builder::drawTables() {
    TableGraph& graph = made_->tables_;
    for (const Relation& relation : relations_) {
        const bool has_rows = relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'm';
        const bool is_view = relation.kind == 'v';
        TableGraph::Relation& drawn = graph.relation(relation.object.oid);
        const bool temporary = made_->schemaName(relation.object.schema).starts_with("pg_temp");
        drawn.tree = is_view ? 0 : relation.object.oid;
        drawn.steady = (has_rows || is_view) && !relation.is_outside && !temporary;
        drawn.plain = relation.kind != 'f' && !relation.is_outside;
    }
    for (const Code& code : code_) {
        if (code.kind == 't' || !graph.knows(code.holder)) continue;
        TableGraph::Relation& holder = graph.relation(code.holder);
        if (code.kind == 'r' && isStored(code.holder)) continue;
        holder.steady = holder.steady && isSteadyCode(code);
        for (const Oid used : code.uses)
            if (graph.knows(used)) holder.reads.push_back(used);
    }
    std::vector<std::pair<Oid, Oid>> inheritance;
    for (const Reach& reach : reach_) {
        if (reach.what == 'i') inheritance.emplace_back(reach.relation, reach.other);
        if (reach.what == 'x' && reach.relation == 0) graph.closeWrites();
        if (!graph.knows(reach.relation)) continue;
        if (reach.what == 'x') graph.relation(reach.relation).plain = false;
        if (reach.what == 'c') graph.relation(reach.relation).cascades.push_back(reach.other);
    }
    graph.merge(inheritance);
    made_->bytes_ += relations_.size() * sizeof(TableGraph::Relation);
}

}  // namespace howdah::guard
