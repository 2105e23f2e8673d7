// The user's objects in one database's catalog, and which of them a read may use.
//
// An object passes if everything it can call passes: a view and a policy by its code, a domain by its checks, an
// operator, a cast and an aggregate by their functions, a relation by the types of its columns. A function passes if it
// is one of PostgreSQL's own safe ones, of a reviewed extension, or opened by the operator. What only a superuser can
// make (a base type's functions, operator classes, access methods) is trusted.
//
// Threads: immutable once built, shared as const.
// Owns:    copies of the names.
// Errors:  a text that is not what catalog_statements.hpp asked for is refused; nothing is ever taken for granted.
// Source:  PostgreSQL manual, "System Catalogs", "Function Type Resolution", "Dependency Tracking".
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/guard/name_filter.hpp"
#include "plugins/guard/policy.hpp"
#include "plugins/guard/table_graph.hpp"

namespace howdah::guard {

enum class ObjectKind : std::uint8_t { function, op, type, relation };

struct CatalogObject {
    Oid oid = 0;
    Oid schema = 0;
    std::string_view name;
    // Functions only: how many arguments a call may have.
    std::uint16_t arguments_min = 0;
    std::uint16_t arguments_max = 0;
    bool takes_rows = false;  // of any kind, as its first argument
    // Types only: a row, or made of one that a user's cast leads to, so that a cast to it may be one to what is in it.
    bool of_others = false;
};

struct CatalogSchema {
    Oid oid = 0;
    std::string name;
    bool in_path = false;
};

class Snapshot {
public:
    class Builder;

    // That of a catalog that cannot be read: whatever a name without pg_catalog may stand for is not known.
    static std::shared_ptr<const Snapshot> unread();
    bool isUnread() const { return unread_; }

    // All of that name, in every schema.
    std::span<const CatalogObject> named(ObjectKind kind, std::string_view name) const;

    // Why an object does not pass ("it calls shop.f"), "" if it does.
    std::string objectionTo(ObjectKind kind, Oid oid) const;
    bool passes(ObjectKind kind, Oid oid) const { return !failing_.contains(keyOf(kind, oid)); }

    // A function, operator or type that gives the same for the same always.
    bool isSteady(ObjectKind kind, Oid oid) const { return !unsteady_.contains(keyOf(kind, oid)); }
    // No cast between two of PostgreSQL's own types, which any expression may use unseen, is of another sort.
    bool isSteadyEverywhere() const { return isSteady(ObjectKind::type, 0); }
    const TableGraph& tables() const { return tables_; }

    // A cast between two of PostgreSQL's own types, which any expression may use unseen; "" if there is none that
    // fails.
    const std::string& everywhere() const { return everywhere_; }

    // Why a cast that is asked for by the name of one of PostgreSQL's own types does not pass, "" if all do; without a
    // name: to any of them.
    std::string objectionToCast(std::string_view type) const;

    // Of the columns that are kept: those named like a function of one argument.
    bool hasColumn(Oid relation, std::string_view name) const;

    const std::vector<CatalogSchema>& schemas() const { return schemas_; }
    std::string_view role() const { return role_; }
    std::string_view schemaName(Oid oid) const;
    std::size_t bytes() const { return bytes_; }
    std::size_t objectCount() const;

private:
    using Key = std::uint64_t;
    static constexpr Key keyOf(ObjectKind kind, Oid oid) { return Key{oid} << 2 | static_cast<Key>(kind); }

    std::string written(Key key) const;

    // A name is a piece of one of these.
    std::vector<std::unique_ptr<char[]>> names_;
    std::vector<CatalogObject> objects_[4];                  // each sorted by name
    NameFilter filters_[4];                                  // of their names
    std::vector<std::pair<Oid, std::string_view>> columns_;  // sorted
    std::vector<CatalogSchema> schemas_;
    std::string role_;
    std::unordered_map<Key, Key> failing_;  // and through what; a function through itself
    std::unordered_set<Key> unsteady_;
    TableGraph tables_;
    std::unordered_map<Key, std::string> own_;  // PostgreSQL's own functions among the causes
    std::string everywhere_;
    std::vector<std::pair<std::string_view, Oid>> cast_targets_;  // a few at most
    std::size_t bytes_ = 0;
    bool unread_ = false;
};

}  // namespace howdah::guard
