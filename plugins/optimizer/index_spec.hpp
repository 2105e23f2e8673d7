// An index that might be made: its definition, and what is known of its price.
//
// Threads: plain values.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "plugins/optimizer/catalog.hpp"
#include "plugins/optimizer/usage.hpp"

namespace howdah::optimizer {

struct IndexSpec {
    std::string schema, table;
    std::string method = "btree";      // btree, gin, brin
    std::vector<std::string> keys;     // as SQL: quoted names, expressions in parentheses, DESC
    std::vector<std::string> columns;  // of the keys: the bare names; the expression's text where it is one
    std::vector<std::string> included;
    std::string predicate;       // of a partial index, as SQL
    std::string operator_class;  // of the one key of a GIN index

    std::string ddl(bool concurrently = false) const;
    bool plain() const { return method == "btree" && predicate.empty(); }
};

struct Candidate {
    IndexSpec spec;
    double bytes = 0;
    std::string kind;  // what it is for: "equality", "sort", "covering", "partial", "expression", ...
};

// Whether one that exists does what is wanted.
bool covers(const ExistingIndex& existing, const IndexSpec& wanted);
// Whether the existing one is needless beside the new one: a plain B-tree over columns that the new one begins with.
bool coveredBy(const ExistingIndex& existing, const IndexSpec& made);
// Whether the one begins with all keys of the other, by the same operator classes, collations and orders, for the same
// rows, and holds its columns: B-trees, so whatever the other is read for this one can be.
bool doesTheWorkOf(const ExistingIndex& one, const ExistingIndex& other);
// The index of that table which makes this one needless; of two equal ones the first by name stays. Null: none does, or
// it is there for more than to be read.
const ExistingIndex* redundantTo(const Table& table, const ExistingIndex& index);

// Bytes an index would take, by the width of its columns.
double estimatedBytes(const IndexSpec& spec, const Table& table);

struct CandidateLimits {
    std::size_t width_max = 3;
    std::size_t include_max = 6;
    std::size_t candidates_max = 500;
};
// What is worth being judged for these uses of tables; none that an existing index makes needless. `beyond` gets the
// definitions of those beyond candidates_max.
std::vector<Candidate> candidatesFor(const std::vector<std::vector<TableUse>>& statements, const Catalog& catalog,
                                     const CandidateLimits& limits, std::set<std::string>* beyond = nullptr);

// A plain B-tree that begins like one of a statement's own may do for that statement too: so one index can serve
// several.
void shareAlike(std::vector<std::set<std::size_t>>& by_statement, const std::vector<Candidate>& candidates);

}  // namespace howdah::optimizer
