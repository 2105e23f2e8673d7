#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "plugins/guard/growth_estimate.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr int kDepthMax = 250;                                   // of the walk; what is deeper is refused
constexpr std::size_t kStepsMax = 100'000;                       // names looked at, columns copied
constexpr std::size_t kColumnsMax = 1'664;                       // of one SELECT; PostgreSQL takes no more
constexpr std::int64_t kMaterialized = 1, kNotMaterialized = 2;  // CTEMaterialize

// v.* and (x).*
bool isStar(const NodeView& value) {
    for (const Field parts : {Field::fields, Field::indirection})
        if (const NodeList list = value.list(parts); !list.empty() && list.back().tag() == Tag::A_Star) return true;
    return false;
}

}  // namespace

void Estimate::of(const NodeView& statement) {
    const NodeView query = statement.tag() == Tag::ExplainStmt ? statement.child(Field::query) : statement;
    if (query.tag() == Tag::SelectStmt) rowsOf(query, {});
}

void Estimate::find(Rule rule, std::string_view what, const NodeView& node, std::uint64_t parameters) {
    parameters_ |= parameters;
    if (!found_) found_ = Growth{rule, std::string(what), static_cast<std::uint32_t>(std::max(node.location(), 0))};
}

bool Estimate::step(const NodeView& node, std::size_t steps) {
    if (over_) return false;
    steps_ += std::min(steps, kStepsMax + 1);
    over_ = steps_ > kStepsMax;
    if (over_) find(Rule::expression_too_large, "it copies its columns too often", node, ~std::uint64_t{0});
    return !over_;
}

SharedColumns Estimate::renamedBy(const NodeList& names, const SharedColumns& columns, const NodeView& node) {
    if (names.empty() || !step(node, columns->list().size())) return columns;
    return renamed(columns, names);
}

void Estimate::makeOnceBehind(const NodeView& node, Columns& columns) {
    if (step(node, columns.list().size())) makeOnce(columns);
}

void Estimate::spend(Bound& cost, const Bound& bound, const NodeView& node) {
    Bound spent = bound;
    if (spent.made + spent.work == 0) spent.parameters = 0;
    cost.note(spent);
    if (cost.parts > kPartsMax) find(Rule::expression_too_large, {}, node, 0);
    if (cost.made > kMadeBytesMax || cost.work > kWorkMax) find(Rule::value_too_large, {}, node, spent.parameters);
}

bool Estimate::isTooDeep(const NodeView& node, const Place& place) {
    if (over_) return true;
    if (place.depth <= kDepthMax) return false;
    find(Rule::expression_too_large, {}, node, 0);
    return true;
}

Estimate::Rows Estimate::rowsOf(const NodeView& select, const Place& outer) {
    Rows rows;
    WithQuery* recursion = std::exchange(recursion_, nullptr);
    if (isTooDeep(select, outer)) {
        rows.columns->others = unknownBound();
        return rows;
    }
    Place place = outer.deeper();
    With with;
    if (const NodeView clause = select.child(Field::withClause)) {
        with = {place.with, place.seen, place.scope, {}, clause.flag(Field::recursive)};
        for (const NodeView query : clause.list(Field::ctes)) {
            with.queries.push_back({query.text(Field::ctename), query});
            with.queries.back().copied = query.number(Field::ctematerialized) == kNotMaterialized;
        }
        place.with = &with;
        place.seen = with.queries.size();
        for (std::size_t i = 0; i < with.queries.size(); ++i) {
            settle(with, i, place.depth);
            spend(rows.cost, with.queries[i].cost, with.queries[i].node);
        }
    }
    if (select.child(Field::larg))
        arms(select, place, recursion, rows);
    else if (const NodeList values = select.list(Field::valuesLists); !values.empty())
        valuesOf(values, place, rows);
    else
        selected(select, place, rows);
    if (select.has(Field::limitCount) || select.has(Field::limitOffset)) makeOnceBehind(select, *rows.columns);
    return rows;
}

void Estimate::settle(With& with, std::size_t index, int depth) {
    if (with.queries[index].state != WithQuery::State::fresh) return;
    with.queries[index].state = WithQuery::State::busy;
    const NodeView node = with.queries[index].node;
    const std::size_t seen = with.recursive ? with.queries.size() : index;
    if (with.recursive) recursion_ = &with.queries[index];
    Rows rows = rowsOf(node.child(Field::ctequery), {with.scope, &with, seen, depth + 1});
    WithQuery& query = with.queries[index];
    if (query.recursive || node.number(Field::ctematerialized) == kMaterialized) makeOnceBehind(node, *rows.columns);
    query.columns = renamedBy(node.list(Field::aliascolnames), rows.columns, node);
    addSearched(node, {with.scope, &with, seen, depth + 1}, query.columns);
    query.cost = rows.cost;
    query.state = WithQuery::State::done;
}

void Estimate::addSearched(const NodeView& query, const Place& place, SharedColumns& columns) {
    const NodeView search = query.child(Field::search_clause), cycle = query.child(Field::cycle_clause);
    if ((!search && !cycle) || !step(query, columns->list().size())) return;
    auto made = std::make_shared<Columns>(*columns);
    if (search) made->add(search.text(Field::search_seq_column), dataBound());
    if (cycle) {
        Bound mark = expression(cycle.child(Field::cycle_mark_value), place);
        mark.widen(expression(cycle.child(Field::cycle_mark_default), place));
        made->add(cycle.text(Field::cycle_mark_column), mark);
        made->add(cycle.text(Field::cycle_path_column), dataBound());
    }
    columns = std::move(made);
}

void Estimate::arms(const NodeView& select, const Place& place, WithQuery* recursion, Rows& rows) {
    std::vector<NodeView> found;
    NodeView at = select;
    const auto isBare = [](const NodeView& arm) {
        return arm.child(Field::larg) && !arm.child(Field::withClause) && !arm.has(Field::limitCount) &&
               !arm.has(Field::limitOffset);
    };
    do {
        found.push_back(at.child(Field::rarg));
        at = at.child(Field::larg);
    } while (isBare(at));
    found.push_back(at);
    for (std::size_t i = found.size(); i-- > 0;) {
        const Rows arm = rowsOf(found[i], place);
        spend(rows.cost, arm.cost, found[i]);
        if (i + 1 == found.size())
            rows.columns = arm.columns;
        else if (step(found[i], rows.columns->list().size() + arm.columns->list().size()))
            addArm(*rows.columns, *arm.columns);
        if (!recursion || !step(found[i], 2 * rows.columns->list().size())) continue;
        if (i > 0)  // as the arms that come see it
            recursion->columns =
                renamedBy(recursion->node.list(Field::aliascolnames), recurring(*rows.columns), recursion->node);
        else if (doubles(*arm.columns))
            find(Rule::value_too_large, "a recursion that doubles a value", found[i], 0);
    }
    ending(select, place, *rows.columns, rows.cost);
}

void Estimate::valuesOf(const NodeList& values, const Place& place, Rows& rows) {
    static constexpr std::string_view kNames[] = {"column1", "column2", "column3", "column4",
                                                  "column5", "column6", "column7", "column8"};
    std::vector<Bound> columns;
    bool spread = false;  // one item may be several columns
    for (const NodeView row : values) {
        std::size_t place_in_row = 0;
        for (const NodeView item : row.list(Field::items)) {
            const Bound bound = expression(item, place);
            spend(rows.cost, bound, item);
            spread = spread || isStar(item);
            if (place_in_row == columns.size()) columns.push_back(noBound());
            columns[place_in_row++].widen(bound);
        }
    }
    Bound others = noBound();
    if (spread) {
        for (const Bound& column : columns)
            others.widen(column);
        rows.columns->exact = false;
        rows.columns->others = others;
        return;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
        rows.columns->add(i < std::size(kNames) ? kNames[i] : std::string_view{}, columns[i]);
        if (i >= std::size(kNames)) others.widen(columns[i]);
    }
    if (columns.size() > std::size(kNames)) rows.columns->others = others;
    if (values.size() > 1) makeOnceBehind(values[0], *rows.columns);
}

void Estimate::selected(const NodeView& select, const Place& place, Rows& rows) {
    Scope scope{place.scope, {}};
    From from{scope, rows.cost, {}, true};
    for (const NodeView source : select.list(Field::fromClause))
        addSource(source, place.in(&scope), from);
    const Place inner = place.in(&scope);
    for (const Source& source : scope.sources)
        rows.columns->arms = std::max(rows.columns->arms, source.columns->arms);
    for (const NodeView condition : from.conditions)
        addCondition(condition, inner, rows);
    if (const NodeView condition = select.child(Field::whereClause)) addCondition(condition, inner, rows);
    rows.columns->exact = from.exact;
    for (const NodeView target : select.list(Field::targetList))
        addTarget(target, inner, *rows.columns, rows.cost);
    ending(select, inner, *rows.columns, rows.cost);
}

// Once for each arm of a UNION beneath it.
void Estimate::addCondition(const NodeView& condition, const Place& inner, Rows& rows) {
    Bound bound = expression(condition, inner);
    bound.made = product(bound.made, rows.columns->arms);
    spend(rows.cost, bound, condition);
}

void Estimate::ending(const NodeView& select, const Place& place, const Columns& columns, Bound& cost) {
    // The name of a column of this query, which has been counted.
    const auto isOwn = [&](NodeView node) {
        if (node.tag() == Tag::SortBy) node = node.child(Field::node);
        const NodeList fields = node.list(Field::fields);
        return node.tag() == Tag::ColumnRef && fields.size() == 1 && columns.find(stringOf(fields[0])) != nullptr;
    };
    for (const Field part : {Field::havingClause, Field::limitCount, Field::limitOffset})
        if (const NodeView node = select.child(part)) spend(cost, expression(node, place), node);
    for (const Field part : {Field::groupClause, Field::distinctClause, Field::sortClause, Field::windowClause})
        for (const NodeView node : select.list(part))
            if (node && !isOwn(node)) spend(cost, expression(node, place), node);
}

void Estimate::addTarget(const NodeView& target, const Place& place, Columns& columns, Bound& cost) {
    const NodeView value = target.child(Field::val);
    if (const NodeList fields = value.list(Field::fields); value.tag() == Tag::ColumnRef && isStar(value))
        return addStar(fields.size() > 1 ? stringOf(fields[fields.size() - 2]) : std::string_view{}, value, place,
                       columns, cost);
    const Bound bound = expression(value, place);
    spend(cost, bound, target);
    std::string_view name = target.text(Field::name);
    if (name.empty()) name = nameMade(value);
    if (isStar(value)) columns.exact = false;  // (x).* is as many as x has
    columns.add(name, bound);
    if (!name.empty()) return;
    if (!columns.others) columns.others = noBound();
    columns.others->widen(bound);
}

std::string_view Estimate::nameMade(const NodeView& value) {
    switch (value.tag()) {
        case Tag::ColumnRef: return stringOf(value.list(Field::fields).back());
        case Tag::FuncCall: {
            const std::string_view name = nameOf(value.list(Field::funcname)).name;
            return name == "extract" ? "" : name;  // date_part up to PostgreSQL 13
        }
        case Tag::TypeCast: {  // named by the outermost type where what is cast has no name
            NodeView arg = value;
            while (arg.tag() == Tag::TypeCast)
                arg = arg.child(Field::arg);
            if (arg.tag() != Tag::A_Const) return nameMade(arg);
            return nameOf(value.child(Field::typeName).list(Field::names)).name;
        }
        default: return {};
    }
}

void Estimate::addStar(std::string_view source, const NodeView& node, const Place& place, Columns& columns,
                       Bound& cost) {
    bool any = false;
    for (const Scope* scope = place.scope; scope && !any; scope = source.empty() ? nullptr : scope->outer) {
        if (!step(node, scope->sources.size() + 1)) return;
        for (const Source& item : scope->sources) {
            if (!source.empty() && !item.name.empty() && item.name != source) continue;
            any = true;
            const std::size_t more = item.columns->list().size();
            const bool fits = columns.list().size() + more <= kColumnsMax;
            if (!step(node, fits ? more + 1 : kStepsMax + 1)) return;
            for (const Column& column : item.columns->list()) {
                columns.add(column.name, used(column.bound));
                spend(cost, used(column.bound), node);
            }
            columns.exact = columns.exact && item.columns->exact;
            if (!item.columns->others) continue;
            if (!columns.others) columns.others = noBound();
            columns.others->widen(*item.columns->others);
        }
    }
    if (any) return;
    columns.exact = false;
    if (!columns.others) columns.others = noBound();
    columns.others->widen(missingBound());
}

void Estimate::addSource(const NodeView& written, const Place& place, From& from) {
    std::vector<NodeView> joins;  // left-deep, without recursion
    const std::size_t first = from.scope.sources.size();
    NodeView node = written;
    for (; node.tag() == Tag::JoinExpr && !node.child(Field::alias); node = node.child(Field::larg))
        joins.push_back(node);
    addItem(node, place, from);
    for (; !joins.empty(); joins.pop_back()) {
        const NodeView join = joins.back();
        addSource(join.child(Field::rarg), place.deeper(), from);
        if (const NodeView condition = join.child(Field::quals)) from.conditions.push_back(condition);
        if (!join.has(Field::usingClause) && !join.flag(Field::isNatural)) continue;
        from.exact = false;
        from.scope.merged = true;
        if (const NodeView alias = join.child(Field::join_using_alias))
            from.scope.sources.push_back({alias.text(Field::aliasname), joined(from.scope, first, join)});
    }
}

SharedColumns Estimate::joined(const Scope& scope, std::size_t first, const NodeView& node) {
    auto all = std::make_shared<Columns>();
    all->exact = false;
    all->others = noBound();
    for (std::size_t i = first; i < scope.sources.size(); ++i) {
        const Columns& columns = *scope.sources[i].columns;
        if (step(node, columns.list().size() + 1)) all->others->widen(columns.widest());
    }
    return all;
}

void Estimate::addItem(const NodeView& node, const Place& place, From& from) {
    if (isTooDeep(node, place)) return;
    from.cost.parts += 1;
    const NodeView alias = node.child(Field::alias);
    const std::string_view name = alias.text(Field::aliasname);
    const auto add = [&](std::string_view called, const SharedColumns& columns) {
        from.scope.sources.push_back({called, renamedBy(alias.list(Field::colnames), columns, node)});
    };
    switch (node.tag()) {
        case Tag::RangeVar: return addRelation(node, place, from);
        case Tag::RangeSubselect: {
            Place inner = place;
            if (!node.flag(Field::lateral)) inner.scope = from.scope.outer;
            const Rows rows = rowsOf(node.child(Field::subquery), inner);
            spend(from.cost, rows.cost, node);
            return add(name, rows.columns);
        }
        case Tag::JoinExpr: {  // with a name of its own
            const std::size_t first = from.scope.sources.size();
            addSource(node.child(Field::larg), place.deeper(), from);
            addSource(node.child(Field::rarg), place.deeper(), from);
            if (const NodeView condition = node.child(Field::quals)) from.conditions.push_back(condition);
            from.exact = false;
            return add(name, joined(from.scope, first, node));
        }
        case Tag::RangeTableSample:
            for (const NodeView arg : node.list(Field::args))
                from.conditions.push_back(arg);
            return addItem(node.child(Field::relation), place.deeper(), from);
        default: return add(name, functionRows(node, place, name, from));
    }
}

// Rows of functions, XMLTABLE.
SharedColumns Estimate::functionRows(const NodeView& node, const Place& place, std::string_view name, From& from) {
    auto columns = std::make_shared<Columns>();
    Bound row = noBound();
    for (const FieldInfo& field : node.parts()) {
        if (field.name == Field::alias) continue;
        for (const NodeView item : node.list(field))
            if (item) row.widen(expression(item, place.deeper()));
        if (const NodeView part = node.child(field)) row.widen(expression(part, place.deeper()));
    }
    spend(from.cost, row, node);
    columns->exact = false;
    columns->of_function = node.tag() == Tag::RangeFunction;
    columns->others = row;
    columns->add(name, row);
    return columns;
}

void Estimate::addRelation(const NodeView& node, const Place& place, From& from) {
    static const SharedColumns kTable = [] {
        auto columns = std::make_shared<Columns>();
        columns->exact = false;
        columns->others = dataBound();
        return columns;
    }();
    const NodeView alias = node.child(Field::alias);
    const std::string_view relation = node.text(Field::relname);
    SharedColumns columns = kTable;
    std::size_t seen = place.seen;
    for (With* with = place.with; with && node.text(Field::schemaname).empty();
         seen = with->outer_seen, with = with->outer) {
        if (!step(node, seen)) break;
        std::size_t index = seen;
        while (index > 0 && with->queries[index - 1].name != relation)
            --index;
        if (index-- == 0) continue;
        settle(*with, index, place.depth);
        WithQuery& query = with->queries[index];
        if (query.state == WithQuery::State::busy) query.recursive = true;
        if (query.columns) columns = query.columns;
        if (query.copied) spend(from.cost, query.cost, node);
        break;
    }
    const std::string_view name = alias.text(Field::aliasname);
    columns = renamedBy(alias.list(Field::colnames), columns, node);
    from.scope.sources.push_back({name.empty() ? relation : name, columns});
}
}  // namespace howdah::guard
