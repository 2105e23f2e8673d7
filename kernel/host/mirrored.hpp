// Tool parameters that clients repeat as HTTP headers, so that what stands between can route on them (x-mcp-header).
//
// Threads: pure functions, any.
// Errors:  invalid_argument for an annotation where none may be.
// Source:  MCP 2026-07-28 "Streamable HTTP: Custom Headers from Tool Parameters".
#pragma once

#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"

namespace howdah::kernel {

struct MirroredParameter {
    std::string header;             // what follows Mcp-Param-
    std::vector<std::string> path;  // of property names, from the arguments
};

Result<std::vector<MirroredParameter>> mirroredParameters(const Json& input_schema);

}  // namespace howdah::kernel
