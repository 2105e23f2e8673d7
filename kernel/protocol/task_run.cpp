#include "kernel/protocol/task_run.hpp"

#include <optional>
#include <string>

#include <howdah/json_text.hpp>

#include "kernel/pipeline/calls.hpp"
#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/router.hpp"
#include "kernel/protocol/tool_answer.hpp"
#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {
namespace {

// Keeps the result instead of sending it.
class KeptResult final : public ReplySink {
public:
    explicit KeptResult(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    void status(int) override {}
    void header(std::string_view, std::string_view) override {}
    Result<void> notify(std::string_view) override { return {}; }  // there is nobody to be told
    Result<void> write(std::string_view bytes) override {
        if (kept_.size() + bytes.size() > bytes_max_)
            return Error::unavailable("the result is larger than ", bytes_max_, " bytes; ask for a smaller part");
        kept_ += bytes;
        return {};
    }
    Result<void> finish() override { return {}; }
    std::string take() { return std::move(kept_); }

private:
    const std::size_t bytes_max_;
    std::string kept_;
};

// The answer of a call that is a task: progress is what the task says of itself, questions wait for its owner.
class TaskAnswer final : public ToolAnswer {
public:
    TaskAnswer(ReplySink& sink, Settings settings, CallTask& task, Json answers)
        : ToolAnswer(sink, std::move(settings)), task_(task), answers_(std::move(answers)) {}

    Result<void> progress(double done, double total, std::string_view message) override {
        if (!message.empty()) {
            task_.say(message);
        } else {
            task_.say(total > 0 ? concat(done, " of ", total) : concat(done));
        }
        return {};
    }
    bool wantsProgress() const override { return true; }
    Result<void> log(std::uint32_t, std::string_view, std::string_view) override { return {}; }
    Result<void> continueAsTask(Request&) override { return {}; }
    bool isTask() const override { return true; }

    Result<std::string> ask(Request& request, std::string_view questions) override {
        if (begun() || request.has_written)
            return Error::internal("a question after the answer has begun or a write; ask first");
        auto asked = readQuestions(questions);
        if (!asked) return std::move(asked).error();
        Json missing;
        for (const auto& [key, question] : asked->items()) {
            if (answers_.contains(key)) continue;
            if (auto refused = unanswerable(question, *request.client)) return std::move(refused->error);
            missing[key] = question;
        }
        if (!missing.empty()) {
            auto answered = task_.ask(missing, request.deadline);
            if (!answered) return std::move(answered).error();
            answers_.update(*answered);
        }
        return answersTo(*asked, answers_);
    }

private:
    CallTask& task_;
    Json answers_;
};

std::string relatedTask(const CallTask& task) {
    return concat(R"({"io.modelcontextprotocol/related-task":{"taskId":")", task.id, R"("}})");
}

// Copies of what the call needs of the request that started it.
struct Job {
    std::shared_ptr<CallTask> task;
    TaskStore& store;
    GenerationPin generation;
    const Tool& tool;  // of the generation
    std::string arguments;
    Json answers;
    Client client;
    std::string transport;
    std::string meta;  // of the result
    Revision revision;
    std::size_t structured_max;
};

void run(Job& job) {
    simdjson::dom::parser parser;
    simdjson::dom::element arguments;
    CallTask& task = *job.task;
    if (parser.parse(job.arguments).get(arguments)) {
        return task.fail(R"({"code":-32603,"message":"the arguments could not be read again"})", "");
    }
    Request request;
    request.generation = job.generation;
    request.principal = &task.owner;
    request.client = &job.client;
    request.transport = job.transport;
    request.cancellation = task.cancellation.get();
    request.deadline = Deadline::in(task.time_to_live);
    request.task_of = job.tool.instance;

    KeptResult kept(job.store.limits().result_bytes_max);
    TaskAnswer answer(kept,
                      {.id = {},
                       .revision = job.revision,
                       .meta = job.meta,
                       .structured_max = job.structured_max,
                       .notices = {.revision = job.revision, .progress_token = {}, .log_level = std::nullopt}},
                      task, std::move(job.answers));
    auto called = callTool(request, job.tool, arguments, answer);
    if (called) called = answer.checkStructured(job.tool);
    // A fault of the plugin, or of the task itself, is no result of the tool.
    const auto fault = [&](const Error& error) {
        const Refusal refusal = refusalOf(error);
        std::string json = concat(R"({"code":)", refusal.code, R"(,"message":)");
        appendJsonString(json, refusal.message);
        task.fail(json + "}", refusal.message);
    };
    // What a reload took away has no result. A client that cancels, and the end of the server, have said so before.
    if (!called && task.cancellation->reason() == CancelReason::reload) {
        (void)task.cancel(CancelReason::reload);
        return;
    }
    if (!called && called.error().code == Code::internal) return fault(called.error());
    auto finished = called ? answer.finish() : answer.finishWithError(called.error(), statementOf(arguments));
    if (!finished) return fault(finished.error());
    job.store.complete(task, kept.take());
}

}  // namespace

Result<std::shared_ptr<CallTask>> startTask(Exchange& exchange, GenerationPin generation, const Tool& tool,
                                            simdjson::dom::element arguments, Json answers,
                                            std::chrono::milliseconds time_to_live) {
    TaskStore& store = exchange.tasks();
    Shard& shard = *Shard::current();
    auto created = store.create(exchange.principal, time_to_live, shard);
    if (!created) return created;
    auto job = std::make_unique<Job>(
        Job{.task = *created,
            .store = store,
            .generation = std::move(generation),
            .tool = tool,
            .arguments = simdjson::minify(arguments),
            .answers = std::move(answers),
            .client = *exchange.client,
            .transport = std::string(exchange.inbound.transport),
            .meta = exchange.modern() ? std::string(exchange.resultMeta()) : relatedTask(**created),
            .revision = exchange.revision,
            .structured_max = exchange.options().structured_max});
    store.entered();
    const bool spawned = shard.spawn(
        [job = std::move(job)] {
            run(*job);
            job->store.left();
        },
        "task");
    if (spawned) return created;
    store.left();
    store.drop(**created);
    return Error::unavailable("the server runs as many requests as it may, try again later");
}

void answerCreated(Exchange& exchange, const CallTask& task) {
    const std::string members =
        taskMembers(task, task.view(), exchange.revision, false, exchange.tasks().limits().poll_interval);
    if (exchange.modern()) return exchange.answer({members}, "task");
    exchange.answer({"\"task\":{", members, "}"});
}

}  // namespace howdah::kernel
