// The rule by which a statement is refused, "allowed" if none does.
#pragma once

#include <string>

#include "plugins/guard/classify.hpp"

namespace howdah::guard {

inline std::string ruleOf(const std::string& sql) {
    auto facts = classify(sql, Policy{});
    return facts ? "allowed" : facts.error().rule;
}

}  // namespace howdah::guard
