// Starts a tool call as a task: on a fiber of its own, from the handler's first line, with copies of all it needs.
//
// Threads: the fiber of the request that starts it.
// Source:  the tasks extension, "Task Creation"; MCP 2025-11-25 "Tasks: Creating Tasks".
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include <simdjson.h>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/host/generation.hpp"
#include "kernel/protocol/tasks.hpp"

namespace howdah::kernel {

struct Exchange;

// The task is there to be asked for when this returns. `answers` is what the client has said to the call's questions
// so far, null for nothing. The tool is one of the generation, which the task then holds.
Result<std::shared_ptr<CallTask>> startTask(Exchange& exchange, GenerationPin generation, const Tool& tool,
                                            simdjson::dom::element arguments, Json answers,
                                            std::chrono::milliseconds time_to_live);

// What a client gets instead of the call's result.
void answerCreated(Exchange& exchange, const CallTask& task);

}  // namespace howdah::kernel
