// Runs one of the guard's own registered statements, which no hook of the guard judges.
//
// Errors:  of the pool and PostgreSQL.
#pragma once

#include <string_view>

#include <howdah/own_statement.hpp>

namespace howdah::guard {

inline constexpr std::uint64_t kStatementMs = 20'000;  // the pool's own limit rules besides

inline Result<Rows> ask(const Context& context, std::string_view database, const Statement& statement,
                        const Values& parameters = {}) {
    return runOwn(context, database, statement, parameters, kStatementMs);
}

// For a statement that always gives one row: stands before it afterwards.
inline Result<Rows> askForOne(const Context& context, std::string_view database, const Statement& statement,
                              const Values& parameters = {}) {
    auto rows = ask(context, database, statement, parameters);
    if (!rows) return rows;
    auto row = rows->next();
    if (!row) return std::move(row).error();
    if (!*row) return Error::internal("a statement about the catalog gave no row");
    return rows;
}

}  // namespace howdah::guard
