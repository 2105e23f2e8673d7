// prompts/get, resources/read, completion/complete: calls whose errors are protocol errors.
#include <algorithm>
#include <string>
#include <string_view>

#include <howdah/json_text.hpp>

#include "kernel/pipeline/calls.hpp"
#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/held_answer.hpp"
#include "kernel/protocol/methods.hpp"

namespace howdah::kernel {
namespace {

// Runs one call and answers: with what `members` makes of it, or with what `refusal_of` makes of its error.
template <typename Call, typename Members, typename RefusalOf>
void serveHeld(Exchange& exchange, Call&& call, Members&& members, RefusalOf&& refusal_of) {
    auto notices = noticesOf(exchange);
    if (!notices) return;
    Questions questions(exchange);
    const bool asks = exchange.message.method != "completion/complete";
    if (auto refusal = asks ? questions.open() : std::nullopt) return exchange.refuse(*refusal);
    if (!greetIfNew(exchange)) return;
    Request request;
    exchange.prepare(request);
    HeldAnswer answer(exchange.sink, std::move(*notices), asks ? &questions : nullptr, exchange.options().held_max);
    auto done = call(request, answer);
    if (request.cancellation && request.cancellation->reason() == CancelReason::requested) return;
    if (questions.inputRequired()) return answerInputRequired(exchange, questions);
    if (done) return exchange.answer({members(answer)});
    if (auto refusal = questions.missingCapability()) return exchange.refuse(*refusal);
    Refusal refusal = refusal_of(done.error());
    refusal.message.resize(std::min(refusal.message.size(), kMessageMax));
    exchange.refuse(refusal);
}

Refusal noResource(const Exchange& exchange, std::string_view uri, std::string message) {
    Refusal refusal{.code = exchange.modern() ? kInvalidParams : kResourceNotFound,
                    .http_status = 200,
                    .message = std::move(message),
                    .data = "{\"uri\":"};
    appendJsonString(refusal.data, uri.substr(0, kMessageMax));
    refusal.data += '}';
    return refusal;
}

}  // namespace

void promptsGet(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto prompt = params ? textMember(*params, "name") : std::nullopt;
    if (!prompt) return exchange.refuse(badParams("prompts/get needs params.name, a string"));
    auto arguments = member(*params, "arguments").value_or(emptyObject());
    simdjson::dom::object given;
    if (arguments.get(given)) return exchange.refuse(badParams("params.arguments must be an object"));
    serveHeld(
        exchange, [&](Request& request, HeldAnswer& answer) { return getPrompt(request, *prompt, given, answer); },
        [](HeldAnswer& answer) {
            std::string json;
            if (!answer.description().empty()) {
                json += "\"description\":";
                appendJsonString(json, answer.description());
                json += ',';
            }
            return json + concat("\"messages\":[", answer.elements(), "]");
        },
        refusalOf);
}

void resourcesRead(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto uri = params ? textMember(*params, "uri") : std::nullopt;
    if (!uri) return exchange.refuse(badParams("resources/read needs params.uri, a string"));
    serveHeld(
        exchange, [&](Request& request, HeldAnswer& answer) { return readResource(request, *uri, answer); },
        [&](HeldAnswer& answer) {
            std::string json = concat("\"contents\":[", answer.elements(), "]");
            if (exchange.modern()) json += cacheHints(std::chrono::milliseconds(0), true);
            return json;
        },
        [&](const Error& error) {
            return error.code == Code::not_found ? noResource(exchange, *uri, error.message) : refusalOf(error);
        });
}

void resourcesSubscribe(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto uri = params ? textMember(*params, "uri") : std::nullopt;
    if (!uri || !exchange.session) return exchange.refuse(badParams("resources/subscribe needs params.uri, a string"));
    GenerationPin generation = exchange.generations().pin();
    if (!generation || !generation->hasResource(*uri))
        return exchange.refuse(noResource(exchange, *uri, concat("no resource has the URI \"", *uri, "\"")));
    if (!exchange.session->watched.add(*uri)) {
        return exchange.refuse(
            badParams(concat("a session subscribes to at most ", ResourceWatch::kUrisMax, " resources")));
    }
    exchange.answer({});
}

void resourcesUnsubscribe(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto uri = params ? textMember(*params, "uri") : std::nullopt;
    if (!uri || !exchange.session)
        return exchange.refuse(badParams("resources/unsubscribe needs params.uri, a string"));
    exchange.session->watched.remove(*uri);
    exchange.answer({});
}

void complete(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto reference = params ? objectMember(*params, "ref") : std::nullopt;
    auto argument = params ? objectMember(*params, "argument") : std::nullopt;
    auto type = reference ? textMember(*reference, "type") : std::nullopt;
    auto name = argument ? textMember(*argument, "name") : std::nullopt;
    if (!type || !name || !textMember(*argument, "value"))
        return exchange.refuse(
            badParams("completion/complete needs params.ref with a type and params.argument with name and value"));
    const bool is_prompt = *type == "ref/prompt";
    if (!is_prompt && *type != "ref/resource")
        return exchange.refuse(badParams("params.ref.type must be ref/prompt or ref/resource"));
    auto key = textMember(*reference, is_prompt ? "name" : "uri");
    if (!key) return exchange.refuse(badParams(is_prompt ? "params.ref.name is missing" : "params.ref.uri is missing"));
    if (auto context = member(*params, "context"); context && !context->is_object())
        return exchange.refuse(badParams("params.context must be an object"));
    const CompletionTarget target{is_prompt ? CompletionTarget::Kind::prompt : CompletionTarget::Kind::resource, *key,
                                  *name};
    serveHeld(
        exchange, [&](Request& request, HeldAnswer& answer) { return complete(request, target, *params, answer); },
        [](HeldAnswer& answer) {
            const std::string_view found = answer.structured();
            return concat("\"completion\":", found.empty() ? R"({"values":[],"total":0,"hasMore":false})" : found);
        },
        refusalOf);
}

// The least level of log messages for a session; 2026-07-28 asks per request instead.
void setLogLevel(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto name = params ? textMember(*params, "level") : std::nullopt;
    auto level = name ? logLevelNamed(*name) : std::nullopt;
    if (!level) {
        return exchange.refuse(badParams(
            "logging/setLevel needs params.level: debug, info, notice, warning, error, critical, alert or emergency"));
    }
    if (exchange.session) exchange.session->log_level.store(*level, std::memory_order_relaxed);
    exchange.answer({});
}

}  // namespace howdah::kernel
