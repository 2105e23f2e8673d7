#include "kernel/pipeline/gate.hpp"

#include "kernel/base/log.hpp"
#include "kernel/host/host_services.hpp"

namespace howdah::kernel {

Result<bool> judgeGate(howdah_ctx& ctx, const HookSlot& slot, std::string_view event, std::uint32_t verdict) {
    Instance& plugin = *slot.instance;
    if (ctx.budget_spent) {
        verdict = HOWDAH_FAULT;
        ctx.error = Error::timeout("its host calls took more than ", plugin.services().hook_budget.count(), " ms");
    }
    if (verdict == HOWDAH_PROCEED) return true;
    if (verdict == HOWDAH_DENY) {
        if (slot.mode == Mode::enforce) return std::move(ctx.error);
        logInfo(plugin.id(), "audit: would have denied: ", ctx.error.message);
        return true;
    }
    std::string fault = concat("plugin \"", plugin.id(), "\" failed in ", event, ": ",
                               verdict == HOWDAH_FAULT ? ctx.error.message : concat("unknown verdict ", verdict));
    plugin.countFault();
    logWarn(plugin.id(), fault);
    if (slot.on_failure == OnFailure::quarantine) plugin.services().quarantine(plugin, fault);
    if (slot.failureDenies()) return Error{Code::internal, std::move(fault)};
    return false;
}

}  // namespace howdah::kernel
