// How a plan uses the columns of its tables: what is compared with what, sorted, grouped, read. Read from the plan and
// not from the statement, since there views, subqueries and names are resolved. Parses, so the stack must be large.
//
// Threads: pure.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/optimizer/plan.hpp"

namespace howdah::optimizer {

enum class Comparing {
    equal,     // with a value
    in_list,   // = any (...)
    range,     // < <= > >=, BETWEEN
    prefix,    // LIKE 'abc%'
    pattern,   // LIKE '%abc%', ~
    contains,  // @> && ? @@: of GIN
    is_null,
    not_null,
    is_true,
    is_false,
    join,  // with a column of another table
};

struct Comparison {
    Comparing how = Comparing::equal;
    std::string column;      // "" for an expression
    std::string expression;  // of one table's columns, as an index would have it
    std::vector<std::string> expression_columns;
    std::string cast_to;   // column::type = value: whether that keeps an index from use depends on the column's type
    std::string constant;  // as SQL; "" where it is no constant
    std::string text;      // of the condition, for people
    bool alternative = false;  // one side of an OR
    bool parameter = false;    // the constant is the value of a parameter: another call has another
};

struct SortColumn {
    std::string column;
    bool descending = false;
    bool nulls_first = false;
};

// One table under one name in one statement.
struct TableUse {
    std::string schema, table, alias;
    std::vector<Comparison> comparisons;
    std::vector<std::vector<SortColumn>> sorts;  // each is of this table's columns alone
    std::vector<std::string> groups;
    std::set<std::string> columns;  // whatever is read of it
    double scan_cost = 0;           // of the node that reads it, once
    double scan_rows = 0;           // it gives
    double loops = 1;               // expected
    std::string scan_type, scan_index;
    bool whole_table() const { return scan_type.find("Seq Scan") != std::string::npos; }
};

std::vector<TableUse> usesOf(const Plan& plan);
// Of a statement with parameters: tells their values apart, which a plan shows as constants. What its text as it was
// written does not hold is taken for one.
void markParameters(std::vector<TableUse>& uses, std::string_view written);

}  // namespace howdah::optimizer
