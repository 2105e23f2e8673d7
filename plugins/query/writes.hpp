// The tool execute: one writing statement, committed. Before that it may be tried out (dry run), be confirmed by a
// person, and be held to a number of rows.
//
// A confirmation is for what the person was shown: the statement is tried out first, its figures stand in the question,
// and then no more rows than these may change. From 2026-07-28 on the call comes again with the answer and everything
// up to the question is done again: the question is named by its figures, so an answer counts only as long as they
// hold.
//
// Threads: the request's.
// Errors:  refused by the ceiling, or when nobody could confirm; else of the guard, the pool and PostgreSQL.
#pragma once

#include <howdah/tool_call.hpp>

#include "ask.hpp"

namespace howdah::query {

Result<void> runWrite(ToolCall& call, const Config& config);

// The question to a person; its figures are of a dry run, `affected` -1 where none are counted.
std::string confirmationText(const Ask& ask, std::int64_t affected, std::string_view command, const Json& report);

}  // namespace howdah::query
