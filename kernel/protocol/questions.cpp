#include "kernel/protocol/questions.hpp"

#include <howdah/abi/call.h>

#include "kernel/protocol/router.hpp"

namespace howdah::kernel {
namespace {

constexpr std::size_t kQuestionsMax = 32;       // of one call
constexpr std::chrono::minutes kStateLife{30};  // a person may be asked
constexpr std::chrono::milliseconds kAnswerLimit{300'000};

Json responseOf(const Json& response, std::string_view key, std::optional<Error>& failed) {
    if (response.contains("result")) return response["result"];
    const Json error = response.value("error", Json::object());
    const std::string message = error.is_object() ? error.value("message", std::string{"no message"}) : "no message";
    failed = Error::unavailable("the client answered the question \"", key, "\" with an error: ", message);
    return nullptr;
}

}  // namespace

std::shared_ptr<PendingQuestions::Question> PendingQuestions::add(const std::string& id) {
    auto question = std::make_shared<Question>();
    std::lock_guard lock(mutex_);
    open_[id] = question;
    return question;
}

void PendingQuestions::forget(const std::string& id) {
    std::lock_guard lock(mutex_);
    open_.erase(id);
}

bool PendingQuestions::deliver(std::string_view id, Json response) {
    std::shared_ptr<Question> question;
    {
        std::lock_guard lock(mutex_);
        auto found = open_.find(std::string(id));
        if (found == open_.end()) return false;
        question = std::move(found->second);
        open_.erase(found);
    }
    question->response = std::move(response);
    question->answered.set();
    return true;
}

std::uint32_t askableOf(simdjson::dom::object capabilities) {
    std::uint32_t askable = 0;
    if (auto elicitation = objectMember(capabilities, "elicitation")) {
        const bool url = member(*elicitation, "url").has_value();
        // Before 2025-11-25 there were forms only, and an empty object says so.
        if (member(*elicitation, "form") || !url) askable |= HOWDAH_CALL_CAN_ELICIT;
        if (url) askable |= HOWDAH_CALL_CAN_ELICIT_URL;
    }
    if (objectMember(capabilities, "sampling")) askable |= HOWDAH_CALL_CAN_SAMPLE;
    if (objectMember(capabilities, "roots")) askable |= HOWDAH_CALL_CAN_LIST_ROOTS;
    return askable;
}

// The request the state belongs to, whoever brings it back: who asks, the method, and all it asks for.
std::string Questions::boundTo() const {
    const auto& params = *exchange_.message.params;
    std::string bound =
        concat(exchange_.principal.subject, '\x1f', exchange_.principal.tenant, '\x1f', exchange_.message.method);
    for (const char* key : {"name", "uri", "arguments"}) {
        bound += '\x1f';
        if (auto value = member(params, key)) bound += simdjson::minify(*value);
    }
    return bound;
}

std::optional<Refusal> Questions::open() {
    if (!exchange_.modern() || !exchange_.message.params) return std::nullopt;
    const auto& params = *exchange_.message.params;
    const auto wrong = [](std::string message) {
        return Refusal{.code = kInvalidParams, .http_status = 200, .message = std::move(message)};
    };
    if (auto state = member(params, "requestState")) {
        std::string_view sealed;
        if (state->get(sealed)) return wrong("params.requestState must be a string");
        auto text = exchange_.sealer().open(sealed, boundTo(), Sealer::Clock::now());
        if (!text)
            return wrong(
                "params.requestState is not of this server, has expired, or belongs to another request; start again "
                "without it");
        answers_ = Json::parse(*text, nullptr, false);
    }
    if (auto responses = member(params, "inputResponses")) {
        if (!responses->is_object()) return wrong("params.inputResponses must be an object");
        const Json brought = Json::parse(std::string(simdjson::minify(*responses)), nullptr, false);
        for (const auto& [key, response] : brought.items())
            if (response.is_object()) answers_[key] = response;
    }
    return std::nullopt;
}

std::optional<Error> Questions::unanswerable(const Json& question) {
    const std::string method = question.value("method", std::string{});
    std::uint32_t needed = 0;
    Json capability;
    if (method == "elicitation/create") {
        const Json params = question.value("params", Json::object());
        const bool url = params.value("mode", std::string{"form"}) == "url";
        needed = url ? HOWDAH_CALL_CAN_ELICIT_URL : HOWDAH_CALL_CAN_ELICIT;
        capability = {{"elicitation", {{url ? "url" : "form", Json::object()}}}};
    } else if (method == "sampling/createMessage") {
        needed = HOWDAH_CALL_CAN_SAMPLE;
        capability = {{"sampling", Json::object()}};
    } else if (method == "roots/list") {
        needed = HOWDAH_CALL_CAN_LIST_ROOTS;
        capability = {{"roots", Json::object()}};
    } else {
        return Error::internal("\"", method,
                               "\" is no question; elicitation/create, sampling/createMessage and roots/list are");
    }
    if (exchange_.client && (exchange_.client->askable & needed) != 0) return std::nullopt;
    capability_ = std::move(capability);
    return Error::refused("the client cannot answer ", method, "; it has not declared that capability");
}

std::optional<Refusal> Questions::missingCapability() const {
    if (!exchange_.modern() || capability_.is_null()) return std::nullopt;
    return Refusal{.code = kMissingClientCapability,
                   .http_status = 400,
                   .message = "this call needs a client capability that was not declared",
                   .data = dumpJson({{"requiredCapabilities", capability_}})};
}

Result<std::string> Questions::ask(Request& request, std::string_view questions) {
    if (request.has_written) return Error::internal("a question after a write; ask before you act");
    const Json asked = Json::parse(questions, nullptr, false);
    if (!asked.is_object() || asked.empty() || asked.size() > kQuestionsMax)
        return Error::internal("questions are an object of 1 to ", kQuestionsMax, " entries");
    Json found = Json::object();
    Json missing = Json::object();
    for (const auto& [key, question] : asked.items()) {
        if (answers_.contains(key)) {
            found[key] = answers_[key];
            continue;
        }
        if (auto refused = unanswerable(question)) return std::move(*refused);
        missing[key] = question;
    }
    if (missing.empty()) return dumpJson(found);
    if (exchange_.modern()) {
        missing_ = std::move(missing);
        return Error::cancelled("the client is asked first; the call begins again with its answer");
    }
    auto more = askNow(request, missing);
    if (!more) return more;
    found.update(Json::parse(*more));
    return dumpJson(found);
}

// Legacy: all questions go out, then the fiber waits for each. The time of a person is not the request's.
Result<std::string> Questions::askNow(Request& request, const Json& questions) {
    if (!exchange_.session) return Error::unavailable("questions need a session");
    if (exchange_.http() && !exchange_.inbound.accepts_events)
        return Error::refused("the client reads no events (Accept: text/event-stream), so it cannot be asked");
    const auto began = Deadline::Clock::now();
    const Deadline limit = Deadline::in(kAnswerLimit);
    PendingQuestions& pending = exchange_.session->questions;
    struct Sent {
        std::string key;
        std::string id;
        std::shared_ptr<PendingQuestions::Question> question;
    };
    std::vector<Sent> sent;
    std::optional<Error> failed;
    Json answers = Json::object();
    for (const auto& [key, question] : questions.items()) {
        const std::string id = exchange_.nextQuestionId();
        sent.push_back({key, id, pending.add(id)});
        Json message{{"jsonrpc", "2.0"}, {"id", Json::parse(id)}, {"method", question["method"]}};
        if (question.contains("params")) message["params"] = question["params"];
        if (auto told = exchange_.sink.notify(dumpJson(message)); !told) failed = std::move(told).error();
        if (failed) break;
    }
    for (const Sent& one : sent) {
        if (!failed) {
            const WaitStatus status = one.question->answered.wait(request.cancellation, limit);
            if (status != WaitStatus::ready) {
                failed = waitError(status, request.cancellation, "the client's answer");
            } else {
                answers[one.key] = responseOf(one.question->response, one.key, failed);
            }
        }
        pending.forget(one.id);
    }
    if (!request.deadline.isNever())
        request.deadline = Deadline(request.deadline.at() + (Deadline::Clock::now() - began));
    if (failed) return std::move(*failed);
    answers_.update(answers);  // asked again, it is not asked again
    return dumpJson(answers);
}

Result<std::string> Questions::members() const {
    auto sealed = exchange_.sealer().seal(dumpJson(answers_), boundTo(), Sealer::Clock::now() + kStateLife);
    if (!sealed) return Error::unavailable("the answers so far are too long to be kept: ", sealed.error().message);
    return concat("\"inputRequests\":", dumpJson(missing_), R"(,"requestState":")", *sealed, '"');
}

}  // namespace howdah::kernel
