#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "plugins/guard/catalog.hpp"
#include "plugins/guard/growth_estimate.hpp"
#include "plugins/guard/growth_functions.hpp"
#include "plugins/guard/growth_paths.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kParameterBytes = 4.0 * 1024 * 1024;
constexpr std::int64_t kNullIf = 5;        // A_Expr_Kind
constexpr std::int64_t kArraySublink = 6;  // SubLinkType

// Said of constants and of sums, products and the like of them.
bool isNeverNull(NodeView node) {
    const auto bare = [](NodeView cast) {
        while (cast.tag() == Tag::TypeCast)
            cast = cast.child(Field::arg);
        return cast;
    };
    for (node = bare(node); node.tag() == Tag::A_Expr; node = bare(node.child(Field::lexpr))) {
        const NodeView right = bare(node.child(Field::rexpr));
        if (!isOneOf(nameOf(node.list(Field::name)).name, {"+", "-", "*", "/", "%"})) return false;
        if (right.tag() != Tag::A_Const || !right.child(Field::val)) return false;
        if (!node.child(Field::lexpr)) return true;
    }
    return node.tag() == Tag::A_Const && node.child(Field::val);
}

// ('1e' || '131071')::numeric: a text of which nothing is known. Of a constant as it is written the digits are counted,
// those of a parameter where it must be short.
bool mayBeExponent(const NodeView& value, const Bound& bound) {
    const bool is_arithmetic = value.tag() == Tag::A_Expr && nameOf(value.list(Field::name)).name != "||";
    return value.tag() != Tag::A_Const && !is_arithmetic && bound.forms == kPlain && bound.parameters == 0 &&
           bound.number >= kAnything;
}

}  // namespace

Bound Estimate::used(Bound bound) {
    bound.made += bound.grown;
    return bound;
}

Bound Estimate::rowBound(const Columns& columns, const NodeView& node) {
    if (!step(node, columns.list().size())) return unknownBound();
    Bound row = noBound();
    for (const Column& part : columns.list())
        put(row, part.bound);
    if (columns.others) put(row, *columns.others);
    return quoted(row);
}

Bound Estimate::starBound(std::string_view source, const NodeView& node, const Place& place) {
    std::optional<Bound> found;
    for (const Scope* scope = place.scope; scope && !found; scope = source.empty() ? nullptr : scope->outer) {
        if (!step(node, scope->sources.size() + 1)) return unknownBound();
        for (const Source& item : scope->sources) {
            if (!source.empty() && !item.name.empty() && item.name != source) continue;
            found = found.value_or(noBound());
            put(*found, rowBound(*item.columns, node));
        }
    }
    return used(found.value_or(missingBound()));
}

Bound Estimate::columnBound(const NodeView& node, const Place& place) {
    const NodeList fields = node.list(Field::fields);
    if (fields.empty() || fields.size() > 2) return dataBound();  // with its schema: a table's
    const std::string_view source = fields.size() > 1 ? stringOf(fields[0]) : std::string_view{};
    if (fields.back().tag() != Tag::String) return starBound(source, node, place);
    const std::string_view name = stringOf(fields.back());
    std::optional<Bound> others;  // where it may be among columns whose names are not known
    const auto mayBe = [](std::optional<Bound>& that, const Bound& bound) {
        if (that)
            that->beEither(bound);
        else
            that = bound;
    };
    for (const Scope* scope = place.scope; scope; scope = scope->outer) {
        std::optional<Bound> found, unnamed;
        if (!step(node, scope->sources.size() + 1)) return unknownBound();
        for (const Source& item : scope->sources) {
            if (!source.empty() && !item.name.empty() && item.name != source) continue;
            if (const Bound* column = item.columns->find(name)) {
                mayBe(found, *column);
            } else if (source.empty() && item.name == name) {
                mayBe(found, rowBound(*item.columns, node));
            } else if (item.columns->others) {
                mayBe(unnamed, *item.columns->others);
                if (item.columns->of_function && !source.empty())
                    mayBe(unnamed, attribute(name, *item.columns->others, node));
            }
        }
        if (unnamed && (!found || scope->merged)) mayBe(others, *unnamed);
        if (!found) continue;
        const bool data = found->data;
        if (others) found->beEither(*others);
        found->data = data;
        return used(*found);
    }
    Bound bound = others.value_or(missingBound());
    bound.parts = std::max(bound.parts, 1.0);
    return used(bound);
}

Bound Estimate::attribute(std::string_view name, const Bound& of, const NodeView& node) {
    if (functionClass({}, name) == FunctionClass::unknown) return of;
    const Bound bound = callBound(name, {}, std::array{of});
    if (isGrowth(makesOf(name)) && bound.grown > kValueBytesMax)
        find(Rule::value_too_large, name, node, bound.parameters);
    return bound;
}

Bound Estimate::indirection(const NodeView& node, const Place& place) {
    Bound bound = expression(node.child(Field::arg), place);
    for (const NodeView at : node.list(Field::indirection)) {
        if (at.tag() == Tag::String)
            bound.beEither(attribute(stringOf(at), bound, node));
        else if (at.tag() != Tag::A_Star)
            bound.note(expression(at, place));
    }
    bound.parts += 1;
    bound.made += bound.grown;
    return bound;
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
        case Tag::A_Indirection: return indirection(node, place);
        case Tag::A_Expr: return operators(node, place);
        case Tag::TypeCast: return casts(node, place);
        case Tag::SubLink: return sublink(node, place);
        case Tag::List: return together(each(node.list(Field::items), place));
        case Tag::CoalesceExpr: return anyOf(each(node.list(Field::args), place));
        case Tag::CaseExpr: return cases(node, place);
        case Tag::MinMaxExpr: return extreme(node, place);
        case Tag::SQLValueFunction: return {};
        case Tag::GroupingFunc: return groupingBits(node, place);
        case Tag::ColumnDef:
        case Tag::RangeTableFuncCol: return defined(node, place);
        case Tag::TypeName:
        case Tag::String: return noBound();
        default: return composed(node, place);
    }
}

// A bit of each.
Bound Estimate::groupingBits(const NodeView& node, const Place& place) {
    Bound bits = together(each(node.list(Field::args), place));
    bits.number = std::min(std::exp2(static_cast<double>(node.list(Field::args).size())), kAnything);
    return bits;
}

// One of its parts, or all of them together.
Bound Estimate::composed(const NodeView& node, const Place& place) {
    const std::uint8_t form = node.tag() == Tag::XmlExpr ? kXml : kPlain;
    const auto written = [&](const Bound& part) { return form == kXml ? escapedIn(kXml, part) : part; };
    Bound bound = together({});
    for (const FieldInfo& field : node.parts()) {
        for (const NodeView item : node.list(field))
            if (item) put(bound, written(expression(item, place)));
        if (const NodeView part = node.child(field)) put(bound, written(expression(part, place)));
    }
    bound.forms = form;
    bound.made += bound.grown;
    const bool is_array = node.tag() == Tag::A_ArrayExpr;
    if (!is_array && node.tag() != Tag::RowExpr) return bound;
    bound.brackets += 1;
    const bool has_dimensions = is_array && node.list(Field::elements)[0].tag() == Tag::A_ArrayExpr;
    return has_dimensions ? bound : quoted(bound);  // a part that is an array is written as it is
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
    bound.grain = kNothing;
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
    if (isGrowth(makesOf(name)) && bound.grown > kValueBytesMax)
        find(Rule::value_too_large, name, node, bound.parameters);
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
    const std::string_view op = nameOf(node.list(Field::name)).name;
    if (isOneOf(op, {"@?", "@@"})) left.made += argumentPathBytes(node.child(Field::rexpr), right);
    if (node.number(Field::kind) != kNullIf) return operatorBound(op, left, right);
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
        const std::string_view name = nameOf(type.list(Field::names)).name;
        if (paddedBytes(type, bound) > kValueBytesMax)
            find(Rule::value_too_large, name, chain.back(),
                 type.list(Field::arrayBounds).empty() ? 0 : bound.parameters);
        const bool has_digits = isOneOf(name, {"numeric", "jsonb"}) && mayBeExponent(arg, bound);
        if (name == "jsonpath") bound.made += pathBytes(arg, bound);
        bound = castBound(type, bound);
        if (!has_digits) continue;
        bound.bytes += kDigitsMax;
        if (bound.data) continue;
        bound.grown += kDigitsMax;
        bound.made += kDigitsMax;
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
    return node.number(Field::subLinkType) == kArraySublink ? quoted(bound) : bound;
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
    if (node.text(Field::op) != "IS_LEAST") return bound;
    for (std::size_t i = 0; i < args.size(); ++i)
        if (isNeverNull(node.list(Field::args)[i])) bound.number = std::min(bound.number, args[i].number);
    return bound;
}

Bound Estimate::defined(const NodeView& node, const Place& place) {
    Bound bound = dataBound();
    for (const Field part : {Field::colexpr, Field::coldefexpr})
        bound.note(expression(node.child(part), place));
    const NodeView type = node.child(Field::typeName);
    if (paddedBytes(type, bound) > kValueBytesMax)
        find(Rule::value_too_large, nameOf(type.list(Field::names)).name, type, 0);
    return castBound(type, bound);
}
}  // namespace howdah::guard
