// Runs one of the guard's own registered statements, which no hook of the guard judges.
//
// Errors:  of the pool and PostgreSQL.
#pragma once

#include <string_view>
#include <vector>

#include <howdah/call.hpp>
#include <howdah/statement.hpp>

namespace howdah::guard {

inline constexpr std::uint64_t kStatementMs = 20'000;  // the pool's own limit rules besides

inline Result<Rows> ask(const Context& context, std::string_view database, const Statement& statement,
                        const std::vector<howdah_value>& parameters = {}) {
    howdah_query_request request{};
    request.struct_size = sizeof request;
    request.access = statement.access;
    request.provenance = HOWDAH_PROVENANCE_PLUGIN;
    request.database = toAbi(database);
    request.sql = toAbi(statement.sql);
    request.parameters = parameters.data();
    request.parameter_count = parameters.size();
    request.timeout_ms = kStatementMs;
    howdah_rows* rows = nullptr;
    if (context.host().query().run(context.raw(), &request, &rows) < 0) return context.lastError();
    return Rows(context, rows);
}

// For a statement that always gives one row: stands before it afterwards.
inline Result<Rows> askForOne(const Context& context, std::string_view database, const Statement& statement,
                              const std::vector<howdah_value>& parameters = {}) {
    auto rows = ask(context, database, statement, parameters);
    if (!rows) return rows;
    auto row = rows->next();
    if (!row) return std::move(row).error();
    if (!*row) return Error::internal("a statement about the catalog gave no row");
    return rows;
}

}  // namespace howdah::guard
