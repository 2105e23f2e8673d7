// What the names of columns stand for in one statement: the sources of each FROM, and WITH queries where they are seen.
//
// Threads: values of one walk.
// Owns:    columns, which several sources may share.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/guard/growth_bounds.hpp"

namespace howdah::guard {

struct Column {
    std::string_view name;
    Bound bound;
};

class Columns {
public:
    // A name that is there already (a column of JOIN USING) is widened: PostgreSQL says which of the two is meant.
    // Nobody asks for "", a column that is known by its place alone.
    void add(std::string_view name, const Bound& bound);
    void reserve(std::size_t count) { list_.reserve(count); }
    const Bound* find(std::string_view name) const;
    const std::vector<Column>& list() const { return list_; }
    Bound widest() const;  // of all of them, and of the others

    std::optional<Bound> others;  // of columns whose names are not known here: a table's, a function's
    bool exact = true;            // the list has all of them, in their order
    bool of_function = false;     // v.f may be f(v)
    double arms = 1;              // of a UNION: a condition on it is copied into each

private:
    mutable std::vector<Column> list_;
    mutable std::unordered_map<std::string_view, std::size_t> places_;  // of longer lists, made when they are asked
    mutable std::size_t indexed_ = 0;
};
using SharedColumns = std::shared_ptr<const Columns>;

// The same columns under the names of an alias or of a WITH query: v(a, b).
SharedColumns renamed(SharedColumns columns, const NodeList& names);
// As the planner leaves them behind a LIMIT or a MATERIALIZED: made once, a plain variable for whoever uses them.
void makeOnce(Columns& columns);
// Arms of a UNION and its kin.
void addArm(Columns& columns, const Columns& arm);
// Of a recursion, as its own arm sees them: rows are made of rows.
SharedColumns recurring(const Columns& columns);
// Whether a row of such an arm has a value of the row before twice, by whatever way around: it doubles with each step.
bool doubles(const Columns& arm);

struct Source {
    std::string_view name;  // "" where it is not known: then it may be any
    SharedColumns columns;
};

struct Scope {
    const Scope* outer = nullptr;
    std::vector<Source> sources;
    bool merged = false;  // by USING or NATURAL: a column may be that of either side
};

struct WithQuery {
    std::string_view name;
    NodeView node;
    enum class State { fresh, busy, done } state = State::fresh;
    SharedColumns columns;
    Bound cost = noBound();
    bool copied = false;     // NOT MATERIALIZED: its plan is made again wherever it is used
    bool recursive = false;  // it has asked for itself
};

// One WITH clause. Its queries see those before them, with RECURSIVE all.
struct With {
    With* outer = nullptr;
    std::size_t outer_seen = 0;
    const Scope* scope = nullptr;
    std::vector<WithQuery> queries;
    bool recursive = false;
};

}  // namespace howdah::guard
