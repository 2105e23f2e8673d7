#include "plugins/guard/policy.hpp"

#include <algorithm>
#include <utility>

namespace howdah::guard {
namespace {

std::string written(std::string_view schema, std::string_view name) {
    return schema.empty() ? std::string(name) : concat(schema, '.', name);
}

bool matches(std::string_view pattern, std::string_view name, bool exact_only) {
    if (!pattern.ends_with('*')) return pattern == name;
    return !exact_only && name.starts_with(pattern.substr(0, pattern.size() - 1));
}

Result<void> checkPattern(std::string_view pattern) {
    if (pattern.empty() || pattern == "*" || pattern.starts_with("*") || pattern == "pg_catalog.*" || pattern == "pg_*")
        return Error::invalidArgument("functions_allowed must name functions (name, schema.name, prefix*), got \"",
                                      pattern, "\"");
    auto star = pattern.find('*');
    if (star != std::string_view::npos && star + 1 != pattern.size())
        return Error::invalidArgument("functions_allowed takes * only at the end, got \"", pattern, "\"");
    return {};
}

Result<void> checkRange(std::string_view key, std::uint32_t value, std::uint32_t max) {
    if (value >= 1 && value <= max) return {};
    return Error::invalidArgument(key, " must be between 1 and ", max, ", got ", value);
}

}  // namespace

Result<Policy> Policy::make(std::vector<std::string> functions_allowed, std::vector<std::string> operators_allowed,
                            Limits limits, std::uint64_t generation) {
    for (const std::string& pattern : functions_allowed)
        if (auto checked = checkPattern(pattern); !checked) return checked.error();
    for (const std::string& op : operators_allowed)
        if (op.empty()) return Error::invalidArgument("operators_allowed must name operators, got \"\"");
    for (auto checked :
         {checkRange("text_bytes_max", limits.text_bytes_max, 64 * 1024),
          checkRange("tokens_max", limits.tokens_max, 20'000), checkRange("nesting_max", limits.nesting_max, 1'000),
          checkRange("parameters_max", limits.parameters_max, 65'535)})
        if (!checked) return checked.error();

    Policy policy;
    policy.functions_ = std::move(functions_allowed);
    policy.operators_ = std::move(operators_allowed);
    policy.limits_ = limits;
    policy.generation_ = generation;
    return policy;
}

bool Policy::opensFunction(std::string_view schema, std::string_view function, bool exact_only) const {
    if (functions_.empty()) return false;
    const std::string name = written(schema, function);
    return std::ranges::any_of(functions_, [&](const std::string& p) { return matches(p, name, exact_only); });
}

bool Policy::opensOperator(std::string_view schema, std::string_view op) const {
    return !operators_.empty() && std::ranges::find(operators_, written(schema, op)) != operators_.end();
}

}  // namespace howdah::guard
