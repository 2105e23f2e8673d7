#include <algorithm>
#include <iterator>
#include <utility>

#include "plugins/guard/growth_estimate.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kParameterBytes = 4.0 * 1024 * 1024;
constexpr std::int64_t kNullIf = 5;  // A_Expr_Kind

// A function whose result can be much larger than its arguments.
bool makesGrow(std::string_view function) {
    constexpr std::string_view kNames[] = {"array_fill", "array_to_string", "bit",  "bpchar",
                                           "format",     "jsonb_pretty",    "lpad", "regexp_replace",
                                           "repeat",     "replace",         "rpad"};
    return std::ranges::find(kNames, function) != std::end(kNames);
}

}  // namespace

Bound Estimate::used(Bound bound) {
    bound.made += bound.grown;
    return bound;
}

Bound Estimate::columnBound(const NodeView& node, const Place& place) {
    const NodeList fields = node.list(Field::fields);
    if (fields.empty() || fields.size() > 2 || fields.back().tag() != Tag::String) return dataBound();
    const std::string_view name = stringOf(fields.back());
    const std::string_view source = fields.size() > 1 ? stringOf(fields[0]) : std::string_view{};
    Bound others = dataBound();
    for (const Scope* scope = place.scope; scope; scope = scope->outer) {
        std::optional<Bound> found;
        if (!step(node, scope->sources.size() + 1)) return unknownBound();
        for (const Source& item : scope->sources) {
            if (!source.empty() && item.name != source) continue;
            const Bound* column = item.columns->find(name);
            if (!column && source.empty() && item.name == name) {  // the whole row
                if (!step(node, item.columns->list().size())) return unknownBound();
                found = found.value_or(noBound());
                for (const Column& part : item.columns->list())
                    put(*found, part.bound);
                if (item.columns->others) found->widen(*item.columns->others);
            }
            if (column) {
                found = found.value_or(noBound());
                found->widen(*column);
            }
            if (!column && item.columns->others) others.widen(*item.columns->others);
        }
        if (found) return used(*found);
    }
    others.parts = std::max(others.parts, 1.0);
    return used(others);
}

Bound Estimate::expression(const NodeView& node, const Place& outer) {
    if (!node) return noBound();
    if (isTooDeep(node, outer)) return unknownBound();
    const Place place = outer.deeper();
    switch (node.tag()) {
        case Tag::A_Const: return constantBound(node);
        case Tag::ParamRef: return parameterBound(node);
        case Tag::ColumnRef: return columnBound(node, place);
        case Tag::FuncCall: return calls(node, place);
        case Tag::A_Expr: return operators(node, place);
        case Tag::TypeCast: return casts(node, place);
        case Tag::SubLink: return sublink(node, place);
        case Tag::List: return together(each(node.list(Field::items), place));
        case Tag::CoalesceExpr: return anyOf(each(node.list(Field::args), place));
        case Tag::CaseExpr: return cases(node, place);
        case Tag::MinMaxExpr: return extreme(node, place);
        case Tag::SQLValueFunction: return {};
        case Tag::ColumnDef:
        case Tag::RangeTableFuncCol: return defined(node, place);
        case Tag::TypeName:
        case Tag::String: return noBound();
        default: break;
    }
    // Others give one of their parts, or put all of them together.
    Bound bound = together({});
    for (const FieldInfo& field : node.parts()) {
        for (const NodeView item : node.list(field))
            if (item) put(bound, expression(item, place));
        if (const NodeView part = node.child(field)) put(bound, expression(part, place));
    }
    bound.made += bound.grown;
    return bound;
}

std::vector<Bound> Estimate::each(const NodeList& list, const Place& place) {
    std::vector<Bound> bounds;
    bounds.reserve(list.size());
    for (const NodeView item : list)
        if (item) bounds.push_back(expression(item, place));
    return bounds;
}

Bound Estimate::parameterBound(const NodeView& node) const {
    Bound bound;
    bound.bytes = bound.grown = given_ == Given::any ? kParameterBytes : kShortBytes;
    bound.number = given_ == Given::small ? kSmallNumber : kAnything;
    bound.least = given_ == Given::small ? kSmallLeast : kNothing;
    bound.parameters = parameterBit(node.number(Field::number));
    return bound;
}

Bound Estimate::calls(const NodeView& node, const Place& place) {
    const std::string_view name = nameOf(node.list(Field::funcname)).name;
    Bound bound = callBound(name, node, each(node.list(Field::args), place));
    for (const NodeView order : node.list(Field::agg_order))
        bound.note(expression(order, place));
    for (const Field part : {Field::agg_filter, Field::over})
        if (const NodeView around = node.child(part)) bound.note(expression(around, place));
    if (makesGrow(name) && bound.grown > kValueBytesMax) find(Rule::value_too_large, name, node, bound.parameters);
    return bound;
}

Bound Estimate::operators(const NodeView& node, const Place& place) {
    NodeView left = node.child(Field::lexpr);
    if (left.tag() != Tag::A_Expr) return operation(node, expression(left, place), place);
    std::vector<NodeView> chain{node};
    for (; left.tag() == Tag::A_Expr; left = left.child(Field::lexpr))
        chain.push_back(left);
    Bound bound = expression(left, place);
    for (; !chain.empty(); chain.pop_back())
        bound = operation(chain.back(), bound, place);
    return bound;
}

Bound Estimate::operation(const NodeView& node, Bound left, const Place& place) {
    const Bound right = expression(node.child(Field::rexpr), place);
    if (node.number(Field::kind) != kNullIf) return operatorBound(nameOf(node.list(Field::name)).name, left, right);
    left.note(right);
    return left;
}

Bound Estimate::casts(const NodeView& node, const Place& place) {
    std::vector<NodeView> chain;
    NodeView arg = node;
    for (; arg.tag() == Tag::TypeCast; arg = arg.child(Field::arg))
        chain.push_back(arg);
    Bound bound = expression(arg, place);
    for (; !chain.empty(); chain.pop_back()) {
        const NodeView type = chain.back().child(Field::typeName);
        bound = castBound(type, bound);
        if (paddedBytes(type) > kValueBytesMax)
            find(Rule::value_too_large, nameOf(type.list(Field::names)).name, chain.back(), 0);
    }
    return bound;
}

Bound Estimate::sublink(const NodeView& node, const Place& place) {
    const Rows rows = rowsOf(node.child(Field::subselect), place);
    makeOnceBehind(node, *rows.columns);
    Bound bound = rows.columns->widest();
    bound.note(rows.cost);
    bound.note(expression(node.child(Field::testexpr), place));
    bound.parts += 1;
    return bound;
}

Bound Estimate::cases(const NodeView& node, const Place& place) {
    std::vector<Bound> results;
    Bound conditions = noBound();
    for (const NodeView when : node.list(Field::args)) {
        conditions.note(expression(when.child(Field::expr), place));
        results.push_back(expression(when.child(Field::result), place));
    }
    results.push_back(expression(node.child(Field::defresult), place));
    Bound bound = anyOf(results);
    bound.note(conditions);
    bound.note(expression(node.child(Field::arg), place));
    return bound;
}

Bound Estimate::extreme(const NodeView& node, const Place& place) {
    const std::vector<Bound> args = each(node.list(Field::args), place);
    Bound bound = anyOf(args);
    if (node.text(Field::op) == "IS_LEAST")
        for (const Bound& arg : args)
            bound.number = std::min(bound.number, arg.number);
    return bound;
}

Bound Estimate::defined(const NodeView& node, const Place& place) {
    Bound bound = dataBound();
    for (const Field part : {Field::colexpr, Field::coldefexpr})
        bound.note(expression(node.child(part), place));
    const NodeView type = node.child(Field::typeName);
    if (paddedBytes(type) > kValueBytesMax) find(Rule::value_too_large, nameOf(type.list(Field::names)).name, type, 0);
    return castBound(type, bound);
}
}  // namespace howdah::guard
