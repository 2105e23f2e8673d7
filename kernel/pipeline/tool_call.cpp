#include "kernel/pipeline/tool_call.hpp"

#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/base/nearest.hpp"
#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/tool_run.hpp"

namespace howdah::kernel {

Result<void> callTool(Request& request, std::string_view name, simdjson::dom::element arguments, Answer& answer) {
    const Generation& generation = *request.generation;
    auto found = generation.tools_by_name.find(name);
    if (found == generation.tools_by_name.end()) {
        std::vector<std::string_view> names;
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
        howdah_ctx ctx(slot.instance, request);
        ctx.in_hook = true;
        std::uint32_t verdict = HOWDAH_FAULT;
        auto hook = [&] { verdict = slot.table->on_connect(slot.self, &ctx, &event); };
        const std::size_t open = request.queries.size();
        auto entered = slot.instance->enter(hook, request.cancellation, request.deadline);
        if (!entered) ctx.error = std::move(entered).error();
        request.closeQueries(open);
        if (ctx.budget_spent) {
            verdict = HOWDAH_FAULT;
            ctx.error =
                Error::timeout("its host calls took more than ", slot.instance->services().hook_budget.count(), " ms");
        }
        if (verdict == HOWDAH_PROCEED) continue;
        if (verdict == HOWDAH_DENY) {
            if (slot.mode == Mode::enforce) return std::move(ctx.error);
            logInfo(slot.instance->id(), "audit: would have denied: ", ctx.error.message);
            continue;
        }
        std::string fault = concat("plugin \"", slot.instance->id(), "\" failed in onConnect: ",
                                   verdict == HOWDAH_FAULT ? ctx.error.message : concat("unknown verdict ", verdict));
        slot.instance->countFault();
        logWarn(slot.instance->id(), fault);
        if (slot.on_failure == OnFailure::deny && slot.mode == Mode::enforce) return Error{Code::internal, fault};
        if (slot.on_failure == OnFailure::quarantine) slot.instance->services().quarantine(*slot.instance, fault);
    }
    return {};
}

}  // namespace howdah::kernel
