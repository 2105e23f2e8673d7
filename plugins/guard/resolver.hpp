// What a name in a statement can mean in one database: PostgreSQL picks one object, and which one depends on types that
// a text does not show, so every object the name could mean must pass.
//
// Threads: immutable; a value of one judgement.
// Owns:    the list of schemas; the snapshot is borrowed.
// Source:  PostgreSQL manual, "The Schema Search Path", "Type Conversion"; source, parser/parse_func.c
//          (func_get_detail), catalog/namespace.c.
#pragma once

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

    bool contains(Oid schema) const;
    std::uint64_t hash() const { return hash_; }  // part of a verdict's key

private:
    explicit SchemaSet(std::vector<Oid> schemas);
    std::vector<Oid> schemas_;
    std::uint64_t hash_ = 0;
};

// Where a name without a schema is looked for. What passes is judged by the path that the session is known to have.
// Whoever keeps an answer must be right under any other too, as a scope may set one: for that, every schema counts.
enum class Schemas : std::uint8_t { of_path, all };

class Resolver {
public:
    static constexpr int kAnyNumber = -1;  // of arguments

    Resolver(const Snapshot& snapshot, const SchemaSet& path) : snapshot_(snapshot), path_(path) {}

    // Of the user's objects a name can mean. PostgreSQL's own are not among them.
    struct Found {
        bool any = false;       // by the path
        bool steady = true;     // all of that name, in every schema, give the same for the same always
        bool unread = false;    // the catalog: what it means is not known
        std::string objection;  // the first that does not pass: its name and why; "" if all pass
    };
    Found function(NameView name, int arguments) const;
    // Whether there is any function or type of that name at all, of the user's.
    bool anyFunctionNamed(std::string_view name) const {
        return snapshot_.isUnread() || !snapshot_.named(ObjectKind::function, name).empty() ||
               !snapshot_.named(ObjectKind::type, name).empty();
    }
    // Of those, which a row without a type of its own can be given to: v.f of a subquery v.
    Found functionOfRows(std::string_view name) const;
    Found op(NameView name) const { return objects(ObjectKind::op, name, kAnyNumber); }
    Found type(NameView name) const;
    Found relation(NameView name) const { return objects(ObjectKind::relation, name, kAnyNumber); }

    // Whether every relation the name can mean has a column of that name, which then is no call.
    bool allHaveColumn(NameView relation, std::string_view column, Schemas schemas) const;

    // All that the name can mean.
    std::vector<Oid> relationsNamed(NameView name, Schemas schemas) const;
    const TableGraph& tables() const { return snapshot_.tables(); }
    bool isSteadyEverywhere() const { return !snapshot_.isUnread() && snapshot_.isSteadyEverywhere(); }

    const std::string& everywhere() const { return snapshot_.everywhere(); }

private:
    Found objects(ObjectKind kind, NameView name, int arguments, bool rows_only = false) const;
    bool isMeant(const CatalogObject& object, NameView name, Schemas schemas) const;

    const Snapshot& snapshot_;
    const SchemaSet& path_;
};

}  // namespace howdah::guard
