// tasks/get, tasks/cancel in both forms; tasks/update (the extension); tasks/list, tasks/result (2025-11-25).
#include <map>
#include <string>
#include <string_view>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/methods.hpp"
#include "kernel/protocol/tasks.hpp"

namespace howdah::kernel {
namespace {

// The task the request names, or nullptr after refusing.
std::shared_ptr<CallTask> named(Exchange& exchange) {
    if (exchange.modern() && !takesTasks(*exchange.client)) {
        exchange.refuse(missingTasks());
        return nullptr;
    }
    const auto& params = exchange.message.params;
    auto id = params ? textMember(*params, "taskId") : std::nullopt;
    if (!id) {
        exchange.refuse(badParams(concat(exchange.message.method, " needs params.taskId, a string")));
        return nullptr;
    }
    auto task = exchange.tasks().find(*id, exchange.principal);
    if (!task) exchange.refuse(badParams("there is no such task, or it has expired"));
    return task;
}

std::string membersOf(const Exchange& exchange, const CallTask& task, bool detailed) {
    return taskMembers(task, task.view(), exchange.revision, detailed, exchange.tasks().limits().poll_interval);
}

// The questions of a 2025-11-25 task go out as requests on the stream of tasks/result.
class QuestionsOf {
public:
    QuestionsOf(Exchange& exchange, std::shared_ptr<CallTask> task) : exchange_(exchange), task_(std::move(task)) {}
    ~QuestionsOf() {
        for (const auto& [key, id] : sent_)
            exchange_.session->questions.forget(id);
    }
    QuestionsOf(const QuestionsOf&) = delete;
    QuestionsOf& operator=(const QuestionsOf&) = delete;

    Result<void> send(const Json& questions) {
        for (const auto& [key, question] : questions.items()) {
            if (sent_.contains(key)) continue;
            const std::string id = exchange_.nextQuestionId();
            sent_[key] = id;
            exchange_.session->questions.add(id,
                                             [task = task_, key](const Json& response) { hand(*task, key, response); });
            Json message{{"jsonrpc", "2.0"}, {"id", Json::parse(id)}, {"method", question["method"]}};
            Json params = question.value("params", Json::object());
            params["_meta"]["io.modelcontextprotocol/related-task"] = {{"taskId", task_->id}};
            message["params"] = std::move(params);
            if (auto told = exchange_.sink.notify(dumpJson(message)); !told) return told;
        }
        return {};
    }

private:
    static void hand(CallTask& task, const std::string& key, const Json& response) {
        auto result = resultOf(response, key);
        if (result) return task.answer(Json{{key, *result}});
        task.refuseToAnswer(key, result.error().message);
    }

    Exchange& exchange_;
    const std::shared_ptr<CallTask> task_;
    std::map<std::string, std::string> sent_;  // ids by key
};

}  // namespace

void tasksGet(Exchange& exchange) {
    if (auto task = named(exchange)) exchange.answer({membersOf(exchange, *task, exchange.modern())});
}

void tasksCancel(Exchange& exchange) {
    auto task = named(exchange);
    if (!task) return;
    const bool cancelled = task->cancel();
    if (exchange.modern()) return exchange.answer({});
    if (!cancelled) return exchange.refuse(badParams(concat("the task has ended: ", name(task->view().status))));
    exchange.answer({membersOf(exchange, *task, false)});
}

void tasksUpdate(Exchange& exchange) {
    auto task = named(exchange);
    if (!task) return;
    auto responses = objectMember(*exchange.message.params, "inputResponses");
    if (!responses) return exchange.refuse(badParams("tasks/update needs params.inputResponses, an object"));
    task->answer(Json::parse(std::string(simdjson::minify(*responses)), nullptr, false));
    exchange.answer({});
}

void tasksList(Exchange& exchange) {
    if (!tellsClientsApart(exchange)) {
        return exchange.refuse({.code = kMethodNotFound,
                                .http_status = 200,
                                .message = "tasks/list is not served where clients are not told apart (auth: none), "
                                           "each would see the tasks of all; ask for a task by its id"});
    }
    auto after = cursorOf(exchange);
    if (!after) return;
    std::string json = "\"tasks\":[";
    std::string next;
    std::size_t count = 0;
    for (const auto& task : exchange.tasks().of(exchange.principal)) {
        if (task->id <= *after) continue;
        if (count == exchange.options().page_max) break;
        json += concat(count++ > 0 ? ",{" : "{", membersOf(exchange, *task, false), "}");
        next = task->id;
    }
    json += ']';
    if (count == exchange.options().page_max) json += concat(R"(,"nextCursor":")", cursorAfter(next), '"');
    exchange.answer({json});
}

// Waits for the end of the task and is then what the call would have been answered with.
void tasksResult(Exchange& exchange) {
    auto task = named(exchange);
    if (!task) return;
    QuestionsOf questions(exchange, task);
    auto view = task->view();
    if (!isTerminal(view.status) && !mayStand(exchange)) return;
    while (!isTerminal(view.status)) {
        if (auto sent = questions.send(view.questions); !sent) return;
        if (!task->waitForNewer(view.version, exchange.cancellation)) {
            if (exchange.cancellation->reason() != CancelReason::credential) return;
            return exchange.refuse({.http_status = 200, .message = exchange.cancellation->error().message});
        }
        view = task->view();
    }
    if (view.status == TaskStatus::completed)
        return exchange.answer({std::string_view(*view.result).substr(1, view.result->size() - 2)});
    if (view.status == TaskStatus::cancelled)
        return exchange.refuse(
            {.code = kInternalError, .http_status = 200, .message = concat("the task was ", view.message)});
    exchange.sink.status(200);
    (void)exchange.sink.write(
        concat(R"({"jsonrpc":"2.0","id":)", exchange.message.id, ",\"error\":", *view.error, "}"));
}

}  // namespace howdah::kernel
