#include "kernel/pipeline/calls.hpp"

#include <algorithm>

#include <howdah/host.hpp>
#include <howdah/json_text.hpp>

#include "kernel/base/nearest.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/call_run.hpp"
#include "kernel/pipeline/gate.hpp"
#include "kernel/pipeline/scopes.hpp"

namespace howdah::kernel {

namespace {

// Names a client may have meant.
template <typename Range, typename NameOf>
Error unknown(std::string_view what, std::string_view name, const Range& offered, NameOf name_of) {
    std::vector<std::string_view> names;
    names.reserve(offered.size());
    for (const auto& one : offered)
        names.push_back(name_of(one));
    return Error::notFound("unknown ", what, " \"", name, "\"", didYouMean(name, names));
}

const Prompt* findPrompt(const Generation& generation, std::string_view name) {
    auto found = std::ranges::lower_bound(generation.prompts, name, {}, &Prompt::name);
    return found != generation.prompts.end() && found->name == name ? &*found : nullptr;
}

Error unknownPrompt(const Generation& generation, std::string_view name) {
    return unknown("prompt", name, generation.prompts,
                   [](const Prompt& prompt) -> std::string_view { return prompt.name; });
}

Result<void> checkArguments(const Prompt& prompt, simdjson::dom::object arguments) {
    for (const auto& [name, value] : arguments) {
        if (!value.is_string())
            return Error::invalidArgument("arguments.", std::string_view(name), " must be a string");
        const bool known = std::ranges::any_of(
            prompt.arguments, [name = std::string_view(name)](const auto& argument) { return argument.name == name; });
        if (known) continue;
        Error error = unknown("argument", name, prompt.arguments,
                              [](const PromptArgument& argument) -> std::string_view { return argument.name; });
        error.code = Code::invalid_argument;
        return error;
    }
    for (const PromptArgument& argument : prompt.arguments) {
        if (argument.required && arguments.at_key(argument.name).error() != simdjson::SUCCESS)
            return Error::invalidArgument("prompt \"", prompt.name, "\" needs the argument \"", argument.name, "\"");
    }
    return {};
}

// The variables of a template as an object, the form in which handlers read arguments.
class VariableObject {
public:
    explicit VariableObject(const UriTemplate::Variables& variables) {
        std::string json = "{";
        for (const auto& [name, value] : variables) {
            if (json.size() > 1) json += ',';
            appendJsonString(json, name);
            json += ':';
            appendJsonString(json, value);
        }
        json += '}';
        object_ = parser_.parse(json).get_object().value();
    }
    simdjson::dom::object get() const { return object_; }

private:
    simdjson::dom::parser parser_;
    simdjson::dom::object object_;
};

}  // namespace

Result<const Tool*> findTool(const Generation& generation, std::string_view name) {
    auto found = generation.tools_by_name.find(name);
    if (found != generation.tools_by_name.end()) return found->second;
    return unknown("tool", name, generation.tools, [](const Tool& tool) -> std::string_view { return tool.name; });
}

Result<void> callTool(Request& request, const Tool& tool, simdjson::dom::element arguments, Answer& answer) {
    if (auto may = requireScopes(request, tool.scopes); !may) return may;
    if (auto wrong = tool.arguments.validate(arguments)) {
        return Error::invalidArgument("arguments", wrong->pointer, ": ", wrong->message);
    }
    return CallRun(request, tool, HOWDAH_CALL_TOOL, tool.name, arguments.get_object().value_unsafe(), answer).run();
}

Result<void> getPrompt(Request& request, std::string_view name, simdjson::dom::object arguments, ListAnswer& answer) {
    const Prompt* prompt = findPrompt(*request.generation, name);
    if (!prompt) return unknownPrompt(*request.generation, name);
    if (auto may = requireScopes(request, readScopes()); !may) return may;
    if (auto sound = checkArguments(*prompt, arguments); !sound) return sound;
    answer.describe(prompt->description);
    return CallRun(request, *prompt, HOWDAH_CALL_PROMPT, prompt->name, arguments, answer).run();
}

Result<void> readResource(Request& request, std::string_view uri, ListAnswer& answer) {
    if (auto may = requireScopes(request, readScopes()); !may) return may;
    const Generation& generation = *request.generation;
    auto found = std::ranges::lower_bound(generation.resources, uri, {}, &Resource::uri);
    if (found != generation.resources.end() && found->uri == uri) {
        answer.of(uri, found->mime_type, found->cache);
        const VariableObject none({});
        return CallRun(request, *found, HOWDAH_CALL_RESOURCE, uri, none.get(), answer).run();
    }
    for (const ResourceTemplate& resource : generation.resource_templates) {
        auto variables = resource.uri.match(uri);
        if (!variables) continue;
        answer.of(uri, resource.mime_type, resource.cache);
        const VariableObject object(*variables);
        return CallRun(request, resource, HOWDAH_CALL_RESOURCE, uri, object.get(), answer).run();
    }
    return Error::notFound("no resource has the URI \"", uri,
                           "\"; resources/list and resources/templates/list tell which are there");
}

Result<void> listResources(Request& request, const ResourceTemplate& resource, std::string_view cursor,
                           Answer& answer) {
    if (auto may = requireScopes(request, readScopes()); !may) return may;
    UriTemplate::Variables variables;
    if (!cursor.empty()) variables.emplace_back("cursor", cursor);
    const VariableObject arguments(variables);
    return CallRun(request, resource.list, HOWDAH_CALL_RESOURCE_LIST, resource.uri.text(), arguments.get(), answer)
        .run();
}

Result<void> complete(Request& request, const CompletionTarget& target, simdjson::dom::object params, Answer& answer) {
    if (auto may = requireScopes(request, readScopes()); !may) return may;
    const Generation& generation = *request.generation;
    const auto takes = [&](const Handler& handler, std::string_view key, const auto& names) -> Result<void> {
        if (std::ranges::find(names, target.argument) == names.end()) {
            return Error::invalidArgument("\"", key, "\" has no argument \"", target.argument, "\"",
                                          didYouMean(target.argument, names));
        }
        if (!handler) return {};
        return CallRun(request, handler, HOWDAH_CALL_COMPLETION, key, params, answer).run();
    };
    if (target.kind == CompletionTarget::Kind::prompt) {
        const Prompt* prompt = findPrompt(generation, target.name);
        if (!prompt) return unknownPrompt(generation, target.name);
        std::vector<std::string_view> names;
        names.reserve(prompt->arguments.size());
        for (const PromptArgument& argument : prompt->arguments)
            names.push_back(argument.name);
        return takes(prompt->completion, prompt->name, names);
    }
    for (const ResourceTemplate& resource : generation.resource_templates) {
        if (resource.uri.text() == target.name) return takes(resource.completion, target.name, resource.uri.names());
    }
    // A URI without variables has nothing to complete, but it is a valid reference.
    auto found = std::ranges::lower_bound(generation.resources, target.name, {}, &Resource::uri);
    if (found != generation.resources.end() && found->uri == target.name) return {};
    return Error::notFound("no resource has the URI or template \"", target.name, "\"");
}

Result<void> connectClient(Request& request) {
    const auto& hooks = request.generation->on_connect;
    if (hooks.empty()) return {};
    howdah_connect_event event{};
    event.struct_size = sizeof event;
    event.kind = HOWDAH_CONNECT_CLIENT;
    event.principal = request.principalView();
    event.transport = toAbi(request.transport);
    if (request.client) {
        event.client_name = toAbi(request.client->name);
        event.client_version = toAbi(request.client->version);
        event.protocol = toAbi(request.client->protocol);
    }
    return raiseConnect(request, request.generation, event);
}

Result<void> raiseConnect(Request& request, const GenerationPin& generation, const howdah_connect_event& event) {
    if (!generation) return {};
    for (const HookSlot& slot : generation->on_connect) {
        auto passed = passGate(request, slot, "onConnect", nullptr,
                               [&](howdah_ctx* ctx) { return slot.table->on_connect(slot.self, ctx, &event); });
        if (!passed) return std::move(passed).error();
    }
    return {};
}

}  // namespace howdah::kernel
