// A result as a resource: what is too big for a model, for its host to read. The link is a sealed statement; reading it
// runs the statement again, for the same principal and through every hook, and sends the rows as a file.
//
// Threads: the request's.
// Errors:  invalid_argument for a statement too long for a link; not_found for a link that does not open.
#pragma once

#include <howdah/feature_calls.hpp>
#include <howdah/tool_call.hpp>

#include "ask.hpp"

namespace howdah::query {

// Answers with the link and a few rows to see what is in it.
Result<void> replyWithLink(ToolCall& call, Ask ask, const Config& config);

// resources/read of such a link in that format.
Result<void> readFile(ResourceCall& call, std::string_view format, const Config& config);

}  // namespace howdah::query
