// A constant text of a plugin, declared with Offer::statement() in start() and run with bound parameters only.
//
//     constexpr Statement kColumns{"select ... where table_name = $1"};
//
// Text put together at run time is not a Statement: it is client text and passes the guard.
#pragma once

#include <string_view>

#include <howdah/abi/query.h>

namespace howdah {

struct Statement {
    std::string_view sql;
    std::uint32_t access = HOWDAH_ACCESS_READ;
};

// What a query may take; 0 = the executor's limit, which is never exceeded.
struct QueryLimits {
    std::uint64_t rows_max = 0;
    std::uint64_t bytes_max = 0;
    std::uint64_t timeout_ms = 0;
    std::uint64_t rows_skip = 0;     // rows to leave out at the beginning: only of a SELECT, VALUES or TABLE
    std::uint32_t flags = 0;         // HOWDAH_RUN_*
    std::uint64_t affected_max = 0;  // with HOWDAH_RUN_CEILING: rows a write may change
    std::string_view cursor = {};    // of Rows::report(), to go on with it
};

}  // namespace howdah
