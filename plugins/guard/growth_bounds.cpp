#include "plugins/guard/growth_bounds.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kEndless = 1e300;       // more than a double holds
constexpr double kFractionMax = 16'383;  // of its digits behind the point
constexpr double kDataExponent = 100;
constexpr double kYear = 2'100;
constexpr double kDataDivisor = 10;  // a divisor that is data is at least this

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

double digitsOf(double number) {
    return number >= kEndless ? kDigitsMax : std::log10(number);
}

// Digits may be written otherwise: \060 in a bytea, \u0030 in JSON, &#48; in XML.
bool hasEscapes(std::string_view text) {
    return text.find('\\') != std::string_view::npos || text.find("&#") != std::string_view::npos;
}

Bound textBound(std::string_view text) {
    Bound bound;
    bound.bytes = bound.grown = static_cast<double>(text.size());
    bound.brackets = static_cast<double>(std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; }));
    // Brackets may be written otherwise, as digits may.
    if (hasEscapes(text)) bound.brackets = bound.bytes;
    const Numbers numbers = numbersIn(text);
    bound.number = numbers.largest;
    bound.least = std::max(numbers.least, kNothing);
    bound.grain = std::max(numbers.grain, kNothing);
    // 1e60000 are seven bytes, and with a 1 added to it 60,000 digits.
    bound.grown += numbers.digits;
    return bound;
}

double powerOf(double base, double exponent) {
    return std::min(std::pow(std::max(base, 1.0), std::max(exponent, 1.0)), kMost);
}

// A power of one may be less than it: then its base is turned over. Exponents that are plain data are taken for
// positive and, where digits are made of them, for small.
bool isPlainData(const Bound& bound) {
    return bound.data && bound.parts <= 1;
}

double digitsOfPower(const Bound& base, const Bound& exponent) {
    const bool small = exponent.data && exponent.number <= dataBound().number;
    const double times = small ? std::min(exponent.number, kDataExponent) : exponent.number;
    return std::min(std::max(std::log10(std::max(base.number, 2.0)) * times, base.grown), kDigitsMax);
}

void quotient(Bound& bound, const Bound& left, const Bound& right) {
    bound.number = product(left.number, 1 / std::min(right.data ? right.least * kDataDivisor : right.least, kMost));
    bound.least = std::max(left.least / std::max(right.number, kNothing), kNothing);
    if (!bound.data) bound.grain = kNothing;
}

// Of signs that are not known. One alone is no difference: its left side has no part.
void sumOrDifference(Bound& bound, const Bound& left, const Bound& right) {
    bound.number = left.number + right.number;
    bound.least = left.parts == 0 ? right.least : std::min({left.least, right.least, left.grain, right.grain});
}

}  // namespace

Numbers numbersIn(std::string_view text) {
    if (std::ranges::none_of(text, isDigit)) return {};
    if (hasEscapes(text)) return {kAnything, kNothing, kNothing};
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '_') continue;
        const bool prefix = i > 0 && text[i - 1] == '0' && (i == 1 || !isDigit(text[i - 2]));
        if (prefix && std::string_view("xXbBoO").find(text[i]) != std::string_view::npos)
            return {kAnything, kNothing, kNothing};
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
        const std::string_view written(at, static_cast<std::size_t>(end - at));
        at = end;
        const double number = std::isfinite(read) ? read : kEndless;
        if (written.find_first_of("eE") != std::string_view::npos) {
            found.grain = kNothing;
            found.digits += number > 1e15 ? digitsOf(number) : number < 1e-15 ? kFractionMax : 0;
        } else if (const auto point = written.find('.'); point != std::string_view::npos) {
            const auto places = static_cast<double>(written.size() - point - 1);
            found.grain = std::min(found.grain, std::pow(10, -std::min(places, 20.0)));
        }
        found.largest = std::max(found.largest, number);
        if (number > 0) found.least = any ? std::min(found.least, number) : number;
        any = any || number > 0;
    }
    return found;
}

void put(Bound& sum, const Bound& part) {
    sum.bytes = std::min(sum.bytes + part.bytes, kMost);
    sum.number = std::max(sum.number, part.number);
    sum.least = std::min(sum.least, part.least);
    sum.grain = std::min(sum.grain, part.grain);
    sum.grown = std::min(sum.grown + part.grown, kMost);
    sum.brackets = std::min(sum.brackets + part.brackets, kMost);
    sum.forms |= part.forms;
    sum.doubled |= part.doubled | (sum.selves & part.selves);
    sum.selves |= part.selves;
    sum.note(part);
}

Bound quoted(Bound bound) {
    bound.bytes = std::min(bound.bytes * 2 + 4, kMost);
    bound.grown = std::min(bound.grown * 2 + 4, kMost);
    bound.doubled |= bound.selves;
    bound.forms = kPlain;
    return bound;
}

Bound escapedIn(std::uint8_t form, Bound part) {
    if ((part.forms & ~form) == 0) return part;
    part.bytes = std::min(part.bytes * 6, kMost);
    part.grown = std::min(part.grown * 6, kMost);
    part.brackets = 0;
    return part;
}

Bound together(std::span<const Bound> parts) {
    Bound sum;
    sum.bytes = 8;
    sum.number = 0;
    if (!parts.empty()) sum.forms = 0;
    for (const Bound& part : parts)
        put(sum, part);
    return sum;
}

Bound anyOf(std::span<const Bound> parts) {
    Bound widest;
    widest.bytes = 8;
    widest.number = 0;
    if (!parts.empty()) widest.forms = 0;
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
        case Tag::Float:
            bound = textBound(value.text(Field::fval));
            bound.bytes = bound.grown;
            return bound;
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
    if (op != "||") {
        bound.doubled = left.doubled | right.doubled;  // a number has no more digits than fit
        bound.forms = kPlain;
    }
    if (op == "+" || op == "-") {
        sumOrDifference(bound, left, right);
    } else if (op == "*") {
        bound.number = product(left.number, right.number);
        bound.least = std::max(product(left.least, right.least), kNothing);
        bound.grain = std::max(product(left.grain, right.grain), kNothing);
    } else if (op == "%") {
        bound.number = std::min(left.number, right.number);
        bound.least = std::min({left.least, right.least, left.grain, right.grain});
    } else if (op == "/") {
        quotient(bound, left, right);
    } else if (op == "^") {
        const double turned = isPlainData(right) ? 1 : 1 / std::max(left.least, kNothing);
        bound.number = powerOf(std::max(left.number, turned), right.number);
        bound.least = bound.grain = kNothing;
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
    } else if (op == "|") {
        bound.number = left.number + right.number;
    } else if (op == "<->") {  // of points
        bound.number = 2 * (left.number + right.number);
    } else if (isOneOf(op, {"<<", "~", "#", "@@", "!!", "@-@"})) {
        bound.number = kAnything;
    }
    if (op == "^")
        bound.work += product(bound.grown, bound.grown);
    else if (!isOneOf(op, {"+", "-", "||", "=", "<>", "<", ">", "<=", ">="}))
        bound.work += product(left.grown, right.grown);
    bound.made = before + bound.grown;
    bound.bytes = std::max(bound.bytes, bound.grown);
    return bound;
}

// That a text may have as an array, two bytes each; one of another type. Of data a part is counted.
double elementsOf(const NodeView& type, const Bound& value) {
    if (type.list(Field::arrayBounds).empty()) return 1;
    return std::max(1.0, (value.data ? std::max(value.grown, value.bytes / kEnlarged) : value.bytes) / 2);
}

// Types in whose texts a number is written by more than decimal digits, or that count from somewhere.
void readAs(std::string_view type, const NodeView& written, Bound& bound) {
    bound.number = std::max(bound.number, type == "char" ? 128.0 : 1.0);  // "char" is a byte, true is 1
    // Of points a product is up to twice that of their numbers.
    if (isOneOf(type, {"point", "lseg", "path", "box", "polygon", "circle"}))
        bound.number = std::min(bound.number * 2, kEndless);
    if (isOneOf(type, {"numeric", "jsonb"})) {
        const double elements = elementsOf(written, bound);
        for (const NodeView modifier : written.list(Field::typmods))  // numeric(1000,999)
            bound.grown += product(std::min(constantBound(modifier).number, kFractionMax), elements);
        bound.bytes = std::max(bound.bytes, bound.grown);
    }
    if (type == "money") bound.number = kAnything;  // takes 900,000,000
    if (bound.data) return;
    if (isOneOf(type,
                {"bit", "varbit", "inet", "cidr", "pg_lsn", "oid", "xid", "xid8", "cid", "macaddr", "macaddr8"}) ||
        type.starts_with("reg"))
        bound.number = kAnything;
    // Words are dates, too: today, epoch.
    if (isOneOf(type, {"date", "timestamp", "timestamptz"})) bound.number = product(std::max(bound.number, kYear), 366);
    if (isOneOf(type, {"float4", "float8"}) && bound.grain < 1) bound.grain = kNothing;      // 0.1 + 0.2 - 0.3 is not 0
    if (isOneOf(type, {"lseg", "path"})) bound.bytes = std::max(bound.bytes, bound.number);  // as length() has it
    if (type == "bytea") bound.bytes = std::min(bound.bytes * 2, kMost);                     // as a text
}

double paddedBytes(const NodeView& type, const Bound& value) {
    if (!isOneOf(nameOf(type.list(Field::names)).name, {"bpchar", "bit", "char"})) return 0;
    double bytes = 0;
    for (const NodeView modifier : type.list(Field::typmods))
        bytes = std::max(bytes, modifier.tag() == Tag::A_Const ? constantBound(modifier).number : kAnything);
    return product(bytes, elementsOf(type, value));
}

Bound castBound(const NodeView& type, const Bound& value) {
    Bound bound = value;
    bound.parts += 1;
    const std::string_view name = nameOf(type.list(Field::names)).name;
    readAs(name, type, bound);
    bound.forms = isOneOf(name, {"json", "jsonb"}) ? kJson : name == "xml" ? kXml : kPlain;
    if (const double padded = paddedBytes(type, value); padded > 0) {
        bound.bytes = std::max(bound.bytes, padded);
        bound.grown = std::max(bound.grown, padded);
    }
    const bool is_text = isOneOf(name, {"text", "varchar", "bpchar", "char", "name", "bytea"});
    const bool is_array = !type.list(Field::arrayBounds).empty();
    bound.made += bound.grown * (!is_text || is_array ? (isConstant(value) ? kHeldOfConstants : 1) : 1);
    return bound;
}

}  // namespace howdah::guard
