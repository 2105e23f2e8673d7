// The part of the builder that draws the table graph: what answers depend on and writes reach.
//
// Two marks spread from what is used to all that uses it, along the edges that the judgement of reads was made by and
// those of its own: "unsteady", then "changing". Both take more than is so rather than less.
#include <utility>
#include <vector>

#include "plugins/guard/catalog.hpp"
#include "plugins/guard/snapshot_builder.hpp"
#include "plugins/guard/steadiness.hpp"

namespace howdah::guard {
namespace {

constexpr ObjectKind kKinds[] = {ObjectKind::function, ObjectKind::op, ObjectKind::type, ObjectKind::relation};

}  // namespace

bool Snapshot::Builder::isSteadyCall(Oid function, bool in_policy) const {
    if (function >= kFirstOfUsers) return true;  // for itself: what it is spreads to who calls it
    const auto own = own_functions_.find(function);
    const std::string_view name = own == own_functions_.end() ? std::string_view{} : own->second;
    return isSteadyInCode(name, made_->isSteady(ObjectKind::function, function), in_policy);
}

bool Snapshot::Builder::mayChange(Oid own_function) const {
    if (own_function >= kFirstOfUsers) return false;  // as above
    const auto own = own_functions_.find(own_function);
    if (own == own_functions_.end()) return true;
    const FunctionClass known = functionClass({}, own->second);
    const bool reads = known == FunctionClass::safe || known == FunctionClass::safe_volatile ||
                       (known == FunctionClass::internal && made_->isSteady(ObjectKind::function, own_function));
    return !reads && !isSafeInWrites({}, own->second);
}

// Whatever has that number: a function and a type may have the same.
void Snapshot::Builder::connect(Key holder, Oid used) {
    for (const ObjectKind kind : kKinds)
        if (const Key key = keyOf(kind, used); key != holder && known_.contains(key)) need(holder, key);
}

void Snapshot::Builder::connect(const Code& code) {
    for (const Oid called : code.calls)
        if (called >= kFirstOfUsers) connect(code.holderKey(), called);
    for (const Oid used : code.uses)
        connect(code.holderKey(), used);
}

void Snapshot::Builder::connectValues() {
    for (const Reach& reach : reach_)
        if (reach.what == 'u')
            for (const ObjectKind kind : {ObjectKind::function, ObjectKind::type})
                connect(keyOf(kind, reach.relation), reach.other);
}

void Snapshot::Builder::spreadTo(std::unordered_set<Key>& marked) const {
    std::vector<Key> pending(marked.begin(), marked.end());
    while (!pending.empty()) {
        const auto [first, last] = used_by_.equal_range(pending.back());
        pending.pop_back();
        for (auto edge = first; edge != last; ++edge)
            if (marked.insert(edge->second).second) pending.push_back(edge->second);
    }
}

void Snapshot::Builder::noteUnsteady() {
    auto& unsteady = made_->unsteady_;
    for (const Reach& reach : reach_)
        if (reach.what == 's') unsteady.insert(keyOf(ObjectKind::function, reach.relation));
    const auto calls = [&](Key holder, Oid function) {
        if (!isSteadyCall(function, false)) unsteady.insert(holder);
    };
    for (const Function& function : functions_) {
        const Key key = keyOf(ObjectKind::function, function.object.oid);
        if (function.volatility != 'i') unsteady.insert(key);
        for (const Oid called : function.calls) {  // an aggregate is always IMMUTABLE by name
            calls(key, called);
            if (called >= kFirstOfUsers) need(key, keyOf(ObjectKind::function, called));
        }
    }
    for (std::size_t i = 0; i < operators_.size(); ++i)
        calls(keyOf(ObjectKind::op, operators_[i].oid), operator_functions_[i]);
    for (const Type& type : types_)
        for (const Oid called : type.calls)
            calls(keyOf(ObjectKind::type, type.object.oid), called);
    for (const Cast& cast : casts_) {
        const bool of_users = cast.source >= kFirstOfUsers || cast.target >= kFirstOfUsers;
        if (!of_users) calls(keyOf(ObjectKind::type, 0), cast.function);
        for (const Oid type : {cast.source, cast.target})
            if (type >= kFirstOfUsers) calls(keyOf(ObjectKind::type, type), cast.function);
    }
    for (const Code& code : code_) {
        if (code.kind == 'f') connect(code);
        if (code.kind != 'f' && !isRunByReads(code)) continue;
        if (code.unsteady) unsteady.insert(code.holderKey());
        for (const Oid called : code.calls)
            if (!isSteadyCall(called, code.kind == 'p')) unsteady.insert(code.holderKey());
    }
    connectValues();
    spreadTo(unsteady);
}

// After the above: the edges of what only writes run must not make a read unsteady.
void Snapshot::Builder::noteChanging() {
    for (const Reach& reach : reach_)
        if (reach.what == 'w') connect(keyOf(ObjectKind::relation, reach.relation), reach.other);
    for (const Function& function : functions_) {
        const Key key = keyOf(ObjectKind::function, function.object.oid);
        if (function.kind != 'a' && function.volatility == 'v') changing_.insert(key);
        for (const Oid called : function.calls)
            if (mayChange(called)) changing_.insert(key);
    }
    for (std::size_t i = 0; i < operators_.size(); ++i)
        if (mayChange(operator_functions_[i])) changing_.insert(keyOf(ObjectKind::op, operators_[i].oid));
    for (const Cast& cast : casts_)
        for (const Oid type : {cast.source, cast.target})
            if (type >= kFirstOfUsers && mayChange(cast.function)) changing_.insert(keyOf(ObjectKind::type, type));
    for (const Code& code : code_) {
        const bool of_writes = code.kind == 'w' || code.kind == 'd';
        if (of_writes) connect(code);
        if (!of_writes && code.kind != 'f' && !isRunByReads(code)) continue;
        for (const Oid called : code.calls)
            if (mayChange(called)) changing_.insert(code.holderKey());
    }
    spreadTo(changing_);
}

void Snapshot::Builder::drawRelations() {
    TableGraph& graph = made_->tables_;
    for (const Relation& relation : relations_) {
        const Oid oid = relation.object.oid;
        const bool has_rows = relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'm';
        const bool is_view = relation.kind == 'v';
        TableGraph::Relation& drawn = graph.relation(oid);
        const bool temporary = made_->schemaName(relation.object.schema).starts_with("pg_temp");
        drawn.tree = is_view ? 0 : oid;
        drawn.steady =
            (has_rows || is_view) && !relation.is_outside && !temporary && made_->isSteady(ObjectKind::relation, oid);
        // Type 0 is that of a sequence, and of no column.
        drawn.plain = relation.kind != 'f' && !relation.is_outside &&
                      !changing_.contains(keyOf(ObjectKind::relation, oid)) &&
                      (relation.type == 0 || made_->isSteady(ObjectKind::type, relation.type));
    }
}

void Snapshot::Builder::drawTables() {
    drawRelations();
    TableGraph& graph = made_->tables_;
    for (const Code& code : code_) {
        if (code.kind == 't') {
            // A domain's check may run wherever an index or a function of the user's makes such a value.
            bool changes = false;
            for (const Oid called : code.calls)
                changes = changes || mayChange(called) || changing_.contains(keyOf(ObjectKind::function, called));
            for (const Oid used : code.uses)
                for (const ObjectKind kind : kKinds)
                    changes = changes || (used != code.holder && changing_.contains(keyOf(kind, used)));
            if (changes) graph.closeWrites();
            continue;
        }
        if (!isRunByReads(code) || !graph.knows(code.holder)) continue;
        for (const Oid used : code.uses)
            if (graph.knows(used)) graph.relation(code.holder).reads.push_back(used);
    }
    std::vector<std::pair<Oid, Oid>> inheritance;
    for (const Reach& reach : reach_) {
        if (reach.what == 'i') inheritance.emplace_back(reach.relation, reach.other);
        if (!graph.knows(reach.relation)) continue;
        if (reach.what == 'x') graph.relation(reach.relation).plain = false;
        if (reach.what == 'c') graph.relation(reach.relation).cascades.push_back(reach.other);
    }
    graph.merge(inheritance);
    made_->bytes_ += relations_.size() * sizeof(TableGraph::Relation);
}

}  // namespace howdah::guard
