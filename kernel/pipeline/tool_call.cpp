#include "kernel/pipeline/tool_call.hpp"

#include <howdah/host.hpp>

#include "kernel/base/nearest.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/gate.hpp"
#include "kernel/pipeline/tool_run.hpp"

namespace howdah::kernel {

Result<void> callTool(Request& request, std::string_view name, simdjson::dom::element arguments, Answer& answer) {
    const Generation& generation = *request.generation;
    auto found = generation.tools_by_name.find(name);
    if (found == generation.tools_by_name.end()) {
        std::vector<std::string_view> names;
        names.reserve(generation.tools.size());
        for (const Tool& tool : generation.tools)
            names.push_back(tool.name);
        return Error::notFound("unknown tool \"", name, "\"", didYouMean(name, names));
    }
    const Tool& tool = *found->second;
    if (auto wrong = tool.arguments.validate(arguments)) {
        return Error::invalidArgument("arguments", wrong->pointer, ": ", wrong->message);
    }
    ToolRun run(request, tool, arguments, answer);
    return run.run();
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
