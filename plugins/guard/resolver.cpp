#include "plugins/guard/resolver.hpp"

#include <algorithm>
#include <utility>

namespace howdah::guard {
namespace {

std::string lowered(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return lower;
}

// As it would stand inside double quotes.
std::string quoted(std::string_view name) {
    std::string text;
    for (char c : name)
        text.append(c == '"' ? 2 : 1, c);
    return text;
}

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

SchemaSet SchemaSet::ofScope(const Snapshot& snapshot, std::optional<std::string_view> search_path,
                             std::optional<std::string_view> role) {
    const std::string path = search_path ? lowered(*search_path) : std::string{};
    std::vector<Oid> schemas;
    for (const CatalogSchema& schema : snapshot.schemas()) {
        const bool on_path =
            search_path ? path.find(lowered(quoted(schema.name))) != std::string::npos : schema.in_path;
        // "$user" is the role's own schema.
        if (on_path || isOwn(schema.name) || schema.name == snapshot.role() || (role && schema.name == *role))
            schemas.push_back(schema.oid);
    }
    return SchemaSet(std::move(schemas));
}

bool SchemaSet::contains(Oid schema) const {
    return std::ranges::binary_search(schemas_, schema);
}

bool Resolver::isMeant(const CatalogObject& object, NameView name) const {
    return name.schema.empty() ? path_.contains(object.schema) : snapshot_.schemaName(object.schema) == name.schema;
}

Resolver::Found Resolver::objects(ObjectKind kind, NameView name, int arguments, bool rows_only) const {
    Found found;
    for (const CatalogObject& object : snapshot_.named(kind, name.name)) {
        if (!isMeant(object, name)) continue;
        if (arguments != kAnyNumber && (arguments < object.arguments_min || arguments > object.arguments_max)) continue;
        if (rows_only && !object.takes_rows) continue;
        found.any = true;
        found.steady = found.steady && snapshot_.isSteady(kind, object.oid);
        if (snapshot_.passes(kind, object.oid)) continue;
        found.objection = concat(snapshot_.schemaName(object.schema), '.', object.name, ": ",
                                 snapshot_.objectionTo(kind, object.oid));
        break;
    }
    return found;
}

// f(x) with one argument may also be a cast to a type named f.
Resolver::Found Resolver::function(NameView name, int arguments) const {
    Found found = objects(ObjectKind::function, name, arguments);
    if (!found.objection.empty() || (arguments != 1 && arguments != kAnyNumber)) return found;
    Found as_type = type(name);
    if (!as_type.objection.empty()) return as_type;
    found.steady = found.steady && as_type.steady;
    return found;
}

Resolver::Found Resolver::functionOfRows(std::string_view name) const {
    return objects(ObjectKind::function, {{}, name}, 1, true);
}

std::vector<Oid> Resolver::relationsNamed(NameView name) const {
    std::vector<Oid> oids;
    for (const CatalogObject& object : snapshot_.named(ObjectKind::relation, name.name))
        if (isMeant(object, name)) oids.push_back(object.oid);
    return oids;
}

bool Resolver::allHaveColumn(NameView relation, std::string_view column) const {
    bool any = false;
    for (const CatalogObject& object : snapshot_.named(ObjectKind::relation, relation.name)) {
        if (!isMeant(object, relation)) continue;
        if (!snapshot_.hasColumn(object.oid, column)) return false;
        any = true;
    }
    return any;
}

}  // namespace howdah::guard
