#include <charconv>
#include <cmath>

#include "kernel/schema/program.hpp"

namespace howdah::kernel {

namespace {

constexpr std::size_t kQuotedMax = 40;   // characters of a value that a message repeats
constexpr std::size_t kAllowedMax = 12;  // members of an enum that a message lists

std::string describeRange(const NumberRules& rules) {
    std::string out;
    if (rules.min && rules.max && !rules.above_min && !rules.below_max) {
        out = concat(" between ", describeNumber(*rules.min), " and ", describeNumber(*rules.max));
    } else {
        if (rules.min) out += concat(rules.above_min ? " above " : " of at least ", describeNumber(*rules.min));
        if (rules.min && rules.max) out += " and";
        if (rules.max) out += concat(rules.below_max ? " below " : " of at most ", describeNumber(*rules.max));
    }
    if (rules.multiple) {
        out += concat(out.empty() ? " that is" : " and", " a multiple of ", describeNumber(*rules.multiple));
    }
    return out;
}

}  // namespace

std::string describeNumber(Number number) {
    char digits[64];
    if (std::abs(number) < 1e19L && std::truncl(number) == number) {
        const bool negative = number < 0;
        auto end =
            std::to_chars(digits, digits + sizeof digits, static_cast<std::uint64_t>(negative ? -number : number));
        return (negative ? "-" : "") + std::string(digits, end.ptr);
    }
    auto end = std::to_chars(digits, digits + sizeof digits, static_cast<double>(number));
    return std::string(digits, end.ptr);
}

std::string inQuotes(std::string_view text) {
    std::size_t cut = 0, characters = 0;
    while (cut < text.size() && characters < kQuotedMax) {
        ++cut, ++characters;
        while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80)
            ++cut;
    }
    std::string out = "\"";
    appendEscaped(out, text.substr(0, cut));
    out += cut < text.size() ? "...\"" : "\"";
    return out;
}

std::string counted(std::size_t count, std::string_view noun) {
    return concat(count, ' ', noun, count == 1 ? "" : "s");
}

std::string describeBounds(const Bounds& bounds, std::string_view noun) {
    const bool open = bounds.max == std::numeric_limits<std::size_t>::max();
    if (open) return concat("at least ", counted(bounds.min, noun));
    if (bounds.min == 0) return concat("at most ", counted(bounds.max, noun));
    if (bounds.min == bounds.max) return concat("exactly ", counted(bounds.min, noun));
    return concat(bounds.min, " to ", counted(bounds.max, noun));
}

std::string describe(const Node& node, std::uint8_t types) {
    if (node.allowed) {
        std::string out = node.allowed->size() == 1 ? "" : "one of ";
        for (std::size_t i = 0; i < node.allowed->size(); ++i) {
            if (i == kAllowedMax) return out + ", ...";
            const Json& value = (*node.allowed)[i];
            if (i != 0) out += ", ";
            out += value.is_string() ? inQuotes(value.get_ref<const std::string&>()) : dumpJson(value);
        }
        return out;
    }
    types &= node.types;
    if ((node.types & kNumber) == kInteger) types &= static_cast<std::uint8_t>(~kFraction);
    std::vector<std::string> forms;
    if (types & kString) {
        std::string form = "a string";
        if (node.string) {
            const Bounds& length = node.string->length;
            if (!length.none()) form += " of " + describeBounds(length, "character");
            if (node.string->pattern) form += " that matches " + node.string->pattern->source();
        }
        forms.push_back(std::move(form));
    }
    if (types & kNumber) {
        std::string form = (node.types & kFraction) ? "a number" : "an integer";
        if (node.number) form += describeRange(*node.number);
        forms.push_back(std::move(form));
    }
    if (types & kBoolean) forms.emplace_back("true or false");
    if (types & kObject) forms.emplace_back("an object");
    if (types & kArray) {
        std::string form = "an array";
        if (node.array && !node.array->size.none()) form += " of " + describeBounds(node.array->size, "item");
        forms.push_back(std::move(form));
    }
    if (types & kNull) forms.emplace_back("null");
    std::string out;
    for (std::size_t i = 0; i < forms.size(); ++i) {
        if (i != 0) out += i + 1 == forms.size() ? " or " : ", ";
        out += forms[i];
    }
    return out.empty() ? "absent" : out;
}

}  // namespace howdah::kernel
