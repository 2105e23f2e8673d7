// Calling a tool from the command line: key=value arguments by the tool's own schema, answers as text.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/cli/commands.hpp"
#include "kernel/cli/mcp_client.hpp"

namespace howdah::kernel::cli {

// The tools/call result; not_found and invalid_argument before anything is sent when tool or arguments do not fit.
Result<Json> callTool(McpClient& client, const std::string& tool, const std::vector<std::string>& arguments);
void printAnswer(const Json& result);
// One member of its structured content, text as it is; the whole answer where it has none, as an error has.
void printMember(const Json& result, const std::string& member);

}  // namespace howdah::kernel::cli
