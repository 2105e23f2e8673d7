#include "kernel/protocol/questions.hpp"

#include <algorithm>
#include <iterator>

#include <howdah/abi/call.h>

#include "kernel/base/ascii.hpp"
#include "kernel/protocol/router.hpp"

namespace howdah::kernel {
namespace {

constexpr const char* kTasksExtension = "io.modelcontextprotocol/tasks";
constexpr std::size_t kQuestionsMax = 32;       // of one call
constexpr std::chrono::minutes kStateLife{30};  // a person may be asked

// A text of somebody else's JSON; "" where there is none.
std::string textOf(const Json& object, const char* key) {
    if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return {};
    return object[key].get<std::string>();
}

// A field that a form must not have: "servers MUST NOT use form mode to request sensitive information".
std::optional<std::string> secretIn(const Json& params) {
    constexpr std::string_view kSecrets[] = {"password",     "passwd",     "passphrase",  "secret",
                                             "clientsecret", "token",      "accesstoken", "apikey",
                                             "privatekey",   "credential", "credentials"};
    if (!params.is_object()) return std::nullopt;
    const Json schema = params.value("requestedSchema", Json());
    const Json fields = schema.is_object() ? schema.value("properties", Json()) : Json();
    if (!fields.is_object()) return std::nullopt;
    for (const auto& [name, field] : fields.items()) {
        std::string plain;
        for (const char c : name)
            if (c != '_' && c != '-' && c != ' ') plain += toLower(c);
        if (std::ranges::find(kSecrets, plain) != std::end(kSecrets)) return name;
    }
    return std::nullopt;
}

Refusal wrong(std::string message) {
    return {.code = kInvalidParams, .http_status = 200, .message = std::move(message)};
}

}  // namespace

std::shared_ptr<PendingQuestions::Question> PendingQuestions::add(const std::string& id,
                                                                  std::function<void(const Json&)> instead) {
    auto question = std::make_shared<Question>();
    question->instead = std::move(instead);
    std::lock_guard lock(mutex_);
    open_[id] = question;
    return question;
}

std::vector<std::string> PendingQuestions::open() const {
    std::vector<std::string> ids;
    std::lock_guard lock(mutex_);
    ids.reserve(open_.size());
    for (const auto& [id, question] : open_)
        ids.push_back(id);
    return ids;
}

bool PendingQuestions::forget(const std::string& id) {
    std::lock_guard lock(mutex_);
    return open_.erase(id) != 0;
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
    if (question->instead) {
        question->instead(response);
        return true;
    }
    question->response = std::move(response);
    question->answered.set();
    return true;
}

void readAskable(simdjson::dom::object capabilities, Revision revision, Client& client) {
    std::uint32_t& askable = client.askable;
    askable = 0;
    if (auto elicitation = objectMember(capabilities, "elicitation")) {
        const bool url = member(*elicitation, "url").has_value();
        // Before 2025-11-25 there were forms only, and an empty object says so.
        if (member(*elicitation, "form") || !url) askable |= HOWDAH_CALL_CAN_ELICIT;
        if (url) askable |= HOWDAH_CALL_CAN_ELICIT_URL;
    }
    if (auto sampling = objectMember(capabilities, "sampling")) {
        askable |= HOWDAH_CALL_CAN_SAMPLE;
        client.samples_with_tools = member(*sampling, "tools").has_value();
        // Before 2025-11-25 whoever sampled was asked for context too.
        client.samples_with_context = member(*sampling, "context") || !hasSamplingKinds(revision);
    }
    if (objectMember(capabilities, "roots")) askable |= HOWDAH_CALL_CAN_LIST_ROOTS;
    auto extensions = objectMember(capabilities, "extensions");
    if (isModern(revision) && extensions && objectMember(*extensions, kTasksExtension)) askable |= HOWDAH_CALL_CAN_TASK;
}

bool takesTasks(const Client& client) {
    return (client.askable & HOWDAH_CALL_CAN_TASK) != 0;
}

Result<Json> readQuestions(std::string_view json) {
    Json questions = Json::parse(json, nullptr, false);
    if (questions.is_object() && !questions.empty() && questions.size() <= kQuestionsMax) return questions;
    return Error::internal("questions are an object of 1 to ", kQuestionsMax, " entries");
}

std::string answersTo(const Json& questions, const Json& answers) {
    Json found;
    for (const auto& [key, question] : questions.items())
        found[key] = answers[key];
    return dumpJson(found);
}

Result<Json> resultOf(const Json& response, std::string_view key) {
    if (response.contains("result")) return response["result"];
    const std::string message = textOf(response.value("error", Json()), "message");
    return Error::unavailable("the client answered the question \"", key,
                              "\" with an error: ", message.empty() ? "it gave no reason" : message);
}

// The request the state belongs to, whoever brings it back: who asks, the method, and all it asks for.
std::string Questions::boundTo() const {
    const auto part = [this](const char* key) {
        auto value = member(*exchange_.message.params, key);
        return value ? std::string(simdjson::minify(*value)) : std::string();
    };
    return Sealer::bindingOf({"requestState", exchange_.principal.subject, exchange_.principal.tenant,
                              exchange_.message.method, part("name"), part("uri"), part("arguments")});
}

std::optional<Refusal> Questions::open() {
    if (!exchange_.modern() || !exchange_.message.params) return std::nullopt;
    const auto& params = *exchange_.message.params;
    if (auto state = member(params, "requestState")) {
        std::string_view sealed;
        if (state->get(sealed)) return wrong("params.requestState must be a string");
        auto text = exchange_.sealer().open(sealed, boundTo(), Sealer::Clock::now());
        if (!text) {
            return wrong(
                "params.requestState is not of this server, has expired, or belongs to another request; start "
                "again without it");
        }
        answers_ = Json::parse(*text, nullptr, false);
    }
    if (auto responses = member(params, "inputResponses")) {
        if (!responses->is_object()) return wrong("params.inputResponses must be an object");
        brought_ = Json::parse(std::string(simdjson::minify(*responses)), nullptr, false);
    }
    return std::nullopt;
}

std::optional<Unanswerable> unanswerable(const Json& question, const Client& client) {
    const std::string method = textOf(question, "method");
    const Json params = question.is_object() ? question.value("params", Json()) : Json();
    bool declared = false;
    Json capability;
    const auto can = [&](std::uint32_t what) { return (client.askable & what) != 0; };
    if (method == "elicitation/create") {
        const bool url = textOf(params, "mode") == "url";
        if (auto secret = url ? std::nullopt : secretIn(params))
            return Unanswerable{Error::internal("a form must not ask for \"", *secret,
                                                "\", its answer passes through the client; send the user to a page "
                                                "instead (elicitUrl)"),
                                nullptr};
        declared = can(url ? HOWDAH_CALL_CAN_ELICIT_URL : HOWDAH_CALL_CAN_ELICIT);
        capability = {{"elicitation", {{url ? "url" : "form", Json::object()}}}};
    } else if (method == "sampling/createMessage") {
        const bool tools = params.contains("tools") || params.contains("toolChoice");
        const std::string context = textOf(params, "includeContext");
        const bool with_context = !context.empty() && context != "none";
        declared = can(HOWDAH_CALL_CAN_SAMPLE) && (!tools || client.samples_with_tools) &&
                   (!with_context || client.samples_with_context);
        Json kinds = Json::object();
        if (tools) kinds["tools"] = Json::object();
        if (with_context) kinds["context"] = Json::object();
        capability = {{"sampling", std::move(kinds)}};
    } else if (method == "roots/list") {
        declared = can(HOWDAH_CALL_CAN_LIST_ROOTS);
        capability = {{"roots", Json::object()}};
    } else {
        return Unanswerable{Error::internal("\"", method,
                                            "\" is no question; elicitation/create, sampling/createMessage and "
                                            "roots/list are"),
                            nullptr};
    }
    if (declared) return std::nullopt;
    return Unanswerable{Error::refused("the client cannot answer ", method,
                                       "; it has not declared that capability: ", dumpJson(capability)),
                        std::move(capability)};
}

Refusal missingCapability(const Json& capability) {
    return {.code = kMissingClientCapability,
            .http_status = 400,
            .message = "this call needs a client capability that was not declared",
            .data = dumpJson({{"requiredCapabilities", capability}})};
}

Refusal missingTasks() {
    return missingCapability({{"extensions", {{kTasksExtension, Json::object()}}}});
}

std::optional<Refusal> Questions::missingCapability() const {
    if (!exchange_.modern() || capability_.is_null()) return std::nullopt;
    return kernel::missingCapability(capability_);
}

Result<std::string> Questions::ask(Request& request, std::string_view questions) {
    if (request.has_written) return Error::internal("a question after a write; ask before you act");
    auto asked = readQuestions(questions);
    if (!asked) return std::move(asked).error();
    Json missing;
    for (const auto& [key, question] : asked->items()) {
        if (brought_.contains(key) && brought_[key].is_object()) answers_[key] = brought_[key];
        if (answers_.contains(key)) continue;
        if (auto refused = unanswerable(question, exchange_.client ? *exchange_.client : Client{})) {
            capability_ = std::move(refused->capability);
            return std::move(refused->error);
        }
        missing[key] = question;
    }
    if (!missing.empty() && exchange_.modern()) {
        missing_ = std::move(missing);
        request.client_asked = true;
        return Error::cancelled(kClientIsAsked);
    }
    if (!missing.empty())
        if (auto failed = askNow(request, missing)) return std::move(*failed);
    return answersTo(*asked, answers_);
}

// Legacy: all questions go out, then the fiber waits for each. The time of a person is not the request's.
std::optional<Error> Questions::askNow(Request& request, const Json& questions) {
    if (!exchange_.session) return Error::unavailable("questions need a session");
    if (exchange_.http() && !exchange_.inbound.accepts_events)
        return Error::refused("the client reads no events (Accept: text/event-stream), so it cannot be asked");
    const auto began = Deadline::Clock::now();
    const Deadline limit = Deadline::in(exchange_.options().answer_timeout);
    PendingQuestions& pending = exchange_.session->questions;
    struct Sent {
        std::string key;
        std::string id;
        std::shared_ptr<PendingQuestions::Question> question;
    };
    std::vector<Sent> sent;
    std::optional<Error> failed;
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
                failed = waitError(status, request.cancellation, "the client's answer (limits.answer_timeout_ms)");
            } else if (auto result = resultOf(one.question->response, one.key)) {
                answers_[one.key] = std::move(*result);
            } else {
                failed = std::move(result).error();
            }
        }
        // A person may still look at a question nobody waits for; the client takes it away.
        if (pending.forget(one.id)) {
            (void)exchange_.sink.notify(
                concat(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)", one.id, "}}"));
        }
    }
    if (!request.deadline.isNever())
        request.deadline = Deadline(request.deadline.at() + (Deadline::Clock::now() - began));
    return failed;
}

Result<std::string> Questions::members() const {
    auto sealed = exchange_.sealer().seal(answers_.is_null() ? "{}" : dumpJson(answers_), boundTo(),
                                          Sealer::Clock::now() + kStateLife);
    if (!sealed) return Error::unavailable("the answers so far are too long to be kept: ", sealed.error().message);
    return concat("\"inputRequests\":", dumpJson(missing_), R"(,"requestState":")", *sealed, '"');
}

}  // namespace howdah::kernel
