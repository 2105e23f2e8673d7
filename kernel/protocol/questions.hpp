// Questions to the client: what a handler asks on the way (elicitation, sampling, roots) and how the answers come back.
//
// Until 2025-11-25 the server sends each question as a request of its own on the stream of the call and the fiber waits
// for the responses. From 2026-07-28 on the call ends as "input_required": the answers so far go to the client, sealed,
// and the same request comes again with the new ones; its handler runs from its first line and ask() answers at once.
//
// Threads: Questions on the request's fiber; PendingQuestions any.
// Source:  MCP 2026-07-28 "Multi Round-Trip Requests"; 2025-11-25 "Elicitation", "Sampling", "Roots".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>
#include <simdjson.h>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/pipeline/request.hpp"
#include "kernel/protocol/era.hpp"
#include "kernel/protocol/errors.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

struct Exchange;

// What a legacy peer has been asked and has not answered.
class PendingQuestions {
public:
    struct Question {
        Event answered;
        Json response;                             // the whole message; written before the event is set
        std::function<void(const Json&)> instead;  // of the event: called with the message
    };
    std::shared_ptr<Question> add(const std::string& id, std::function<void(const Json&)> instead = {});
    bool forget(const std::string& id);     // true if it had not been answered
    std::vector<std::string> open() const;  // the ids of what has not been answered
    // False when nobody waits for that id: the question was taken back, or never asked.
    bool deliver(std::string_view id, Json response);

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Question>> open_;
};

// The client capabilities that allow questions, and tasks, as a revision means them.
void readAskable(simdjson::dom::object capabilities, Revision revision, Client& client);
bool takesTasks(const Client& client);

// {"key":{"method","params"}}, 1 to 32 of them; internal when a plugin asks something else.
Result<Json> readQuestions(std::string_view json);
// {"key":<answer>} for each question, from all answers there are.
std::string answersTo(const Json& questions, const Json& answers);

// Why this client cannot be asked that, and the ClientCapabilities it lacks; nothing when it can.
struct Unanswerable {
    Error error;
    Json capability;
};
std::optional<Unanswerable> unanswerable(const Json& question, const Client& client);

// The result in the client's response to a question.
Result<Json> resultOf(const Json& response, std::string_view key);

// -32021, naming what the client would have to declare.
Refusal missingCapability(const Json& capability);
Refusal missingTasks();

class Questions {
public:
    explicit Questions(Exchange& exchange) : exchange_(exchange) {}

    // Reads what the client brought back. A refusal when the state is not ours, too old, or for another request.
    std::optional<Refusal> open();

    // `questions` is {"key":{"method","params"}}, the result {"key":<the client's result>}. cancelled ends the call as
    // input_required; refused when the client cannot answer such a question.
    Result<std::string> ask(Request& request, std::string_view questions);

    bool inputRequired() const { return !missing_.empty(); }
    // What was asked and answered so far, by key; null for nothing.
    const Json& answers() const { return answers_; }
    // Of a call that failed because the client has not declared that it can answer (2026-07-28); else nothing.
    std::optional<Refusal> missingCapability() const;
    // Members of the InputRequiredResult.
    Result<std::string> members() const;

private:
    std::optional<Error> askNow(Request& request, const Json& questions);
    std::string boundTo() const;

    Exchange& exchange_;
    // Null until there is something in them: most calls ask nothing.
    Json brought_;     // what the client sent now
    Json answers_;     // what was asked and has been answered, in this round or before
    Json missing_;     // what the client is asked next
    Json capability_;  // the one a question lacked, as ClientCapabilities
};

}  // namespace howdah::kernel
