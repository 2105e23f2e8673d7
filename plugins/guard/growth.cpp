#include "plugins/guard/growth.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "plugins/guard/growth_estimate.hpp"
#include "plugins/guard/growth_paths.hpp"

namespace howdah::guard {
namespace {

bool isSmallText(std::string_view text) {
    const Numbers numbers = numbersIn(text);
    return numbers.largest <= kSmallNumber && numbers.least >= kSmallLeast;
}

// Of what may be numbers alone, not a uuid with an e among its digits: 1e131071 is short as a text, and no number is
// longer.
double digitsOfNumbers(std::string_view text) {
    const bool numbers = text.find_first_not_of("0123456789.eE+-_ \t\n,{}[]()\"") == std::string_view::npos;
    return numbers ? numbersIn(text).digits : 0;
}

bool isText(const howdah_value& value) {
    return value.type == HOWDAH_VALUE_TEXT || value.type == HOWDAH_VALUE_JSON;
}

}  // namespace

GrowthVerdict tooLargeValue(const NodeView& statement, bool has_parameters) {
    Estimate any(Given::any);
    any.of(statement);
    if (!any.found() || !has_parameters || any.isOver()) return {any.found(), 0, 0};
    Estimate with_short(Given::short_texts);
    with_short.of(statement);
    if (!with_short.found()) return {std::nullopt, any.parameters(), 0};
    Estimate small(Given::small);
    small.of(statement);
    if (small.found()) return {small.found(), 0, 0};
    return {std::nullopt, any.parameters(), with_short.parameters()};
}

std::uint64_t parameterBit(std::int64_t number) {
    return std::uint64_t{1} << std::clamp<std::int64_t>(number - 1, 0, 63);
}

bool isShort(const howdah_value& parameter) {
    if (!isText(parameter)) return true;
    const std::string_view text(parameter.text.data, parameter.text.size);
    return static_cast<double>(text.size()) <= kShortBytes && digitsOfNumbers(text) <= kShortBytes &&
           pathItems(text) <= kShortItems;
}

bool isSmall(const howdah_value& parameter) {
    switch (parameter.type) {
        case HOWDAH_VALUE_INTEGER: return std::abs(static_cast<double>(parameter.integer)) <= kSmallNumber;
        case HOWDAH_VALUE_NUMBER: {
            const double number = std::abs(parameter.number);
            return number == 0 || (number >= kSmallLeast && number <= kSmallNumber);
        }
        case HOWDAH_VALUE_TEXT:
        case HOWDAH_VALUE_JSON: return isSmallText({parameter.text.data, parameter.text.size});
        default: return true;
    }
}

}  // namespace howdah::guard
