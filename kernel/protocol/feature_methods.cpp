// prompts/get, resources/read, completion/complete: calls whose errors are protocol errors.
#include <algorithm>
#include <string>
#include <string_view>

#include <howdah/json_text.hpp>

#include "kernel/pipeline/calls.hpp"
#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/held_call.hpp"
#include "kernel/protocol/methods.hpp"

namespace howdah::kernel {
void promptsGet(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto prompt = params ? textMember(*params, "name") : std::nullopt;
    if (!prompt) return exchange.refuse(badParams("prompts/get needs params.name, a string"));
    auto arguments = member(*params, "arguments").value_or(emptyObject());
    simdjson::dom::object given;
    if (arguments.get(given)) return exchange.refuse(badParams("params.arguments must be an object"));
    serveHeld(
        exchange, MayAsk::yes,
        [&](Request& request, HeldAnswer& answer) { return getPrompt(request, *prompt, given, answer); },
        [&](HeldAnswer& answer) {
            std::string description;
            if (!answer.description().empty()) {
                description += "\"description\":";
                appendJsonString(description, answer.description());
                description += ',';
            }
            exchange.answer({description, "\"messages\":[", answer.elements(), "]"});
        },
        refusalOf);
}

void resourcesRead(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto uri = params ? textMember(*params, "uri") : std::nullopt;
    if (!uri) return exchange.refuse(badParams("resources/read needs params.uri, a string"));
    const auto hints = [&](const HeldAnswer& answer) {
        const CacheHint& cache = answer.cache();
        const bool only_this_client = !cache.same_for_all || exchange.authenticated();
        return exchange.modern() ? cacheHints(cache.time_to_live, only_this_client) : std::string();
    };
    constexpr std::string_view kBefore = "\"contents\":[";
    serveHeld(
        exchange, MayAsk::yes,
        [&](Request& request, HeldAnswer& answer) { return readResource(request, *uri, answer); },
        [&](HeldAnswer& answer) { exchange.answer({kBefore, answer.elements(), "]", hints(answer)}); },
        [&](const Error& error) {
            return error.code == Code::not_found ? noResource(exchange, *uri, error.message) : refusalOf(error);
        },
        kBefore, [&](const HeldAnswer& answer) { return concat("]", hints(answer), "}}"); });
}

namespace {

// What a plugin suggested, as it goes out: never more than the protocol allows, whatever the plugin was written in.
Result<std::string> completionOf(std::string_view suggested) {
    constexpr std::size_t kValuesMax = 100;
    if (suggested.empty()) return std::string(R"({"values":[],"total":0,"hasMore":false})");
    Json completion = Json::parse(suggested, nullptr, false);
    if (!completion.is_object() || !completion.value("values", Json()).is_array())
        return Error::internal("the plugin's suggestions are no object with an array \"values\"");
    Json& values = completion["values"];
    if (values.size() <= kValuesMax) return std::string(suggested);
    if (!completion.contains("total")) completion["total"] = values.size();
    values.erase(values.begin() + kValuesMax, values.end());
    completion["hasMore"] = true;
    return dumpJson(completion);
}

// What the client knows of other arguments, for CompletionCall::settled().
bool isContext(simdjson::dom::element context) {
    simdjson::dom::object members;
    if (context.get(members)) return false;
    auto arguments = member(members, "arguments");
    if (!arguments) return true;
    simdjson::dom::object texts;
    if (arguments->get(texts)) return false;
    for (const auto& [name, text] : texts)
        if (!text.is_string()) return false;
    return true;
}

}  // namespace

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
    if (auto context = member(*params, "context"); context && !isContext(*context))
        return exchange.refuse(badParams("params.context must be an object, and its arguments texts by their names"));
    const CompletionTarget target{is_prompt ? CompletionTarget::Kind::prompt : CompletionTarget::Kind::resource, *key,
                                  *name};
    serveHeld(
        exchange, MayAsk::no,
        [&](Request& request, HeldAnswer& answer) { return complete(request, target, *params, answer); },
        [&](HeldAnswer& answer) {
            auto completion = completionOf(answer.structured());
            if (!completion) return exchange.refuse(refusalOf(completion.error()));
            exchange.answer({"\"completion\":", *completion});
        },
        refusalOf);
}

}  // namespace howdah::kernel
