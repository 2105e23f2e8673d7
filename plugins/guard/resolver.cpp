#include "plugins/guard/resolver.hpp"

#include <algorithm>
#include <utility>

#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

bool isOwn(std::string_view schema) {
    return schema == "pg_catalog";
}

}  // namespace

SchemaSet::SchemaSet(std::vector<Oid> schemas) : schemas_(std::move(schemas)) {
    std::ranges::sort(schemas_);
    hash_ = 0xcbf29ce484222325u;
    for (Oid oid : schemas_)
        hash_ = (hash_ ^ oid) * 0x100000001b3u;
}

SchemaSet SchemaSet::ofSession(const Snapshot& snapshot) {
    std::vector<Oid> schemas;
    for (const CatalogSchema& schema : snapshot.schemas())
        if (schema.in_path || isOwn(schema.name) || schema.name == snapshot.role()) schemas.push_back(schema.oid);
    return SchemaSet(std::move(schemas));
}

bool SchemaSet::contains(Oid schema) const {
    return std::ranges::binary_search(schemas_, schema);
}

bool Resolver::isMeant(const CatalogObject& object, NameView name, Schemas schemas) const {
    if (!name.schema.empty()) return snapshot_.schemaName(object.schema) == name.schema;
    return schemas == Schemas::all || path_.contains(object.schema);
}

Resolver::Found Resolver::objects(ObjectKind kind, NameView name, int arguments, bool rows_only) const {
    Found found;
    if (snapshot_.isUnread() && !isOwn(name.schema) && name.schema != "information_schema") {
        found.unread = true;
        found.steady = false;
        found.objection = written(name);
        return found;
    }
    for (const CatalogObject& object : snapshot_.named(kind, name.name)) {
        if (!isMeant(object, name, Schemas::all)) continue;
        if (arguments != kAnyNumber && (arguments < object.arguments_min || arguments > object.arguments_max)) continue;
        if (rows_only && !object.takes_rows) continue;
        found.steady = found.steady && snapshot_.isSteady(kind, object.oid);
        if (!isMeant(object, name, Schemas::of_path)) continue;
        found.any = true;
        if (!found.objection.empty() || snapshot_.passes(kind, object.oid)) continue;
        found.objection = concat(snapshot_.schemaName(object.schema), '.', object.name, ": ",
                                 snapshot_.objectionTo(kind, object.oid));
    }
    return found;
}

// f(x) with one argument may also be a cast to a type named f.
Resolver::Found Resolver::function(NameView name, int arguments) const {
    Found found = objects(ObjectKind::function, name, arguments);
    if (arguments != 1 && arguments != kAnyNumber) return found;
    Found as_type = objects(ObjectKind::type, name, kAnyNumber);
    found.steady = found.steady && as_type.steady;
    if (found.objection.empty() && !as_type.objection.empty()) {
        found.any = true;
        found.objection = std::move(as_type.objection);
    }
    return found;
}

// Written as one, so that a value is cast to it.
Resolver::Found Resolver::type(NameView name) const {
    Found found = objects(ObjectKind::type, name, kAnyNumber);
    if (!found.objection.empty()) return found;
    bool of_others = false;
    for (const CatalogObject& object : snapshot_.named(ObjectKind::type, name.name))
        of_others = of_others || (object.of_others && isMeant(object, name, Schemas::of_path));
    if (of_others)
        found.objection = snapshot_.objectionToCast({});
    else if (name.schema.empty() || isOwn(name.schema))
        found.objection = snapshot_.objectionToCast(name.name);
    return found;
}

Resolver::Found Resolver::functionOfRows(std::string_view name) const {
    return objects(ObjectKind::function, {{}, name}, 1, true);
}

std::vector<Oid> Resolver::relationsNamed(NameView name, Schemas schemas) const {
    std::vector<Oid> oids;
    for (const CatalogObject& object : snapshot_.named(ObjectKind::relation, name.name))
        if (isMeant(object, name, schemas)) oids.push_back(object.oid);
    return oids;
}

bool Resolver::allHaveColumn(NameView relation, std::string_view column, Schemas schemas) const {
    bool any = false;
    for (const CatalogObject& object : snapshot_.named(ObjectKind::relation, relation.name)) {
        if (!isMeant(object, relation, schemas)) continue;
        if (!snapshot_.hasColumn(object.oid, column)) return false;
        any = true;
    }
    return any;
}

}  // namespace howdah::guard
