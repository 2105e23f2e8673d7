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

// The method, keys, predicate and columns of one that exists.
bool covers(const ExistingIndex& existing, const IndexSpec& wanted);
// Whether the existing one is needless beside the new one: a plain B-tree whose keys the new one begins with.
bool coveredBy(const ExistingIndex& existing, const IndexSpec& made);

// Bytes an index would take, by the width of its columns.
double estimatedBytes(const IndexSpec& spec, const Table& table);

struct CandidateLimits {
    std::size_t width_max = 3;
    std::size_t include_max = 6;
    std::size_t candidates_max = 500;
};
// What is worth being judged for these uses of tables; none that an existing index makes needless.
std::vector<Candidate> candidatesFor(const std::vector<std::vector<TableUse>>& statements, const Catalog& catalog,
                                     const CandidateLimits& limits);

// A plain B-tree that begins like one of a statement's own may do for that statement too: so one index can serve
// several.
void shareAlike(std::vector<std::set<std::size_t>>& by_statement, const std::vector<Candidate>& candidates);

}  // namespace howdah::optimizer
