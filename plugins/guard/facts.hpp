// What the guard finds out about one statement.
//
// Threads: plain values, shared as const.
// Source:  research on the read-only layers: a name without a schema can still mean a user's object whose argument
// types
//          fit better than PostgreSQL's own. The names are kept here so that a catalog snapshot can settle them later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::guard {

enum class Kind : std::uint32_t {
    select = 1,  // SELECT, TABLE, set operations, WITH
    values = 2,
    show = 3,
    explain = 4,
    insert = 5,
    update = 6,
    remove = 7,  // DELETE
    merge = 8,
    truncate = 9,
    ddl = 10,
};

std::string_view name(Kind kind);

// As written; an empty schema means that the search_path decides.
struct ObjectName {
    std::string schema;
    std::string name;

    friend bool operator==(const ObjectName&, const ObjectName&) = default;
};

// The same where another keeps the text: the parse tree, or a literal.
struct NameView {
    std::string_view schema;
    std::string_view name;

    NameView() = default;
    NameView(std::string_view in_schema, std::string_view text) : schema(in_schema), name(text) {}
    NameView(const ObjectName& kept) : schema(kept.schema), name(kept.name) {}  // NOLINT: implicit by design

    ObjectName kept() const { return {std::string(schema), std::string(name)}; }
    friend bool operator==(const NameView&, const NameView&) = default;
};

struct TableUse {
    ObjectName table;
    bool maybe_cte = false;  // a WITH query of this name exists somewhere in the statement

    friend bool operator==(const TableUse&, const TableUse&) = default;
};

struct Facts {
    Kind kind = Kind::select;
    bool read_only = false;        // passed the rules of the restricted path
    bool wrappable = false;        // may stand as a subquery: select * from (<body>) q
    bool unlimited = false;        // wrappable, and a LIMIT clause may follow its body
    bool has_volatile = false;     // calls a function whose value changes: not to be cached
    bool reads_catalog = false;    // reads pg_catalog or information_schema
    bool unresolved = false;       // names something that the catalog snapshot does not have
    bool steady = false;           // of a read: the answer stays as long as the rows of `relations` do
    bool reach_known = false;      // of a write: it changes rows of `relations` at most
    std::uint32_t body_begin = 0;  // bytes; the statement without semicolon, blanks and comments around it
    std::uint32_t body_end = 0;
    std::uint32_t parameters = 0;        // the highest $n
    std::uint64_t short_parameters = 0;  // those that must be short (growth.hpp),
    std::uint64_t small_parameters = 0;  // and those whose numbers must be small
    std::vector<TableUse> tables;
    std::vector<ObjectName> functions;
    std::vector<ObjectName> operators;
    std::vector<ObjectName> types;         // only those not written as pg_catalog types
    std::vector<std::uint32_t> relations;  // pg_class.oid, ascending; where one of the two above is true
    std::uint64_t schema_version = 0;      // of the catalog they were found in
};

}  // namespace howdah::guard
