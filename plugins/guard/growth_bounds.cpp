#include "plugins/guard/growth_bounds.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "plugins/guard/growth_functions.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kMost = 1e30;           // so that products stay numbers
constexpr double kEndless = 1e300;       // more than a double holds
constexpr double kDigitsMax = 150'000;   // of a numeric
constexpr double kDataDivisor = 10;      // a divisor that is data is at least this
constexpr double kSumOfData = 10;        // a sum of data against its largest member
constexpr double kRowsMade = 1'000'000;  // rows that a statement makes itself
constexpr double kWorkCounted = 1'000;   // less is nothing
constexpr double kHeldOfConstants = 64;  // bytes that a byte of a constant costs once it is an array, a document, a row

using Names = std::initializer_list<std::string_view>;

bool isOneOf(std::string_view name, Names names) {
    return std::ranges::find(names, name) != names.end();
}

double product(double left, double right) {
    return std::min(left * right, kMost);
}

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

double digitsOf(double number) {
    return number >= kEndless ? kDigitsMax : std::log10(number);
}

Bound textBound(std::string_view text) {
    Bound bound;
    bound.bytes = bound.grown = static_cast<double>(text.size());
    const Numbers numbers = numbersIn(text);
    bound.number = numbers.largest;
    bound.least = std::max(numbers.least, kNothing);
    // 1e60000 are seven bytes, and with a 1 added to it 60,000 digits.
    if (numbers.largest > 1e15) bound.grown = std::max(bound.grown, digitsOf(numbers.largest));
    return bound;
}

std::string_view constantText(const NodeView& node) {
    return node.tag() == Tag::A_Const ? stringOf(node.child(Field::val)) : std::string_view{};
}

// Of format(): as many places as the format has, each as wide as it says or as the largest argument.
double formatted(std::string_view format, std::span<const Bound> args) {
    double widest = 0, number = 0;  // of what is put in
    for (std::size_t i = 1; i < args.size(); ++i) {
        widest = std::max(widest, args[i].bytes);
        number = std::max(number, args[i].number);
    }
    if (args.empty()) return 0;
    // A format that is made while it runs: of two bytes a place, and with numbers in it.
    if (format.empty()) return args[0].bytes + product(args[0].bytes / 2, widest) + product(args[0].number, 10);
    const auto places = static_cast<double>(std::ranges::count(format, '%'));
    double width = format.find('*') == std::string_view::npos ? 0 : number, read = 0;
    for (const char c : format) {
        read = isDigit(c) ? std::min(read * 10 + (c - '0'), kAnything) : 0;
        width = std::max(width, read);
    }
    return args[0].bytes + product(places, std::max(width, widest));
}

// Steps of functions that look for one value in another, or multiply digits, without a look at any limit.
double stepsOf(Makes makes, std::string_view function, std::span<const Bound> args) {
    double first = 0, second = 0;  // the two largest
    for (const Bound& arg : args) {
        second = std::max(second, std::min(first, arg.grown));
        first = std::max(first, arg.grown);
    }
    const bool of_digits = makes == Makes::logarithm || makes == Makes::root || function == "exp";
    const double steps = product(first, of_digits ? first : second);
    if (steps < kWorkCounted) return 0;
    constexpr std::string_view kLinear[] = {"concat",     "concat_ws",    "format",       "lpad",
                                            "rpad",       "repeat",       "overlay",      "array_cat",
                                            "array_fill", "array_append", "array_prepend"};
    const bool linear = std::ranges::find(kLinear, function) != std::end(kLinear);
    return linear || function.find("json") != std::string_view::npos ? 0 : steps;
}

double powerOf(double base, double exponent) {
    return std::min(std::pow(std::max(base, 1.0), std::max(exponent, 1.0)), kMost);
}

// Digits of a power of constants; that of data is data.
double digitsOfPower(const Bound& base, const Bound& exponent) {
    if (base.data || exponent.data) return 0;
    const double digits = std::max(std::log10(std::max(base.number, 2.0)) * exponent.number, base.grown);
    return std::min(digits, kDigitsMax);
}

bool isConstant(const Bound& bound) {
    return !bound.data && bound.parameters == 0;
}

void quotient(Bound& bound, const Bound& left, const Bound& right) {
    bound.number = product(left.number, 1 / std::min(right.data ? right.least * kDataDivisor : right.least, kMost));
    bound.least = std::max(left.least / std::max(right.number, kNothing), kNothing);
}

// A minus alone is no difference: its left side has no part.
void difference(Bound& bound, const Bound& left, const Bound& right) {
    bound.number = left.number + right.number;
    if (left.parts == 0)
        bound.least = right.least;
    else
        bound.least = left.data || right.data ? std::min(left.least, right.least) : kNothing;
}

double elementsOf(const NodeView& call, std::span<const Bound> args) {
    const NodeView dimensions = call.list(Field::args)[1];
    if (args.size() < 2 || dimensions.tag() != Tag::A_ArrayExpr) return kAnything;
    // The largest of them, as often as there are some.
    return std::min(std::pow(std::max(args[1].number, 1.0), dimensions.list(Field::elements).size()), kMost);
}

}  // namespace

Numbers numbersIn(std::string_view text) {
    if (std::ranges::none_of(text, isDigit)) return {};
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '_') continue;
        const bool prefix = i > 0 && text[i - 1] == '0' && (i == 1 || !isDigit(text[i - 2]));
        if (prefix && std::string_view("xXbBoO").find(text[i]) != std::string_view::npos) return {kAnything, kNothing};
        plain += text[i];
    }
    Numbers found;
    bool any = false;
    const char* at = plain.c_str();
    while (*at != '\0') {
        if (!isDigit(*at) && *at != '.') {
            ++at;
            continue;
        }
        char* end = nullptr;
        const double read = std::strtod(at, &end);
        if (end == at) {
            ++at;
            continue;
        }
        at = end;
        const double number = std::isfinite(read) ? read : kEndless;
        found.largest = std::max(found.largest, number);
        if (number > 0) found.least = any ? std::min(found.least, number) : number;
        any = any || number > 0;
    }
    return found;
}

void put(Bound& sum, const Bound& part) {
    sum.bytes += part.bytes;
    sum.number = std::max(sum.number, part.number);
    sum.least = std::min(sum.least, part.least);
    sum.grown += part.grown;
    sum.note(part);
}

Bound together(std::span<const Bound> parts) {
    Bound sum;
    sum.bytes = 8;
    sum.number = 0;
    for (const Bound& part : parts)
        put(sum, part);
    return sum;
}

Bound anyOf(std::span<const Bound> parts) {
    Bound widest;
    widest.bytes = 8;
    widest.number = 0;
    for (const Bound& part : parts)
        widest.widen(part);
    return widest;
}

Bound constantBound(const NodeView& constant) {
    const NodeView value = constant.child(Field::val);
    Bound bound;
    bound.bytes = bound.grown = 8;
    bound.number = 0;
    switch (value.tag()) {
        case Tag::String: return textBound(value.text(Field::sval));
        case Tag::Float: return textBound(value.text(Field::fval));
        case Tag::BitString:
            bound = textBound(value.text(Field::bsval));
            bound.bytes = bound.grown = bound.bytes * 4;  // a hexadecimal digit is four bits
            bound.number = kAnything;
            return bound;
        case Tag::Integer: {
            // A minus before it, or another, may make it the opposite.
            bound.number = std::abs(static_cast<double>(value.number(Field::ival)));
            bound.least = std::max(bound.number, 1.0);
            return bound;
        }
        default: return bound;
    }
}

Bound operatorBound(std::string_view op, const Bound& left, const Bound& right) {
    Bound bound = together(std::array{left, right});
    const double before = bound.made;
    if (op == "+") {
        bound.number = left.number + right.number;
    } else if (op == "-") {
        difference(bound, left, right);
    } else if (op == "*") {
        bound.number = product(left.number, right.number);
        bound.least = std::max(product(left.least, right.least), kNothing);
    } else if (op == "%") {
        bound.number = std::min(left.number, right.number);
    } else if (op == "/") {
        quotient(bound, left, right);
    } else if (op == "^") {
        bound.number = powerOf(left.number, right.number);
        bound.least = kNothing;
        bound.grown = std::max(bound.grown, digitsOfPower(left, right));
        bound.bytes = std::max(bound.bytes, bound.grown);
    } else if (isOneOf(op, {"=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "!~", "~*", "!~*", "@>", "<@",
                            "&&"})) {
        bound.bytes = 8;
        bound.grown = 0;
        bound.number = 1;
        if (bound.made + left.grown * right.grown == 0) bound.parameters = 0;  // of any size: nothing is made of them
    } else if (op == "||") {                                                   // digits of both may make one number
        bound.number = kAnything;
    } else if (isOneOf(op, {"<<", "~", "#", "@@", "!!"})) {
        bound.number = kAnything;
    }
    if (op == "^")
        bound.work += product(bound.grown, bound.grown);
    else if (!isOneOf(op, {"+", "-", "||", "=", "<>", "<", ">", "<=", ">="}))
        bound.work += product(left.grown, right.grown);
    bound.made = before + bound.grown;
    return bound;
}

double paddedBytes(const NodeView& type) {
    if (!isOneOf(nameOf(type.list(Field::names)).name, {"bpchar", "bit", "char"})) return 0;
    double bytes = 0;
    for (const NodeView modifier : type.list(Field::typmods))
        bytes = std::max(bytes, modifier.tag() == Tag::A_Const ? constantBound(modifier).number : kAnything);
    return bytes;
}

Bound castBound(const NodeView& type, const Bound& value) {
    Bound bound = value;
    bound.parts += 1;
    const std::string_view name = nameOf(type.list(Field::names)).name;
    if (name == "money") bound.number = kAnything;  // takes 900,000,000
    if (const double padded = paddedBytes(type); padded > 0) {
        bound.bytes = std::max(bound.bytes, padded);
        bound.grown = std::max(bound.grown, padded);
    }
    const bool is_text = isOneOf(name, {"text", "varchar", "bpchar", "char", "name", "bytea"});
    const bool is_array = !type.list(Field::arrayBounds).empty();
    bound.made += bound.grown * (!is_text || is_array ? (isConstant(value) ? kHeldOfConstants : 1) : 1);
    return bound;
}

Bound callBound(std::string_view name, const NodeView& call, std::span<const Bound> args) {
    const Makes makes = makesOf(name);
    const auto at = [&](std::size_t index) { return index < args.size() ? args[index] : constantBound({}); };
    const NodeView first = call.list(Field::args)[0];
    const Bound sum = together(args);
    Bound bound = sum;
    // Without arguments (random(), now()) nothing large comes of it, but something near to 0 may.
    bound.bytes = sum.bytes * 2;
    bound.grown = sum.grown * 2;
    bound.number = args.empty() ? 10'000 : kAnything;
    bound.least = kNothing;
    bool cheap = false;  // gives a text, or a number, and keeps nothing else
    const auto grows = [&](double bytes) {
        bound.bytes = std::min(bytes, kMost);
        bound.grown = bound.bytes;
        cheap = true;
    };
    const auto counts = [&](double number) {
        bound.bytes = bound.grown = 16;
        bound.number = number;
        bound.least = 1;
        cheap = true;
    };
    switch (makes) {
        case Makes::repeated: grows(product(at(0).bytes, std::max(at(1).number, 1.0))); break;
        case Makes::padded: grows(at(1).number * (args.size() > 2 ? 4 : 1) + at(0).bytes); break;
        case Makes::fitted: grows(at(0).bytes + (args.size() > 1 ? at(1).number : 0)); break;
        case Makes::filled: grows(product(elementsOf(call, args), std::max(at(0).bytes, 8.0))); break;
        case Makes::formatted: grows(formatted(constantText(first), args)); break;
        case Makes::replaced: {
            // A text for another that is no shorter makes nothing grow.
            const auto searched = static_cast<double>(constantText(call.list(Field::args)[1]).size());
            grows(searched > 0 ? product(at(0).bytes, std::max(1.0, at(2).bytes / searched))
                               : product(at(0).bytes + 1, at(2).bytes + 1));
            break;
        }
        case Makes::matched:  // without flags the first match alone; \& and \1 put the match in
            grows(args.size() < 4 ? at(0).bytes + at(2).bytes + product(at(0).bytes, std::floor(at(2).bytes / 2))
                                  : product(at(0).bytes + 1, at(2).bytes + 1));
            break;
        case Makes::joined: grows(at(0).bytes + product(at(0).bytes / 2, at(1).bytes + at(2).bytes)); break;
        case Makes::indented:
            grows(sum.bytes * 6 + product(sum.grown, sum.grown));
            break;  // once for each bracket around
        case Makes::gathered:
            bound.bytes = sum.bytes * 1'000;  // of rows; made while it runs, where limits act
            bound.grown = sum.grown;
            bound.number = sum.number;
            break;
        case Makes::length: counts(sum.bytes); break;
        case Makes::bits: counts(sum.bytes * 8); break;
        case Makes::same:
        case Makes::sum:
            bound = sum;
            bound.bytes = std::max(sum.bytes, 16.0);
            if (makes == Makes::sum) bound.number = product(sum.number, sum.data ? kSumOfData : kRowsMade);
            cheap = true;
            break;
        case Makes::logarithm:
            bound.number = std::max(sum.data ? 0 : sum.number, 100.0);
            bound.least = sum.data ? 0.1 : kNothing;
            break;
        case Makes::root:
            bound.number = std::max(sum.number, 1.0);
            bound.least = sum.data ? 0.1 : kNothing;
            break;
        case Makes::power: return operatorBound("^", at(0), at(1));
        case Makes::count:
            counts(10'000);
            bound.data = true;
            break;
        case Makes::moment: {
            // Those of constants may be many, those between two moments of the data are data.
            const bool many = isOneOf(constantText(first),
                                      {"epoch", "julian", "microseconds", "day", "hour", "year", "decade", "century"});
            counts(many && !sum.data ? kAnything : 1'000'000);
            break;
        }
        case Makes::bucket: counts(sum.number + 1); break;
        case Makes::character: counts(1'114'112); break;
        case Makes::text:
            bound.bytes = sum.bytes;
            bound.grown = sum.grown;
            cheap = true;
            break;
        case Makes::anything:
            if (name.find("json") == std::string_view::npos && !name.starts_with("quote_") && name != "encode") break;
            bound.bytes = sum.bytes * 6;
            bound.grown = sum.grown * 6;
            break;
    }
    // Of a folded constant its array, its document stay in the plan; what rows make comes and goes.
    bound.made = sum.made + bound.grown + (cheap || !isConstant(sum) ? 0 : kHeldOfConstants * sum.grown);
    bound.work = sum.work + stepsOf(makes, name, args);
    return bound;
}

}  // namespace howdah::guard
