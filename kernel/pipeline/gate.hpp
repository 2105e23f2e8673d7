// A gate: a hook that may let something in or deny it and nothing else (beforeCall, onConnect). docs/hooks.md has the
// rules; this is the one place that applies mode, on_failure and the time budget to it.
#pragma once

#include <cstdint>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"

namespace howdah::kernel {

// What a verdict means: true = entered, false = passed over after a fault that on_failure lets pass, error = denied.
Result<bool> judgeGate(howdah_ctx& ctx, const HookSlot& slot, std::string_view event, std::uint32_t verdict);

// Runs `hook(ctx)`, which gives a verdict, where the operator wants the plugin to run.
template <typename Hook>
Result<bool> passGate(Request& request, const HookSlot& slot, std::string_view event, CallRun* call, Hook&& hook) {
    howdah_ctx ctx(slot.instance, request);
    ctx.call = call;
    ctx.in_hook = true;
    std::uint32_t verdict = HOWDAH_FAULT;
    auto run = [&] { verdict = hook(&ctx); };
    const std::size_t open = request.queries.size();
    auto entered = slot.instance->enter(run, request.cancellation, request.deadline);
    if (!entered) ctx.error = std::move(entered).error();
    request.closeQueries(open);
    return judgeGate(ctx, slot, event, verdict);
}

}  // namespace howdah::kernel
