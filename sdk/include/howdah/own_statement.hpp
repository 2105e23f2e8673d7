// A plugin's own registered statement, run where there is no Call: at a start, on a task, in a service. In a tool's
// handler it is call.query(statement, ...).
//
// Errors: those of howdah_query_v1.run(): of the kernel, of hooks, of the pool, of PostgreSQL.
#pragma once

#include <cstdint>
#include <string_view>

#include <howdah/host.hpp>
#include <howdah/rows.hpp>
#include <howdah/statement.hpp>
#include <howdah/value.hpp>

namespace howdah {

// `database`: a configured name; "" is the default. `timeout_ms`: 0 leaves it to the request's deadline.
inline Result<Rows> runOwn(const Context& context, std::string_view database, const Statement& statement,
                           const Values& parameters = {}, std::uint64_t timeout_ms = 0) {
    howdah_query_request request{};
    request.struct_size = sizeof request;
    request.access = statement.access;
    request.provenance = HOWDAH_PROVENANCE_PLUGIN;
    request.database = toAbi(database);
    request.sql = toAbi(statement.sql);
    request.parameters = toAbi(parameters);
    request.parameter_count = parameters.size();
    request.timeout_ms = timeout_ms;
    howdah_rows* rows = nullptr;
    if (context.host().query().run(context.raw(), &request, &rows) < 0) return context.lastError();
    return Rows(context, rows);
}

}  // namespace howdah
