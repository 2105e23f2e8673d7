#include "plugins/guard/growth_bounds.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kEndless = 1e300;      // more than a double holds
constexpr double kDigitsMax = 150'000;  // of a numeric
constexpr double kDataDivisor = 10;     // a divisor that is data is at least this

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

double powerOf(double base, double exponent) {
    return std::min(std::pow(std::max(base, 1.0), std::max(exponent, 1.0)), kMost);
}

// Digits of a power of constants; that of data is data.
double digitsOfPower(const Bound& base, const Bound& exponent) {
    if (base.data || exponent.data) return 0;
    const double digits = std::max(std::log10(std::max(base.number, 2.0)) * exponent.number, base.grown);
    return std::min(digits, kDigitsMax);
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

}  // namespace howdah::guard
