#include "kernel/pipeline/context.hpp"

#include <algorithm>

#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"

namespace {

// For the hooks of a plugin with the permission hooks.wait: one that cannot judge without asking the database first.
constexpr std::chrono::seconds kPatientBudget{10};

}  // namespace

howdah::kernel::Deadline howdah_ctx::waitDeadline() {
    if (!in_hook) return deadline;
    used = true;
    if (budget.isNever()) {
        std::chrono::milliseconds wait = instance->services().hook_budget;
        if (instance->manifest().permits("hooks.wait"))
            wait = std::max<std::chrono::milliseconds>(wait, kPatientBudget);
        budget = howdah::kernel::Deadline::in(wait);
    }
    return deadline.min(budget);
}
