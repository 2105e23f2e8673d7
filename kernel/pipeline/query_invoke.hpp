// QueryRun::invoke(), for the two files that call hooks.
#pragma once

#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {

// Runs one function of a hook's plugin, here or on a worker, in the plugin's name.
template <typename Hook>
std::uint32_t QueryRun::invoke(const HookSlot& slot, Hook&& hook) {
    slot_ = &slot;
    hook_ctx_.reset(slot.instance);
    if (reply_) [[unlikely]]
        reply_.reset();  // given with a verdict other than reply
    const std::size_t open = request_.queries.size();
    std::uint32_t verdict = 0;
    if (!slot.worker) [[likely]] {
        verdict = hook();
    } else {
        auto call = [&] { verdict = hook(); };
        auto entered = slot.instance->enter(call, request_.cancellation, hook_ctx_.deadline);
        if (!entered) {
            hook_ctx_.error = std::move(entered).error();
            verdict = HOWDAH_FAULT;
        }
    }
    if (request_.queries.size() > open) [[unlikely]]
        request_.closeQueries(open);
    slot_ = nullptr;
    if (hook_ctx_.budget_spent) [[unlikely]] {
        hook_ctx_.error =
            Error::timeout("its host calls took more than ", slot.instance->services().hook_budget.count(), " ms");
        return HOWDAH_FAULT;
    }
    return verdict;
}

}  // namespace howdah::kernel
