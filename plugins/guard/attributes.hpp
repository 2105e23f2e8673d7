// Qualified columns that may be calls: PostgreSQL takes v.f for f(v) where v has no column f.
//
// For the row of a table or a subquery, which is composite, that leaves functions of just that row type: the user's
// own. A function in FROM may give a scalar, and then any function of that type can be called so, pg_read_file(text)
// among them. So a column of such an alias is a possible call unless the statement itself names it.
//
// Threads: a value of one statement's walk.
// Owns:    nothing: the texts lie in the tree.
// Source:  PostgreSQL manual, "Function Calling Conventions" and "Value Expressions" (functional notation); source,
//          parser/parse_expr.c, transformColumnRef.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace howdah::guard {

class AttributeUses {
public:
    void noteColumn(const simdjson::dom::object& column_ref, std::uint32_t position);
    void noteRowFunction(const simdjson::dom::object& range_function);

    struct Use {
        std::string_view name;
        std::uint32_t position;  // byte offset
    };
    // When the whole tree has been seen: an alias may come after its use.
    std::vector<Use> possibleCalls() const;

private:
    struct QualifiedColumn {
        std::string_view qualifier;
        Use use;
    };
    struct RowFunction {
        std::string_view alias;  // "" if PostgreSQL makes it up: then any qualifier may be it
        std::vector<std::string_view> columns;
        bool hasColumn(std::string_view qualifier, std::string_view name) const;
    };

    std::vector<QualifiedColumn> columns_;
    std::vector<RowFunction> row_functions_;
};

}  // namespace howdah::guard
