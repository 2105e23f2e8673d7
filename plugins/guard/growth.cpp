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

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

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
    std::optional<Growth> of(const element& root) {
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
    void visitAfresh(const element& root) {
        changed_ = false;
        total_ = 0;
        counted_.clear();
        found_.reset();
        visit(root);
    }

    // Every node once, for what it defines; expressions are bounded where they stand.
    void visit(const element& root) {
        pending_.assign(1, root);
        while (!pending_.empty()) {
            const element value = pending_.back();
            pending_.pop_back();
            array list;
            object node;
            if (value.get(list) == simdjson::SUCCESS) {
                for (element item : list)
                    pending_.push_back(item);
            } else if (value.get(node) == simdjson::SUCCESS) {
                for (auto [key, inner] : node) {
                    object body;
                    if (inner.get(body) == simdjson::SUCCESS) define(key, body);
                    if (inner.is_array() || inner.is_object()) pending_.push_back(inner);
                }
            }
        }
    }

    void define(std::string_view type, const object& node) {
        if (type == "ResTarget") {
            const Bound bound = boundOf(node.at_key("val"), 0);
            largest_.widen(bound);
            std::string_view name = textOf(node, "name");
            object call;
            if (name.empty() && node.at_key("val")["FuncCall"].get(call) == simdjson::SUCCESS)
                return learn(nameOf(call, "funcname").name, bound);
            if (!name.empty()) learn(std::string(name), bound);
        } else if (type == "FuncCall") {
            const Bound bound = callBound(node, 0);
            largest_.widen(bound);
        } else if (type == "SelectStmt") {
            array lists;
            if (node.at_key("valuesLists").get(lists) == simdjson::SUCCESS)
                for (element list : lists) {
                    array items;
                    if (list["List"]["items"].get(items) != simdjson::SUCCESS) continue;
                    int column = 0;
                    for (element item : items) {
                        const Bound bound = boundOf(item, 0);
                        largest_.widen(bound);
                        learn(concat("column", ++column), bound);
                    }
                }
        } else if (type == "RangeFunction") {
            const std::string_view alias = aliasOf(node);
            if (!alias.empty()) learn(std::string(alias), boundOf(node.at_key("functions"), 0));
            learnNames(node.at_key("alias")["colnames"]);
        } else if (type == "RangeSubselect" || type == "RangeVar") {
            learnNames(node.at_key("alias")["colnames"]);
        } else if (type == "CommonTableExpr") {
            learnNames(node.at_key("aliascolnames"));
        }
    }

    static std::string_view aliasOf(const object& node) {
        std::string_view name;
        return node.at_key("alias")["aliasname"].get(name) == simdjson::SUCCESS ? name : std::string_view{};
    }

    // Names that a list gives by position: whatever the statement makes may be one of them.
    void learnNames(const simdjson::simdjson_result<element>& names) {
        array list;
        if (names.get(list) != simdjson::SUCCESS) return;
        for (element item : list) {
            std::string_view name;
            if (item["String"]["sval"].get(name) == simdjson::SUCCESS) learn(std::string(name), largest_);
        }
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

    Bound boundOf(const simdjson::simdjson_result<element>& place, int depth) {
        element value;
        return place.get(value) == simdjson::SUCCESS ? boundOf(value, depth) : Bound{0, 0};
    }

    Bound boundOf(const element& value, int depth) {
        if (depth > kDepthMax) return kUnknown;
        array list;
        if (value.get(list) == simdjson::SUCCESS) return sumOf(list, depth);
        object node;
        if (value.get(node) != simdjson::SUCCESS || node.begin() == node.end()) return {0, 0};
        const auto [type, body] = *node.begin();
        object inner;
        if (body.get(inner) != simdjson::SUCCESS) return {0, 0};
        return nodeBound(type, inner, depth + 1);
    }

    // Bytes add up, of numbers the largest counts.
    Bound sumOf(const array& list, int depth) {
        Bound sum{8, 0};
        for (element item : list) {
            const Bound bound = boundOf(item, depth + 1);
            sum.bytes += bound.bytes;
            sum.number = std::max(sum.number, bound.number);
        }
        return sum;
    }

    Bound nodeBound(std::string_view type, const object& node, int depth) {
        if (type == "A_Const") return constBound(node);
        if (type == "ParamRef") return {1'000'000, kAnything};
        if (type == "ColumnRef") return columnBound(node);
        if (type == "FuncCall") return callBound(node, depth);
        if (type == "A_Expr") return operatorBound(node, depth);
        if (type == "TypeCast") return castBound(node, depth);
        if (type == "SubLink") return selectBound(node.at_key("subselect")["SelectStmt"], depth);
        if (type == "List") return boundOf(node.at_key("items"), depth);
        if (type == "MinMaxExpr") return extremeBound(node, depth);
        if (type == "SQLValueFunction") return {};
        // Others give one of their parts, or put all of them together.
        Bound sum{64, 0};
        for (auto [key, inner] : node) {
            if (!inner.is_array() && !inner.is_object()) continue;
            const Bound bound = boundOf(inner, depth);
            sum.bytes += bound.bytes;
            sum.number = std::max(sum.number, bound.number);
        }
        return sum;
    }

    static Bound constBound(const object& node) {
        std::string_view text;
        std::int64_t number = 0;
        if (node.at_key("sval")["sval"].get(text) == simdjson::SUCCESS)
            return {static_cast<double>(text.size()), numberIn(text)};
        if (node.at_key("ival")["ival"].get(number) == simdjson::SUCCESS)
            return {16, std::abs(static_cast<double>(number))};
        if (node.at_key("fval")["fval"].get(text) == simdjson::SUCCESS)
            return {static_cast<double>(text.size()), numberIn(text)};
        if (node.at_key("bsval")["bsval"].get(text) == simdjson::SUCCESS)
            return {static_cast<double>(text.size()), kAnything};
        return {8, 0};
    }

    Bound columnBound(const object& node) const {
        array fields;
        if (node.at_key("fields").get(fields) != simdjson::SUCCESS || fields.size() == 0) return kData;
        std::string_view name;
        if (fields.at(fields.size() - 1)["String"]["sval"].get(name) != simdjson::SUCCESS) return kData;
        const auto known = columns_.find(std::string(name));
        return known == columns_.end() ? kData : known->second;
    }

    Bound selectBound(const simdjson::simdjson_result<element>& select, int depth) {
        array targets;
        Bound widest{0, 0};
        if (select["targetList"].get(targets) == simdjson::SUCCESS)
            for (element target : targets)
                widest.widen(boundOf(target["ResTarget"]["val"], depth));
        for (const char* half : {"larg", "rarg"})
            if (element arm; select[half].get(arm) == simdjson::SUCCESS)
                widest.widen(selectBound(std::move(arm), depth + 1));
        return widest;
    }

    // least() is at most any of its arguments.
    Bound extremeBound(const object& node, int depth) {
        array args;
        if (node.at_key("args").get(args) != simdjson::SUCCESS) return {};
        Bound all = sumOf(args, depth);
        if (textOf(node, "op") != "IS_LEAST") return all;
        for (element arg : args)
            all.number = std::min(all.number, boundOf(arg, depth).number);
        return all;
    }

    // char(n) and bit(n) pad.
    Bound castBound(const object& node, int depth) {
        Bound bound = boundOf(node.at_key("arg"), depth);
        object type;
        if (node.at_key("typeName").get(type) != simdjson::SUCCESS) return bound;
        if (isOneOf(nameOf(type, "names").name, {"bpchar", "bit", "char"}))
            bound.bytes = std::max(bound.bytes, boundOf(type.at_key("typmods"), depth).number);
        return bound;
    }

    Bound operatorBound(const object& node, int depth) {
        const Bound left = boundOf(node.at_key("lexpr"), depth), right = boundOf(node.at_key("rexpr"), depth);
        Bound bound{left.bytes + right.bytes + 16, std::max(left.number, right.number)};
        const std::string op = nameOf(node, "name").name;
        if (op == "+" || op == "-") bound.number = left.number + right.number;
        if (op == "*") bound.number = left.number * right.number;
        if (op == "%") bound.number = right.number;
        if (op == "/") bound.number = dividesBySmall(node) ? kAnything : left.number;
        if (op == "^") bound.number = std::pow(std::max(left.number, 1.0), std::max(right.number, 1.0));
        if (op == "<<" || op == "~" || op == "#") bound.number = kAnything;
        return bound;
    }

    // By something that may lie between 0 and 1 because the statement made it so.
    bool dividesBySmall(const object& node) const {
        object divisor;
        if (node.at_key("rexpr")["ColumnRef"].get(divisor) == simdjson::SUCCESS) {
            array fields;
            std::string_view name;
            if (divisor.at_key("fields").get(fields) != simdjson::SUCCESS || fields.size() == 0) return true;
            if (fields.at(fields.size() - 1)["String"]["sval"].get(name) != simdjson::SUCCESS) return true;
            return columns_.contains(std::string(name)) && columns_.at(std::string(name)).number < 1;
        }
        if (node.at_key("rexpr")["A_Const"].get(divisor) != simdjson::SUCCESS) return false;
        return constBound(divisor).number < 1;
    }

    Bound callBound(const object& node, int depth) {
        const std::string name = nameOf(node, "funcname").name;
        std::vector<Bound> args;
        array list;
        std::string_view first_text;
        if (node.at_key("args").get(list) == simdjson::SUCCESS) {
            for (element arg : list)
                args.push_back(boundOf(arg, depth + 1));
            if (list.size() > 0 && list.at(0)["A_Const"]["sval"]["sval"].get(first_text) != simdjson::SUCCESS)
                first_text = {};
        }
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
            const bool computed = first_text.data() == nullptr || first_text.find('*') != std::string_view::npos;
            bound = {sum.bytes + (computed ? sum.number : widthIn(first_text)), kAnything};
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
        } else if (name.find("json") != std::string::npos || name.starts_with("quote_") || name == "encode") {
            bound.bytes = sum.bytes * 6;
        }
        if (makesGrow(name)) judge(node, name, bound);
        return bound;
    }

    double elementsOf(const array& args) {
        if (args.size() < 2) return 1;
        array dimensions;
        if (args.at(1)["A_ArrayExpr"]["elements"].get(dimensions) != simdjson::SUCCESS) return kAnything;
        double product = 1;
        for (element dimension : dimensions)
            product *= std::max(boundOf(dimension, 0).number, 1.0);
        return product;
    }

    void judge(const object& node, const std::string& name, const Bound& bound) {
        std::int64_t position = 0;
        if (node.at_key("location").get(position) != simdjson::SUCCESS) position = 0;
        if (double& counted = counted_[position]; bound.bytes > counted) {  // a call is met more than once
            total_ += bound.bytes - counted;
            counted = bound.bytes;
        }
        if (found_ || (bound.bytes <= kValueBytesMax && total_ <= kValuesBytesMax)) return;
        found_ = Growth{name, static_cast<std::uint32_t>(std::max<std::int64_t>(position, 0))};
    }

    std::vector<element> pending_;
    std::unordered_map<std::string, Bound> columns_;
    std::unordered_set<std::string> growing_;
    std::unordered_map<std::int64_t, double> counted_;  // bytes by position
    Bound largest_{0, 0};
    double total_ = 0;
    bool changed_ = false;
    std::optional<Growth> found_;
};

}  // namespace

bool makesGrow(std::string_view function) {
    return isOneOf(function, {"repeat", "lpad", "rpad", "array_fill", "format", "replace", "regexp_replace"});
}

std::optional<Growth> tooLargeValue(const element& root) {
    return Estimate().of(root);
}

}  // namespace howdah::guard
