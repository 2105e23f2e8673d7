#include "plugins/guard/growth.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kAnything = 2147483648.0;
constexpr int kDepthMax = 250;  // of the walk: deeper expressions are taken for anything
constexpr int kRoundsMax = 16;  // until the columns' bounds stand still

struct Bound {
    double bytes = 64;
    double number = 10'000;

    void widen(const Bound& other) {
        bytes = std::max(bytes, other.bytes);
        number = std::max(number, other.number);
    }
};
constexpr Bound kData{1'000, 10'000};  // a column of a table
constexpr Bound kUnknown{kAnything, kAnything};

bool isOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

double numberIn(std::string_view text) {
    const double value = std::abs(std::strtod(std::string(text).c_str(), nullptr));
    return std::isfinite(value) ? value : kAnything;
}

// The largest number that stands in a format, such as the width in '%900s'.
double widthIn(std::string_view format) {
    double widest = 0, number = 0;
    for (char c : format) {
        number = c >= '0' && c <= '9' ? number * 10 + (c - '0') : 0;
        widest = std::max(widest, number);
    }
    return widest;
}

class Estimate {
public:
    std::optional<Growth> of(const NodeView& root) {
        for (int round = 0; round < kRoundsMax; ++round) {
            visitAfresh(root);
            if (!changed_) return found_;
        }
        // A recursion. Its values are made while it runs, row by row, where time limits act: to the planner its columns
        // are what those of a table are. So a tree may be drawn with repeat('  ', depth).
        for (auto& [name, bound] : columns_)
            if (growing_.contains(name)) bound = kData;
        visitAfresh(root);
        return found_;
    }

private:
    void visitAfresh(const NodeView& root) {
        changed_ = false;
        total_ = 0;
        counted_.clear();
        found_.reset();
        visit(root);
    }

    // Every node once, for what it defines; expressions are bounded where they stand.
    void visit(const NodeView& root) {
        pending_.assign(1, root);
        while (!pending_.empty()) {
            const NodeView node = pending_.back();
            pending_.pop_back();
            define(node);
            for (const FieldInfo& field : node.parts()) {
                for (const NodeView item : node.list(field))
                    if (item) pending_.push_back(item);
                if (const NodeView part = node.child(field)) pending_.push_back(part);
            }
        }
    }

    void define(const NodeView& node) {
        switch (node.tag()) {
            case Tag::ResTarget: return defineTarget(node);
            case Tag::FuncCall: largest_.widen(callBound(node, 0)); return;
            case Tag::SelectStmt: return defineRows(node.list(Field::valuesLists));
            case Tag::RangeFunction:
                if (const std::string_view alias = node.child(Field::alias).text(Field::aliasname); !alias.empty())
                    learn(std::string(alias), sumOf(node.list(Field::functions), 0));
                return learnNames(node.child(Field::alias).list(Field::colnames));
            case Tag::RangeSubselect:
            case Tag::RangeVar: return learnNames(node.child(Field::alias).list(Field::colnames));
            case Tag::CommonTableExpr: return learnNames(node.list(Field::aliascolnames));
            default: return;
        }
    }

    void defineTarget(const NodeView& target) {
        const NodeView value = target.child(Field::val);
        const Bound bound = boundOf(value, 0);
        largest_.widen(bound);
        const std::string_view name = target.text(Field::name);
        if (!name.empty()) return learn(std::string(name), bound);
        if (value.tag() == Tag::FuncCall) learn(std::string(nameOf(value.list(Field::funcname)).name), bound);
    }

    void defineRows(const NodeList& rows) {
        for (const NodeView row : rows) {
            int column = 0;
            for (const NodeView item : row.list(Field::items)) {
                const Bound bound = boundOf(item, 0);
                largest_.widen(bound);
                learn(concat("column", ++column), bound);
            }
        }
    }

    // Names that a list gives by position: whatever the statement makes may be one of them.
    void learnNames(const NodeList& names) {
        for (const NodeView item : names)
            if (item.tag() == Tag::String) learn(std::string(stringOf(item)), largest_);
    }

    void learn(std::string name, const Bound& bound) {
        auto [at, fresh] = columns_.emplace(std::move(name), bound);
        if (fresh) {
            changed_ = true;
        } else if (bound.bytes > at->second.bytes || bound.number > at->second.number) {
            at->second.widen(bound);
            growing_.insert(at->first);
            changed_ = true;
        }
    }

    Bound boundOf(const NodeView& node, int depth) {
        if (depth > kDepthMax) return kUnknown;
        return node ? nodeBound(node, depth + 1) : Bound{0, 0};
    }

    // Bytes add up, of numbers the largest counts.
    Bound sumOf(const NodeList& list, int depth) {
        if (depth > kDepthMax) return kUnknown;
        Bound sum{list.empty() ? 0.0 : 8.0, 0};
        for (const NodeView item : list) {
            const Bound bound = boundOf(item, depth + 1);
            sum.bytes += bound.bytes;
            sum.number = std::max(sum.number, bound.number);
        }
        return sum;
    }

    Bound nodeBound(const NodeView& node, int depth) {
        switch (node.tag()) {
            case Tag::A_Const: return constBound(node);
            case Tag::ParamRef: return {1'000'000, kAnything};
            case Tag::ColumnRef: return columnBound(node);
            case Tag::FuncCall: return callBound(node, depth);
            case Tag::A_Expr: return operatorBound(node, depth);
            case Tag::TypeCast: return castBound(node, depth);
            case Tag::SubLink: return selectBound(node.child(Field::subselect), depth);
            case Tag::List: return sumOf(node.list(Field::items), depth);
            case Tag::MinMaxExpr: return extremeBound(node, depth);
            case Tag::SQLValueFunction: return {};
            default: return partsBound(node, depth);
        }
    }

    // Others give one of their parts, or put all of them together.
    Bound partsBound(const NodeView& node, int depth) {
        Bound sum{64, 0};
        for (const FieldInfo& field : node.parts()) {
            Bound bound{0, 0};
            if (field.kind == FieldKind::list) bound = sumOf(node.list(field), depth);
            if (field.kind == FieldKind::node) bound = boundOf(node.child(field), depth);
            sum.bytes += bound.bytes;
            sum.number = std::max(sum.number, bound.number);
        }
        return sum;
    }

    static Bound constBound(const NodeView& constant) {
        const NodeView value = constant.child(Field::val);
        switch (value.tag()) {
            case Tag::String: return textBound(value.text(Field::sval));
            case Tag::Float: return textBound(value.text(Field::fval));
            case Tag::BitString: return {static_cast<double>(value.text(Field::bsval).size()), kAnything};
            case Tag::Integer: {
                // A minus before it, or another, may make it the opposite.
                const double number = std::abs(static_cast<double>(value.number(Field::ival)));
                return number > 0 ? Bound{16, number} : Bound{8, 0};
            }
            default: return {8, 0};
        }
    }

    static Bound textBound(std::string_view text) { return {static_cast<double>(text.size()), numberIn(text)}; }

    Bound columnBound(const NodeView& column) const {
        const NodeList fields = column.list(Field::fields);
        if (fields.empty() || fields.back().tag() != Tag::String) return kData;
        const auto known = columns_.find(std::string(stringOf(fields.back())));
        return known == columns_.end() ? kData : known->second;
    }

    Bound selectBound(const NodeView& select, int depth) {
        Bound widest{0, 0};
        for (const NodeView target : select.list(Field::targetList))
            widest.widen(boundOf(target.child(Field::val), depth));
        for (const NodeView row : select.list(Field::valuesLists))
            widest.widen(sumOf(row.list(Field::items), depth));
        for (const Field half : {Field::larg, Field::rarg})
            if (const NodeView arm = select.child(half)) widest.widen(selectBound(arm, depth + 1));
        return widest;
    }

    // least() is at most any of its arguments.
    Bound extremeBound(const NodeView& node, int depth) {
        const NodeList args = node.list(Field::args);
        Bound all = sumOf(args, depth);
        if (node.text(Field::op) != "IS_LEAST") return all;
        for (const NodeView arg : args)
            all.number = std::min(all.number, boundOf(arg, depth).number);
        return all;
    }

    // char(n) and bit(n) pad.
    Bound castBound(const NodeView& cast, int depth) {
        Bound bound = boundOf(cast.child(Field::arg), depth);
        const NodeView type = cast.child(Field::typeName);
        if (isOneOf(nameOf(type.list(Field::names)).name, {"bpchar", "bit", "char"}))
            bound.bytes = std::max(bound.bytes, sumOf(type.list(Field::typmods), depth).number);
        return bound;
    }

    Bound operatorBound(const NodeView& node, int depth) {
        const Bound left = boundOf(node.child(Field::lexpr), depth), right = boundOf(node.child(Field::rexpr), depth);
        Bound bound{left.bytes + right.bytes + 16, std::max(left.number, right.number)};
        const std::string_view op = nameOf(node.list(Field::name)).name;
        if (op == "+" || op == "-") bound.number = left.number + right.number;
        if (op == "*") bound.number = left.number * right.number;
        if (op == "%") bound.number = right.number;
        if (op == "/") bound.number = isSmall(node.child(Field::rexpr)) ? kAnything : left.number;
        if (op == "^") bound.number = std::pow(std::max(left.number, 1.0), std::max(right.number, 1.0));
        if (op == "<<" || op == "~" || op == "#") bound.number = kAnything;
        return bound;
    }

    // A divisor that may lie between 0 and 1 because the statement made it so.
    bool isSmall(const NodeView& divisor) const {
        if (divisor.tag() == Tag::A_Const) return constBound(divisor).number < 1;
        if (divisor.tag() != Tag::ColumnRef) return false;
        const NodeList fields = divisor.list(Field::fields);
        if (fields.empty() || fields.back().tag() != Tag::String) return true;
        const auto known = columns_.find(std::string(stringOf(fields.back())));
        return known != columns_.end() && known->second.number < 1;
    }

    Bound callBound(const NodeView& node, int depth) {
        const std::string_view name = nameOf(node.list(Field::funcname)).name;
        const NodeList list = node.list(Field::args);
        std::vector<Bound> args;
        args.reserve(list.size());
        for (const NodeView arg : list)
            args.push_back(boundOf(arg, depth + 1));
        const NodeView first = list[0].child(Field::val);  // of a constant
        Bound sum{64, 0};
        for (const Bound& arg : args) {
            sum.bytes += arg.bytes;
            sum.number = std::max(sum.number, arg.number);
        }
        const auto at = [&](std::size_t index) { return index < args.size() ? args[index] : Bound{1, 1}; };
        // Without arguments (random(), now()) nothing large comes of it.
        Bound bound{sum.bytes * 2, args.empty() ? kData.number : kAnything};
        if (name == "repeat") {
            bound = {at(0).bytes * std::max(at(1).number, 1.0), at(0).number};
        } else if (name == "lpad" || name == "rpad") {
            bound = {at(1).number * 4 + at(0).bytes, at(0).number};
        } else if (name == "array_fill") {
            bound = {elementsOf(list) * std::max(at(0).bytes, 8.0), at(0).number};
        } else if (name == "format") {
            const bool computed = list[0].tag() != Tag::A_Const || first.tag() != Tag::String ||
                                  stringOf(first).find('*') != std::string_view::npos;
            bound = {sum.bytes + (computed ? sum.number : widthIn(stringOf(first))), kAnything};
        } else if (name == "replace" || name == "regexp_replace") {
            bound = {(at(0).bytes + 1) * (at(2).bytes + 1), kAnything};
        } else if (isOneOf(name, {"string_agg", "array_agg", "json_agg", "jsonb_agg", "xmlagg"})) {
            bound = {sum.bytes * 1'000, sum.number};
        } else if (isOneOf(name, {"length", "char_length", "octet_length", "array_length", "cardinality"})) {
            bound = {16, sum.bytes};
        } else if (isOneOf(name,
                           {"abs", "ceil", "ceiling", "floor", "round", "trunc", "max", "min", "avg", "mod",
                            "generate_series", "unnest", "lag", "lead", "first_value", "last_value", "greatest"})) {
            bound = {sum.bytes, sum.number};
        } else if (isOneOf(name, {"count", "row_number", "rank", "dense_rank", "ntile", "date_part", "extract",
                                  "width_bucket", "ascii"})) {
            bound = {16, 1'000'000};
        } else if (name == "sum") {
            bound = {sum.bytes, sum.number * 1'000};
        } else if (name.find("json") != std::string_view::npos || name.starts_with("quote_") || name == "encode") {
            bound.bytes = sum.bytes * 6;
        }
        if (makesGrow(name)) judge(node, name, bound);
        return bound;
    }

    double elementsOf(const NodeList& args) {
        if (args.size() < 2) return 1;
        const NodeView dimensions = args[1];
        if (dimensions.tag() != Tag::A_ArrayExpr || !dimensions.has(Field::elements)) return kAnything;
        double product = 1;
        for (const NodeView dimension : dimensions.list(Field::elements))
            product *= std::max(boundOf(dimension, 0).number, 1.0);
        return product;
    }

    void judge(const NodeView& call, std::string_view name, const Bound& bound) {
        const std::int32_t position = std::max(call.location(), 0);
        if (double& counted = counted_[position]; bound.bytes > counted) {  // a call is met more than once
            total_ += bound.bytes - counted;
            counted = bound.bytes;
        }
        if (found_ || (bound.bytes <= kValueBytesMax && total_ <= kValuesBytesMax)) return;
        found_ = Growth{std::string(name), static_cast<std::uint32_t>(position)};
    }

    std::vector<NodeView> pending_;
    std::unordered_map<std::string, Bound> columns_;
    std::unordered_set<std::string> growing_;
    std::unordered_map<std::int32_t, double> counted_;  // bytes by position
    Bound largest_{0, 0};
    double total_ = 0;
    bool changed_ = false;
    std::optional<Growth> found_;
};

}  // namespace

bool makesGrow(std::string_view function) {
    return isOneOf(function, {"repeat", "lpad", "rpad", "array_fill", "format", "replace", "regexp_replace"});
}

std::optional<Growth> tooLargeValue(const NodeView& root) {
    return Estimate().of(root);
}

}  // namespace howdah::guard
