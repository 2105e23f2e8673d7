// Steps 4 to 9 of a request: look the tool up in the pinned generation, validate, hooks around the call, run its
// handler.
//
// Errors: not_found (no such tool: a protocol error, -32602), refused with Request::scopes_needed set (the principal
//         lacks a scope: a protocol error), invalid_argument (the arguments do not fit the schema), and whatever the
//         handler failed with; everything but the first two is an isError result.
#pragma once

#include <string_view>

#include <simdjson.h>

#include <howdah/result.hpp>

#include "kernel/pipeline/answer.hpp"
#include "kernel/pipeline/request.hpp"

namespace howdah::kernel {

// not_found when the generation has no such tool.
Result<const Tool*> findTool(const Generation& generation, std::string_view name);

// Runs a tool of the request's generation. `arguments` must be an object (an absent one is the empty object). On
// success the answer has been written through `answer` and only needs its envelope closed; on error the caller adds the
// error's text as content and closes with isError.
Result<void> callTool(Request& request, const Tool& tool, simdjson::dom::element arguments, Answer& answer);

// The same for the other kinds. An error is a protocol error: not_found when what the client names does not exist,
// invalid_argument when its arguments do not fit.
// Arguments are an object of strings.
Result<void> getPrompt(Request& request, std::string_view name, simdjson::dom::object arguments, ListAnswer& answer);
Result<void> readResource(Request& request, std::string_view uri, ListAnswer& answer);
// One page of what the plugin of a template says there is: Resource objects as content, {"nextCursor"?} as structured.
Result<void> listResources(Request& request, const ResourceTemplate& resource, std::string_view cursor, Answer& answer);

struct CompletionTarget {
    enum class Kind : std::uint8_t { prompt, resource } kind;
    std::string_view name;  // of the prompt; the URI or the text of the template
    std::string_view argument;
};
// `params` holds "argument" and may hold "context". Without a handler nothing is written: nothing is suggested.
Result<void> complete(Request& request, const CompletionTarget& target, simdjson::dom::object params, Answer& answer);

// The onConnect hooks (kind client) for a principal's first request or session. refused when a hook denies.
Result<void> connectClient(Request& request);

// Runs the onConnect hooks of a generation for one event.
Result<void> raiseConnect(Request& request, const GenerationPin& generation, const howdah_connect_event& event);

}  // namespace howdah::kernel
