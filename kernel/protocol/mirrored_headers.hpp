// The headers that repeat parameters of a tool call must say what the body says.
//
// Threads: a pure function, any.
// Source:  MCP 2026-07-28 "Streamable HTTP: Server Behavior for Custom Headers".
#pragma once

#include <optional>

#include <simdjson.h>

#include "kernel/host/generation.hpp"
#include "kernel/protocol/errors.hpp"
#include "kernel/protocol/exchange.hpp"

namespace howdah::kernel {

std::optional<Refusal> checkMirrored(const Tool& tool, simdjson::dom::element arguments, const Inbound& inbound);

}  // namespace howdah::kernel
