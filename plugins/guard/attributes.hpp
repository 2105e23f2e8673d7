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

#include "plugins/guard/facts.hpp"
#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

class AttributeUses {
public:
    void noteColumn(const NodeView& column_ref, std::uint32_t position);
    void noteRowFunction(const NodeView& range_function);
    void noteRelation(const NodeView& range_var);
    // A subquery, a join or an expression in FROM: its columns are not known here.
    void noteOther(const NodeView& range_item);

    struct Use {
        std::string_view qualifier;
        std::string_view name;
        std::uint32_t position;  // byte offset
        bool of_row_function;    // may call PostgreSQL's own functions too
    };
    // When the whole tree has been seen: an alias may come after its use.
    std::vector<Use> uses() const;

    // The relations a qualifier stands for; empty where it may stand for something else as well.
    std::vector<NameView> relationsOf(std::string_view qualifier) const;

    // Whether it stands for nothing but subqueries and joins, and relations that `is_query` knows as WITH queries.
    template <typename IsQuery>
    bool isQueryOnly(std::string_view qualifier, IsQuery is_query) const {
        for (const RowFunction& function : row_functions_)
            if (function.alias.empty() || function.alias == qualifier) return false;
        for (const Relation& relation : relations_)
            if (relation.alias == qualifier && !(relation.schema.empty() && is_query(relation.name))) return false;
        return true;
    }

private:
    struct RowFunction {
        std::string_view alias;  // "" is none that is known: then any qualifier may mean it
        std::vector<std::string_view> columns;

        bool hasColumn(std::string_view qualifier, std::string_view name) const;
    };
    struct Relation {
        std::string_view alias;
        std::string_view schema;
        std::string_view name;
        bool renamed;  // its columns, by the alias
    };

    std::vector<Use> columns_;
    std::vector<RowFunction> row_functions_;
    std::vector<Relation> relations_;
    std::vector<std::string_view> others_;
};

}  // namespace howdah::guard
