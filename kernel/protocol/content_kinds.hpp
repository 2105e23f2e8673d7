// Kinds of content that a revision does not know yet: what a plugin writes of them becomes text, so that a client of an
// older revision gets an answer that fits its schema.
//
// Threads: pure functions, any.
// Source:  MCP schema of each revision, CallToolResult.content and PromptMessage.content.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/protocol/era.hpp"

namespace howdah::kernel {

// `json` is a content block, or the message of a prompt around one. What to send in its place; nothing when it can be
// sent as it is.
std::optional<std::string> inOlderKinds(Revision revision, std::string_view json);

}  // namespace howdah::kernel
