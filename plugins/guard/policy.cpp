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

Result<Policy> Policy::make(Opened opened, Limits limits, std::uint64_t generation) {
    for (const std::string& pattern : opened.functions)
        if (auto checked = checkPattern(pattern); !checked) return checked.error();
    for (const std::string& pattern : opened.relations) {
        const auto dot = pattern.find('.'), star = pattern.find('*');
        if (dot == std::string::npos || dot == 0 || (star != std::string::npos && star + 1 != pattern.size()) ||
            star < dot)
            return Error::invalidArgument("relations_allowed must name relations (schema.name, schema.*), got \"",
                                          pattern, "\"");
    }
    for (const std::string& op : opened.operators)
        if (op.empty()) return Error::invalidArgument("operators_allowed must name operators, got \"\"");
    for (auto checked :
         {checkRange("text_bytes_max", limits.text_bytes_max, 64 * 1024),
          checkRange("tokens_max", limits.tokens_max, 20'000), checkRange("nesting_max", limits.nesting_max, 1'000),
          checkRange("parameters_max", limits.parameters_max, 65'535)})
        if (!checked) return checked.error();

    Policy policy;
    policy.opened_ = std::move(opened);
    policy.limits_ = limits;
    policy.generation_ = generation;
    return policy;
}

bool Policy::opensFunction(std::string_view schema, std::string_view function, bool exact_only) const {
    if (opened_.functions.empty()) return false;
    const std::string name = written(schema, function);
    return std::ranges::any_of(opened_.functions, [&](const std::string& p) { return matches(p, name, exact_only); });
}

bool Policy::opensOperator(std::string_view schema, std::string_view op) const {
    const auto& listed = opened_.operators;
    return !listed.empty() && std::ranges::find(listed, written(schema, op)) != listed.end();
}

bool Policy::opensExtension(std::string_view extension) const {
    return std::ranges::find(opened_.extensions, extension) != opened_.extensions.end();
}

bool Policy::opensRelation(std::string_view schema, std::string_view relation) const {
    if (opened_.relations.empty()) return false;
    const std::string name = written(schema, relation);
    return std::ranges::any_of(opened_.relations, [&](const std::string& p) { return matches(p, name, false); });
}

}  // namespace howdah::guard
