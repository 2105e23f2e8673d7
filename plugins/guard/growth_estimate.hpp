// The walk behind tooLargeValue(): queries (growth_queries.cpp) and the expressions in them (growth_expressions.cpp).
//
// Threads: a value of one statement's judgement.
// Owns:    what was found; nodes, names and scopes are those of the tree and of the frames on the stack.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "plugins/guard/growth.hpp"
#include "plugins/guard/growth_bounds.hpp"
#include "plugins/guard/growth_sources.hpp"

namespace howdah::guard {

// What a parameter is taken for where it must be short, or small besides.
constexpr double kShortItems = 1'000;  // of a path
constexpr double kShortBytes = 1'000, kSmallNumber = 10'000, kSmallLeast = 0.01;
enum class Given : std::uint8_t { any, short_texts, small };  // the parameters of a statement

class Estimate {
public:
    explicit Estimate(Given given) : given_(given) {}

    void of(const NodeView& statement);
    // It was too much to look at: there is no second try with smaller parameters.
    bool isOver() const { return over_; }
    const std::optional<Growth>& found() const { return found_; }
    // Those that what was found is made of.
    std::uint64_t parameters() const { return parameters_; }

private:
    struct Rows {
        std::shared_ptr<Columns> columns = std::make_shared<Columns>();
        Bound cost = noBound();
    };

    // Where an expression or a query stands.
    struct Place {
        const Scope* scope = nullptr;
        With* with = nullptr;
        std::size_t seen = 0;  // of its queries
        int depth = 0;

        Place deeper() const { return {scope, with, seen, depth + 1}; }
        Place in(const Scope* inner) const { return {inner, with, seen, depth + 1}; }
    };

    void find(Rule rule, std::string_view what, const NodeView& node, std::uint64_t parameters);
    // Asked before so many columns are copied, or names looked at. False: the statement has had all its steps and is
    // refused, so nothing more is done.
    bool step(const NodeView& node, std::size_t steps);
    void spend(Bound& cost, const Bound& bound, const NodeView& node);
    bool isTooDeep(const NodeView& node, const Place& place);

    // Columns are copied by these alone, and by addStar().
    SharedColumns renamedBy(const NodeList& names, const SharedColumns& columns, const NodeView& node);
    void makeOnceBehind(const NodeView& node, Columns& columns);

    // Queries.
    Rows rowsOf(const NodeView& select, const Place& outer);
    void settle(With& with, std::size_t index, int depth);
    // A left-deep chain of thousands, without recursion.
    void arms(const NodeView& select, const Place& place, WithQuery* recursion, Rows& rows);
    void valuesOf(const NodeList& values, const Place& place, Rows& rows);
    void selected(const NodeView& select, const Place& place, Rows& rows);
    void addCondition(const NodeView& condition, const Place& inner, Rows& rows);
    void ending(const NodeView& select, const Place& place, const Columns& columns, Bound& cost);
    void addTarget(const NodeView& target, const Place& place, Columns& columns, Bound& cost);
    // Those of SEARCH and CYCLE.
    void addSearched(const NodeView& query, const Place& place, SharedColumns& columns);
    // As PostgreSQL calls a column without AS; "" where the guard does not go into it.
    static std::string_view nameMade(const NodeView& value);
    void addStar(std::string_view source, const NodeView& node, const Place& place, Columns& columns, Bound& cost);
    struct From {  // that is being read
        Scope& scope;
        Bound& cost;
        std::vector<NodeView> conditions;
        bool exact = true;  // the order of all columns is known
    };
    void addSource(const NodeView& written, const Place& place, From& from);
    // Of the sources from the first on, as the name of their join has them.
    SharedColumns joined(const Scope& scope, std::size_t first, const NodeView& node);
    SharedColumns functionRows(const NodeView& node, const Place& place, std::string_view name, From& from);
    void addItem(const NodeView& node, const Place& place, From& from);
    void addRelation(const NodeView& node, const Place& place, From& from);

    // Expressions.
    // A variable that stands for what was made elsewhere: its value is taken into another row.
    static Bound used(Bound bound);
    Bound columnBound(const NodeView& node, const Place& place);
    // v.* in an expression, and v where v is a source: all of its columns.
    Bound rowBound(const Columns& columns, const NodeView& node);
    Bound starBound(std::string_view source, const NodeView& node, const Place& place);
    // Of v.f and (x).f: the call f(v), if PostgreSQL has such a function.
    Bound attribute(std::string_view name, const Bound& of, const NodeView& node);
    Bound indirection(const NodeView& node, const Place& place);
    Bound groupingBits(const NodeView& node, const Place& place);
    Bound composed(const NodeView& node, const Place& place);
    Bound expression(const NodeView& node, const Place& outer);
    std::vector<Bound> each(const NodeList& list, const Place& place);
    Bound parameterBound(const NodeView& node) const;
    Bound calls(const NodeView& node, const Place& place);
    // A chain a || b || c of thousands leans to the left: without recursion.
    Bound operators(const NodeView& node, const Place& place);
    Bound operation(const NodeView& node, Bound left, const Place& place);
    Bound casts(const NodeView& node, const Place& place);
    Bound sublink(const NodeView& node, const Place& place);
    Bound cases(const NodeView& node, const Place& place);
    // least() is at most any of its arguments that is not NULL.
    Bound extreme(const NodeView& node, const Place& place);
    // A column that a function's rows are read into.
    Bound defined(const NodeView& node, const Place& place);

    const Given given_;
    WithQuery* recursion_ = nullptr;  // whose query is looked at next
    std::size_t steps_ = 0;
    bool over_ = false;
    std::uint64_t parameters_ = 0;
    std::optional<Growth> found_;  // the first
};

}  // namespace howdah::guard
