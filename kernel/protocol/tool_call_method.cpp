// tools/call: the checks that need the tool, the call itself, and what becomes of it: a result, a question, a task.
#include <algorithm>
#include <optional>
#include <string_view>

#include "kernel/pipeline/calls.hpp"
#include "kernel/pipeline/scopes.hpp"
#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/methods.hpp"
#include "kernel/protocol/mirrored_headers.hpp"
#include "kernel/protocol/task_run.hpp"
#include "kernel/protocol/tasks.hpp"
#include "kernel/protocol/tool_answer.hpp"

namespace howdah::kernel {
namespace {

// The task a client of 2025-11-25 asks for with the call.
std::optional<simdjson::dom::object> askedTask(const Exchange& exchange) {
    if (exchange.revision != Revision::v2025_11_25) return std::nullopt;
    return objectMember(*exchange.message.params, "task");
}

std::chrono::milliseconds timeToLiveOf(const Exchange& exchange, const std::optional<simdjson::dom::object>& task) {
    const TaskLimits& limits = exchange.tasks().limits();
    std::int64_t wanted = 0;
    auto ttl = task ? member(*task, "ttl") : std::nullopt;
    if (!ttl || ttl->get(wanted) || wanted <= 0) return limits.time_to_live;
    return std::min(std::chrono::milliseconds(wanted), limits.time_to_live_max);
}

// Where tool and client do not agree on whether the call is a task.
std::optional<Refusal> checkTask(const Exchange& exchange, const Tool& tool, bool asked) {
    const bool required = tool.task_support == TaskSupport::required;
    if (exchange.modern())
        return required && !takesTasks(*exchange.client) ? std::optional(missingTasks()) : std::nullopt;
    if (exchange.revision != Revision::v2025_11_25) return std::nullopt;
    if (asked ? tool.task_support != TaskSupport::forbidden : !required) return std::nullopt;
    return Refusal{.code = kMethodNotFound,
                   .http_status = 200,
                   .message = concat("tool \"", tool.name,
                                     asked ? "\" does not run as a task; leave params.task out"
                                           : "\" runs as a task only; add params.task")};
}

std::optional<Refusal> checkCall(const Exchange& exchange, const Tool& tool, simdjson::dom::element arguments,
                                 bool task_asked) {
    if (exchange.modern() && exchange.http())
        if (auto refusal = checkMirrored(tool, arguments, exchange.inbound)) return refusal;
    return checkTask(exchange, tool, task_asked);
}

void runAsTask(Exchange& exchange, const Request& request, const Tool& tool, simdjson::dom::element arguments,
               Json answers, std::chrono::milliseconds time_to_live) {
    auto task = startTask(exchange, request.generation, tool, arguments, std::move(answers), time_to_live);
    if (!task) return exchange.refuse(refusalOf(task.error()));
    answerCreated(exchange, **task);
}

}  // namespace

void toolsCall(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto name = params ? textMember(*params, "name") : std::nullopt;
    if (!name) return exchange.refuse(badParams("tools/call needs params.name, a string"));
    auto arguments = member(*params, "arguments").value_or(emptyObject());
    if (!arguments.is_object()) return exchange.refuse(badParams("params.arguments must be an object"));

    Request request;
    exchange.prepare(request);
    const auto known = findTool(*request.generation, *name);
    if (!known) return exchange.refuse(badParams(known.error().message.substr(0, kMessageMax)));
    const Tool& tool = **known;
    // Before a task is made of the call: nobody would be there to be told.
    if (auto may = requireScopes(request, tool.scopes); !may) return exchange.refuseScopes(may.error(), tool.scopes);
    const auto asked_task = askedTask(exchange);
    if (auto refusal = checkCall(exchange, tool, arguments, asked_task.has_value())) return exchange.refuse(*refusal);
    auto notices = noticesOf(exchange);
    if (!notices) return;
    Questions questions(exchange);
    if (auto refusal = questions.open()) return exchange.refuse(*refusal);
    if (!greetIfNew(exchange)) return;
    const auto time_to_live = timeToLiveOf(exchange, asked_task);
    if (asked_task) return runAsTask(exchange, request, tool, arguments, nullptr, time_to_live);

    ToolAnswer answer(exchange.sink, {.id = exchange.message.id,
                                      .revision = exchange.revision,
                                      .meta = exchange.resultMeta(),
                                      .structured_max = exchange.options().structured_max,
                                      .notices = std::move(*notices),
                                      .questions = &questions,
                                      .task_support = tool.task_support,
                                      .client_takes_tasks = exchange.modern() && takesTasks(*exchange.client)});
    auto called = callTool(request, tool, arguments, answer);
    // A request the client took back gets no answer, unless part of it has gone out and must be brought to an end.
    bool taken_back = request.cancellation && request.cancellation->reason() == CancelReason::requested;
    if (taken_back && answer.untouched()) return;
    if (questions.inputRequired()) return answerInputRequired(exchange, questions);
    if (answer.becomesTask()) return runAsTask(exchange, request, tool, arguments, questions.answers(), time_to_live);
    if (called) called = answer.checkStructured(tool);
    if (called) {
        (void)answer.finish();
        return;
    }
    const Error& error = called.error();
    if (auto refusal = questions.missingCapability(); refusal && answer.untouched()) {
        refusal->message = error.message.substr(0, kMessageMax);  // what the tool needs it for
        return exchange.refuse(*refusal);
    }
    if (error.code == Code::invalid_argument && !argumentErrorsAreResults(exchange.revision) && answer.untouched() &&
        tool.arguments.validate(arguments)) {
        return exchange.refuse(badParams(error.message.substr(0, kMessageMax)));
    }
    (void)answer.finishWithError(error, statementOf(arguments));
}

}  // namespace howdah::kernel
