// QueryRun::invoke(), for the two files that call hooks.
#pragma once

#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {

// Runs one function of a hook's plugin, here or on a worker, in the plugin's name. On the way back it is told whatever
// has become of the request: a cancelled one still waits for a worker to tell it on.
template <typename Hook>
std::uint32_t QueryRun::invoke(const HookSlot& slot, Hook&& hook) {
    slot_ = &slot;
    hook_ctx_.reset(slot.instance);
    std::uint32_t verdict = 0;
    if (!slot.worker) [[likely]] {
        verdict = hook();
    } else {
        auto call = [&] { verdict = hook(); };
        const bool told = phase_ == Phase::after;
        auto entered = slot.instance->enter(call, told ? nullptr : request_.cancellation,
                                            told ? Deadline::in(kTellLimit) : hook_ctx_.deadline);
        if (!entered) {
            (void)hook_ctx_.fail(std::move(entered).error());
            verdict = HOWDAH_FAULT;
        }
    }
    if (hook_ctx_.used) [[unlikely]]
        verdict = tidyUp(slot, verdict);
    slot_ = nullptr;
    return verdict;
}

}  // namespace howdah::kernel
