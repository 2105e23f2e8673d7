// A tool call as its handler sees it: text and structured content out.
//
// The arguments are valid by the tool's schema before the handler runs, so it never meets a missing or ill-typed one.
#pragma once

#include <string>
#include <string_view>

#include <howdah/call.hpp>

namespace howdah {

class ToolCall : public Call {
public:
    using Call::Call;

    std::string_view tool() const { return name(); }
    // False when the client's revision has no structuredContent: then everything must stand in the text.
    bool structuredWanted() const { return (raw()->flags & HOWDAH_CALL_STRUCTURED) != 0; }

    // What follows takes long: as a task it outlives the connection. The manifest says "taskSupport". Call it before
    // anything is written or answered and return an error at once: cancelled may mean that the client has been given a
    // task, and this handler then runs again from its first line.
    Result<void> continueAsTask() { return asTask(); }
    bool isTask() const { return (raw()->flags & HOWDAH_CALL_IS_TASK) != 0; }

    Result<void> writeText(std::string_view bytes) { return addText(bytes); }
    // Raw JSON; the pieces make one object. Ends the text.
    Result<void> writeStructured(std::string_view json) { return addStructured(json); }
    // A content block other than text (MCP ContentBlock); content.hpp makes them.
    Result<void> writeContent(const Json& block) { return addContent(jsonText(block)); }
    // The same object as text and as structuredContent.
    Result<void> reply(const Json& object) {
        std::string json = jsonText(object);
        if (auto done = writeText(json); !done) return done;
        return writeStructured(json);
    }
};

}  // namespace howdah
