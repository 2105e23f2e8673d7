#include "kernel/pipeline/context.hpp"

#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"

howdah::kernel::Deadline howdah_ctx::waitDeadline() {
    if (!in_hook) return deadline;
    used = true;
    if (budget.isNever()) budget = howdah::kernel::Deadline::in(instance->services().hook_budget);
    return deadline.min(budget);
}
