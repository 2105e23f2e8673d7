// Other texts that mean the same and that an index can help with. Proposals only: what is offered has been proved on
// the data and measured (proof.hpp).
//
// Threads: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/optimizer/catalog.hpp"
#include "plugins/optimizer/tokens.hpp"
#include "plugins/optimizer/usage.hpp"

namespace howdah::optimizer {

struct Rewrite {
    std::string rule;  // "cast_to_range"
    std::string why;
    std::vector<Edit> edits;
};

std::vector<Rewrite> rewritesOf(std::string_view sql, const std::vector<TableUse>& uses, const Catalog& catalog);

}  // namespace howdah::optimizer
