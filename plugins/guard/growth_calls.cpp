#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "plugins/guard/catalog.hpp"
#include "plugins/guard/growth_bounds.hpp"
#include "plugins/guard/growth_functions.hpp"
#include "plugins/guard/growth_paths.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kSumOfData = 10;             // a sum of data against its largest member
constexpr double kRowsMade = 1'000'000;       // rows that a statement makes itself
constexpr double kGatheredOfData = 16;        // values of data in one that is gathered,
constexpr double kGatheredOfConstants = 100;  // and of what stands beside each of them
constexpr double kLevelsOfData = 16;          // of a document
constexpr double kGroupsCounted = 4;          // less is nothing
constexpr double kWorkCounted = 1'000;        // less is nothing
constexpr double kOfMoments = 1'000'000;      // days between dates, as constants are written

std::string_view constantText(const NodeView& node) {
    return node.tag() == Tag::A_Const ? stringOf(node.child(Field::val)) : std::string_view{};
}

// Bytes that are made of a value, data being what it is.
double counted(const Bound& value) {
    return value.data ? std::max(value.grown, value.bytes / kEnlarged) : value.bytes;
}

struct Formatted {
    double bytes = 0, counted = 0;

    void add(double all, double of_them) {
        bytes = std::min(bytes + all, kMost);
        counted = std::min(counted + of_them, kMost);
    }
};

struct Place {  // %[position$][-][width]type
    double argument = 0, width = 0;
    bool width_is_argument = false;
    char type = 0;
};

// Reads behind a %; `at` is then behind its type.
Place placeOf(std::string_view format, std::size_t& at) {
    Place place;
    for (double number = 0; at < format.size(); ++at) {
        const char c = format[at];
        if (c >= '0' && c <= '9') {
            number = std::min(number * 10 + (c - '0'), kAnything);
            place.width = std::max(place.width, number);
            continue;
        }
        if (c == '$' && place.width_is_argument) place.width = 0;
        if (c == '$' && !place.width_is_argument) place.argument = std::exchange(place.width, 0);
        number = 0;
        if (c == '*') place.width_is_argument = true;
        if (c == '$' || c == '*' || c == '-') continue;
        place.type = c;
        ++at;
        break;
    }
    return place;
}

// Of format(): each of its places is as wide as it says, or as its argument, which %L and %I may double.
Formatted formatted(std::string_view format, std::span<const Bound> args, bool one_by_one) {
    Formatted made;
    if (args.empty()) return made;
    double widest = 0, widest_counted = 0, number = 0;  // of what is put in
    for (const Bound& arg : args.subspan(1)) {
        widest = std::max(widest, arg.bytes);
        widest_counted = std::max(widest_counted, counted(arg));
        number = std::max(number, arg.number);
    }
    made.add(args[0].bytes, counted(args[0]));
    if (format.empty()) {  // made while it runs: of two bytes a place, and with numbers in it
        const double places = args[0].bytes, widths = product(args[0].number, 10);
        made.add(product(places, widest) + widths, product(places, widest_counted) + widths);
        return made;
    }
    one_by_one = one_by_one && format.find('*') == std::string_view::npos;
    double next = 1;
    for (std::size_t at = format.find('%'); at < format.size(); at = format.find('%', at)) {
        const Place place = placeOf(format, ++at);
        if (place.type == '%') continue;
        if (place.argument > 0) next = place.argument;
        const double times = place.type == 's' ? 1 : 2;
        double bytes = widest, of_them = widest_counted, width = place.width_is_argument ? number : place.width;
        if (one_by_one && next < static_cast<double>(args.size())) {
            const Bound& arg = args[static_cast<std::size_t>(next)];
            bytes = arg.bytes;
            of_them = counted(arg);
        }
        made.add(std::max(width, bytes * times + 3), std::max(width, of_them * times + 3));
        ++next;
    }
    return made;
}

// Whether a pattern may match where there is nothing: said of every that has more than characters, classes of them and
// a + behind one.
bool mayMatchNothing(std::string_view pattern) {
    if (pattern.empty()) return true;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (std::string_view("*?|{^$(").find(pattern[i]) != std::string_view::npos) {
            const bool negates = pattern[i] == '^' && i > 0 && pattern[i - 1] == '[';
            if (!negates) return true;
        }
        if (pattern[i] != '\\') continue;
        ++i;
        if (i == pattern.size()) return true;
        if (std::string_view("sSdDwW.-+/()[]{}|*?^$").find(pattern[i]) == std::string_view::npos) return true;
    }
    return false;
}

// regexp_replace: without flags the first match alone; \& and \1 put the match in.
double matched(const NodeView& call, double bytes, double replacement) {
    const NodeList args = call.list(Field::args);
    if (args.size() < 4) return bytes + replacement + product(bytes, std::floor(replacement / 2));
    const NodeView with = args[2];
    const bool plain = with.tag() == Tag::A_Const && constantText(with).find('\\') == std::string_view::npos;
    if (plain && args.size() == 4 && !mayMatchNothing(constantText(args[1])))
        return product(bytes, std::max(1.0, replacement));
    return product(bytes + 1, replacement + 1);
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

double filledElements(const NodeView& call, std::span<const Bound> args) {
    const NodeView dimensions = call.list(Field::args)[1];
    if (args.size() < 2 || dimensions.tag() != Tag::A_ArrayExpr) return kAnything;
    // The largest of them, as often as there are some.
    return std::min(std::pow(std::max(args[1].number, 1.0), dimensions.list(Field::elements).size()), kMost);
}

// Of parts that are put into a document, or escaped in another way: theirs is one bracket more.
void documentOf(std::span<const Bound> args, std::uint8_t form, Bound& bound) {
    Bound all = noBound();
    for (const Bound& arg : args)
        put(all, escapedIn(form, arg));
    bound.bytes = all.bytes + 8;
    bound.grown = all.grown;
    bound.brackets = all.brackets + 1;
}

// Of capturing groups each match keeps two numbers, all of them at once.
double groupsBytes(const NodeView& pattern, const Bound& text, const Bound& written) {
    const bool known = pattern.tag() == Tag::A_Const;
    const double groups = known ? static_cast<double>(std::ranges::count(constantText(pattern), '(')) : written.grown;
    return groups < kGroupsCounted ? 0 : product(text.grown, groups * 8);
}

}  // namespace

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
    bound.forms = kPlain;
    if (!sum.data) bound.grain = kNothing;
    double found = 0;    // bytes of what a path or a pattern finds
    bool cheap = false;  // gives a text, or a number, and keeps nothing else
    const auto grows = [&](double bytes) {
        bound.bytes = std::min(bytes, kMost);
        bound.grown = bound.bytes;
        cheap = true;
    };
    // Of data, which is as large as it is, each byte may become some more.
    const auto enlarges = [&](double bytes) {
        grows(bytes);
        if (at(0).bytes > 0) bound.grown = std::min(product(bytes, counted(at(0)) / at(0).bytes), bytes);
    };
    const auto counts = [&](double number) {
        bound.bytes = bound.grown = 16;
        bound.number = number;
        bound.least = bound.grain = 1;
        bound.selves = bound.doubled = 0;
        cheap = true;
    };
    switch (makes) {
        case Makes::repeated: grows(product(at(0).bytes, std::max(at(1).number, 1.0))); break;
        case Makes::padded: grows(at(1).number * (args.size() > 2 ? 4 : 1) + at(0).bytes); break;
        case Makes::fitted: grows(at(0).bytes + (args.size() > 1 ? at(1).number : 0)); break;
        case Makes::outlined:  // polygon(n, circle): as many points, of 16 bytes, and as a text of 48
            if (args.size() > 1) grows(product(at(0).number, 48));
            break;
        case Makes::filled: grows(product(filledElements(call, args), std::max(at(0).bytes, 8.0))); break;
        case Makes::formatted: {
            const bool one_by_one = !call.flag(Field::func_variadic);
            const Formatted made = formatted(constantText(first), args, one_by_one);
            grows(made.bytes);
            bound.grown = made.counted;
            break;
        }
        case Makes::replaced: {
            // A text for another that is no shorter makes nothing grow.
            const auto searched = static_cast<double>(constantText(call.list(Field::args)[1]).size());
            enlarges(searched > 0 ? product(at(0).bytes, std::max(1.0, at(2).bytes / searched))
                                  : product(at(0).bytes + 1, at(2).bytes + 1));
            break;
        }
        case Makes::matched: enlarges(matched(call, at(0).bytes, at(2).bytes)); break;
        case Makes::joined: enlarges(at(0).bytes + product(at(0).bytes / 2, at(1).bytes + at(2).bytes)); break;
        case Makes::indented: {  // four blanks for each bracket around
            const double blanks = 4 * (sum.brackets + kLevelsOfData);
            const double of_data = sum.data ? product(counted(at(0)), 4 * sum.brackets) : 0;
            grows(sum.bytes * 6 + product(sum.grown, blanks));
            bound.grown = product(sum.grown, blanks + 6) + (sum.brackets > kLevelsOfData ? of_data : 0);
            break;
        }
        case Makes::gathered:  // of rows; made while it runs, where limits act
            bound.bytes = sum.bytes * kGatheredOfData + sum.grown * kGatheredOfConstants;
            bound.grown = sum.grown;
            bound.number = sum.number;
            bound.brackets += 1;
            if (name.find("json") != std::string_view::npos) bound.forms = kJson;
            if (name == "xmlagg") bound.forms = kXml;
            break;
        case Makes::length: counts(sum.bytes); break;
        case Makes::bits: counts(sum.bytes * 8); break;
        case Makes::same:
        case Makes::sum:
            bound = sum;
            bound.doubled = 0;
            bound.bytes = std::max(sum.bytes, 16.0);
            if (isOneOf(name, {"round", "trunc"}) && args.size() > 1) {
                bound.grown += std::min(at(1).number, kDigitsMax);  // behind the point
                bound.bytes = std::max(bound.bytes, bound.grown);
            }
            if (isOneOf(name, {"sum", "avg"}) && !sum.data) bound.least = bound.grain = kNothing;
            if (makes == Makes::sum && sum.data) bound.least = product(sum.least, kSumOfData);
            if (makes == Makes::sum) bound.number = product(sum.number, sum.data ? kSumOfData : kRowsMade);
            cheap = true;
            break;
        case Makes::logarithm:
            bound.number = sum.data ? 100.0 : std::max(sum.number, kDigitsMax * 3);
            // To a base near 1.
            if (args.size() > 1 && at(0).least < 2 && (!at(0).data || at(0).grain < 1)) bound.number = kAnything;
            bound.least = sum.data ? 0.1 : kNothing;
            break;
        case Makes::root:
            bound.number = std::max(sum.number, 1.0);
            bound.least = sum.data ? 0.1 : kNothing;
            break;
        case Makes::marked:  // each word of it
            grows(product(sum.bytes, std::max(8.0, args.empty() ? 0 : args.back().bytes)));
            break;
        case Makes::quotient: return operatorBound("/", at(0), at(1));
        case Makes::remainder: return operatorBound("%", at(0), at(1));
        case Makes::power: {
            if (args.size() > 1) return operatorBound("^", at(0), at(1));
            Bound base = constantBound({});  // of exp(); n! is less than n to the power of n
            base.number = name == "exp" ? 3 : at(0).number;
            base.least = 0.3;
            return operatorBound("^", base, at(0));
        }
        case Makes::count:
            counts(10'000);
            bound.data = true;
            break;
        case Makes::moment: {
            // Those of constants may be many; those of data are data, but for what constants in it may add.
            const std::string_view field = constantText(first);
            const bool few = isOneOf(field, {"century", "dow", "doy", "isodow", "millennium", "minute", "month",
                                             "quarter", "second", "week"});
            const bool plain = few || isOneOf(field, {"day", "decade", "hour", "isoyear", "year"});
            if (!sum.data)
                counts(few ? kOfMoments : kAnything);
            else if (sum.number > kOfMoments)
                counts(sum.number);
            else
                counts(plain ? dataBound().number : kOfMoments);
            break;
        }
        case Makes::bucket: counts(sum.number + 1); break;
        case Makes::character: counts(1'114'112); break;
        case Makes::text:
            bound.bytes = sum.bytes;
            bound.grown = sum.grown;
            cheap = true;
            break;
        case Makes::overlaid:  // twice, where its length is negative: as it stands above
            cheap = true;
            break;
        case Makes::document:
            documentOf(args, kJson, bound);
            bound.forms = kJson;
            break;
        case Makes::escaped: documentOf(args, kNoForm, bound); break;
        case Makes::pathed:
            documentOf(args, kJson, bound);
            found = pathsOf(call, args);
            break;
        case Makes::grouped: found = groupsBytes(call.list(Field::args)[1], at(0), at(1)); break;
        case Makes::anything:
            if (name.starts_with("pg_get_") || functionClass({}, name) == FunctionClass::unknown)
                bound.bytes = std::max(bound.bytes, dataBound().bytes);
            if (isOneOf(name, {"lseg", "path", "diagonal"})) bound.bytes = std::max(bound.bytes, sum.number);
            if (name.find("json") != std::string_view::npos) documentOf(args, kJson, bound);
            break;
    }
    bound.bytes = std::min(bound.bytes, kMost);
    bound.grown = std::min(bound.grown, kMost);
    if (bound.forms == kPlain) bound.brackets = std::max(sum.brackets, bound.grown);  // a text that was made
    // Of a folded constant its array, its document stay in the plan; what rows make comes and goes.
    bound.made = sum.made + found + bound.grown + (cheap || !isConstant(sum) ? 0 : kHeldOfConstants * sum.grown);
    bound.work = sum.work + stepsOf(makes, name, args);
    return bound;
}

}  // namespace howdah::guard
