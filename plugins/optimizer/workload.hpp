// The statements that took most time, from pg_stat_statements, with values in place of its $1, $2: as they stand in the
// statistics of the columns they are compared with. The costs are those of a typical call, not of each.
//
// Threads: the request's; readWorkload() waits.
// Errors:  unavailable where the extension is not there; of the guard, the pool and PostgreSQL.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/optimizer/catalog.hpp"
#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {

struct WorkloadStatement {
    std::string sql;  // with $1 in place of constants
    double calls = 0;
};

const std::array<const Statement*, 1>& workloadStatements();  // to register
Result<std::vector<WorkloadStatement>> readWorkload(Call& call, std::string_view database, std::size_t count);

// Tables as a text names them, each with what stands for it there.
struct NamedTable {
    std::string schema, table, alias;
};
std::vector<NamedTable> tablesIn(const std::vector<Token>& tokens);

// The text with a value in place of each $n. `number_first` says what stands where nothing is known: 1 or '1'.
std::string withValues(std::string_view sql, const Catalog& catalog, bool number_first);

}  // namespace howdah::optimizer
