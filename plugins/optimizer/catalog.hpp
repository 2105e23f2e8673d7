// What the catalog and the statistics of a database say of the tables a statement uses, as far as the role may see it.
//
// Threads: plain values; read() on the fiber of its call, waits.
// Errors:  of the guard, the pool and PostgreSQL.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/call.hpp>

namespace howdah::optimizer {

struct Column {
    std::string type;            // pg_type.typname: "varchar"
    std::string category;        // pg_type.typcategory: "N" numbers, "S" texts, "D" dates, "A" arrays
    double distinct = 0;         // values; 0 = not known
    double null_share = 0;       // 0..1
    double width = 0;            // bytes on average
    double correlation = 0;      // of the order on disk with the values': -1..1
    double common_share = 0;     // of the most frequent value
    std::string common, middle;  // a frequent value and one from the middle, as text; "" = not known
    bool known = false;          // there are statistics that the role may read
};

struct ExistingIndex {
    std::string name, method, definition, predicate;
    std::vector<std::string> keys;      // names of columns, or expressions
    std::vector<std::string> included;  // INCLUDE
    bool unique = false, constraint = false, valid = true;
    double bytes = 0;
    double scans = 0;
    // Of each key: number of its column, operator class with its options, collation, order, and the expression where it
    // is one. Keys are equal where these are. Begins with "0 " for an expression.
    std::vector<std::string> key_ids;
    // How many keys at the beginning are what `create index` makes of them without another word: the operator class and
    // collation of their type and column, ascending, NULLs last.
    std::size_t plain_keys = 0;
    std::string operator_class;  // of the first key
    bool needed = false;  // besides for reading: replica identity, CLUSTER, part of a partitioned index or one itself

    bool stays() const { return unique || constraint || needed; }
};
// Source: pg_get_indexdef(), which leaves out what is the default. `keys` as it writes each of them.
std::size_t plainKeys(std::string_view definition, std::string_view method, const std::vector<std::string>& keys);

struct Table {
    std::string schema, name, kind;  // pg_class.relkind
    double rows = 0, pages = 0;
    double live_rows = 0, changed_since_analyze = 0;
    double inserted = 0, updated = 0, deleted = 0;  // since the statistics were reset
    double counted_s = 0;                           // how long ago that was; 0 = not known
    bool analyzed = false;
    std::map<std::string, Column, std::less<>> columns;
    std::vector<ExistingIndex> indexes;

    const Column* column(std::string_view name) const;
    double writesPerDay() const;
};

class Catalog {
public:
    using Name = std::pair<std::string, std::string>;  // schema, table

    static const std::array<const Statement*, 3>& statements();  // to register
    // An empty schema is looked up in the search_path.
    static Result<Catalog> read(Call& call, std::string_view database, const std::vector<Name>& names);

    const Table* find(std::string_view schema, std::string_view name) const;
    const std::vector<Table>& tables() const { return tables_; }
    void add(Table table) { tables_.push_back(std::move(table)); }

private:
    std::vector<Table> tables_;
};

}  // namespace howdah::optimizer
