#include "plugins/guard/growth.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "plugins/guard/growth_estimate.hpp"

namespace howdah::guard {
namespace {

bool isSmallText(std::string_view text) {
    const Numbers numbers = numbersIn(text);
    return static_cast<double>(text.size()) <= kSmallBytes && numbers.largest <= kSmallNumber &&
           numbers.least >= kSmallLeast;
}

}  // namespace

GrowthVerdict tooLargeValue(const NodeView& statement, bool has_parameters) {
    Estimate any(false);
    any.of(statement);
    if (!any.found() || !has_parameters || any.isOver()) return {any.found(), 0};
    Estimate small(true);
    small.of(statement);
    if (small.found()) return {small.found(), 0};
    return {std::nullopt, any.parameters()};
}

std::uint64_t parameterBit(std::int64_t number) {
    return std::uint64_t{1} << std::clamp<std::int64_t>(number - 1, 0, 63);
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
