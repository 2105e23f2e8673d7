// What the handlers of prompts, resources, completions and resource lists see. Their errors become JSON-RPC errors.
//
// Source:  MCP "Prompts", "Resources", "Completion".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/call.hpp>
#include <howdah/content.hpp>

namespace howdah {

// Arguments are texts; the required ones are there.
class PromptCall : public Call {
public:
    using Call::Call;

    // A message of the user in plain text; pieces make one message.
    Result<void> writeText(std::string_view bytes) { return addText(bytes); }
    // A whole message: role "user" or "assistant", one block of content.hpp.
    Result<void> writeMessage(std::string_view role, const Json& block) {
        return addContent(jsonText({{"role", role}, {"content", block}}));
    }
};

// Arguments are the variables of the URI template; text("path").
class ResourceCall : public Call {
public:
    using Call::Call;

    std::string_view uri() const { return name(); }
    // Text of the resource that was asked for, with the mimeType of plugin.json; pieces make one text.
    Result<void> writeText(std::string_view bytes) { return addText(bytes); }
    // What there is to say of that text, keyed by prefixed names (MCP "_meta"); once, before the call ends.
    Result<void> writeMeta(const Json& object) { return addStructured(jsonText(object)); }
    Result<void> writeBlob(std::string_view bytes, std::string_view mime_type) {
        return addContent(jsonText({{"uri", uri()}, {"mimeType", mime_type}, {"blob", toBase64(bytes)}}));
    }
    // Another resource beside it, as a folder gives its files.
    Result<void> writeTextOf(std::string_view other_uri, std::string_view text, std::string_view mime_type) {
        return addContent(jsonText({{"uri", other_uri}, {"mimeType", mime_type}, {"text", text}}));
    }
};

// Suggestions for one argument of a prompt or one variable of a template.
class CompletionCall : public Call {
public:
    using Call::Call;
    static constexpr std::size_t kValuesMax = 100;  // in one answer

    std::string argumentName() const { return json("argument").value("name", std::string{}); }
    std::string typed() const { return json("argument").value("value", std::string{}); }
    // An argument that has its value already; "" when it has none.
    std::string settled(std::string_view argument) const {
        const Json context = json("context");
        if (!context.is_object() || !context.contains("arguments")) return {};
        return context["arguments"].value(std::string(argument), std::string{});
    }
    // Best first; what goes beyond kValuesMax is counted and left out. Once per call.
    Result<void> suggest(const std::vector<std::string>& values) {
        const std::size_t shown = values.size() < kValuesMax ? values.size() : kValuesMax;
        return addStructured(
            jsonText({{"values", std::vector(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(shown))},
                      {"total", values.size()},
                      {"hasMore", shown < values.size()}}));
    }
};

// One page of the resources that a URI template stands for, as far as this client may know of them.
class ResourceListCall : public Call {
public:
    using Call::Call;
    static constexpr std::size_t kEntriesMax = 500;  // of one page

    // Where the page begins: "" or what goOnAt() was given. It comes from the client, which may send anything.
    std::string_view cursor() const { return text("cursor"); }
    // `uri` must be one of the template. `more`: title, description, mimeType, size, annotations, icons.
    Result<void> add(std::string_view uri, std::string_view name, Json more = Json::object()) {
        more["uri"] = uri;
        more["name"] = name;
        return addContent(jsonText(more));
    }
    // There is another page, which begins here. At most once.
    Result<void> goOnAt(std::string_view cursor) { return addStructured(jsonText({{"nextCursor", cursor}})); }
};

}  // namespace howdah
