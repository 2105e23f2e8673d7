// What a name in a statement can mean in one database: PostgreSQL picks one object, and which one depends on types that
// a text does not show, so every object the name could mean must pass.
//
// Threads: immutable; a value of one judgement.
// Owns:    the list of schemas; the snapshot is borrowed.
// Source:  PostgreSQL manual, "The Schema Search Path", "Type Conversion"; source, parser/parse_func.c
//          (func_get_detail), catalog/namespace.c.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/guard/facts.hpp"
#include "plugins/guard/snapshot.hpp"

namespace howdah::guard {

// The schemas that names without one may come from; order does not matter, because all of them must pass.
class SchemaSet {
public:
    static SchemaSet ofSession(const Snapshot& snapshot);
    // Where a scope has set the search_path or the role: every schema whose name stands in those texts.
    static SchemaSet ofScope(const Snapshot& snapshot, std::optional<std::string_view> search_path,
                             std::optional<std::string_view> role);

    bool contains(Oid schema) const;
    std::uint64_t hash() const { return hash_; }  // part of a verdict's key

private:
    explicit SchemaSet(std::vector<Oid> schemas);
    std::vector<Oid> schemas_;
    std::uint64_t hash_ = 0;
};

class Resolver {
public:
    static constexpr int kAnyNumber = -1;  // of arguments

    Resolver(const Snapshot& snapshot, const SchemaSet& path) : snapshot_(snapshot), path_(path) {}

    // Of the user's objects a name can mean. PostgreSQL's own are not among them.
    struct Found {
        bool any = false;
        bool steady = true;     // all of them give the same for the same always
        std::string objection;  // the first that does not pass: its name and why; "" if all pass
    };
    Found function(NameView name, int arguments) const;
    // Whether there is any function or type of that name at all, of the user's.
    bool anyFunctionNamed(std::string_view name) const {
        return !snapshot_.named(ObjectKind::function, name).empty() || !snapshot_.named(ObjectKind::type, name).empty();
    }
    // Of those, which a row without a type of its own can be given to: v.f of a subquery v.
    Found functionOfRows(std::string_view name) const;
    Found op(NameView name) const { return objects(ObjectKind::op, name, kAnyNumber); }
    Found type(NameView name) const { return objects(ObjectKind::type, name, kAnyNumber); }
    Found relation(NameView name) const { return objects(ObjectKind::relation, name, kAnyNumber); }

    // Whether every relation the name can mean has a column of that name, which then is no call.
    bool allHaveColumn(NameView relation, std::string_view column) const;

    // All that the name can mean.
    std::vector<Oid> relationsNamed(NameView name) const;
    const TableGraph& tables() const { return snapshot_.tables(); }
    bool isSteadyEverywhere() const { return snapshot_.isSteadyEverywhere(); }

    const std::string& everywhere() const { return snapshot_.everywhere(); }

private:
    Found objects(ObjectKind kind, NameView name, int arguments, bool rows_only = false) const;
    bool isMeant(const CatalogObject& object, NameView name) const;

    const Snapshot& snapshot_;
    const SchemaSet& path_;
};

}  // namespace howdah::guard
