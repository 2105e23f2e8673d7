// A statement of the client's, as this plugin plans and runs it: always as client text, so that every hook and the
// guard judge it, with the client's parameters.
//
// Threads: the request's; each function waits.
// Errors:  of the guard, the pool and PostgreSQL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/tool_call.hpp>

#include "plugins/optimizer/plan.hpp"

namespace howdah::optimizer {

struct Ask {
    std::string sql;  // without the semicolon at its end
    Json params;      // null: none
    std::string database;
    std::uint64_t timeout_ms = 0;  // 0 = the pool's
    std::string session;           // "": any connection
};

// The one cell of a statement that gives one row, and what the executor tells besides.
struct Answer {
    std::string text;
    std::string report;  // JSON, or ""
};
Result<Answer> askForText(Call& call, const Ask& ask, const std::string& sql);

struct ExplainOptions {
    bool analyze = false;  // runs it
    bool timing = true;    // of each node; costs time itself
    bool buffers = true;   // with analyze
    bool verbose = true;   // names of columns with their tables, times of workers
};
std::string explainText(const std::string& sql, const ExplainOptions& options);
Result<Plan> explain(Call& call, const Ask& ask, const ExplainOptions& options, std::string* report = nullptr);

// Without blanks, comments and semicolons at its end, which would end up inside of what is put around it. As it is
// where it cannot be scanned: neither can what is put around it then, and nothing runs it.
std::string trimmed(std::string_view sql);

}  // namespace howdah::optimizer
