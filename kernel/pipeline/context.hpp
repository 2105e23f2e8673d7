// howdah_ctx: one call into one plugin. It says whose call this is, which request it serves, and until when it may
// wait.
//
// Threads: the fiber that made it, or the worker that stands in for that fiber.
// Owns:    the last error; everything else is borrowed from the request.
#pragma once

#include <chrono>
#include <string>

#include <howdah/abi/base.h>
#include <howdah/result.hpp>

#include "kernel/pipeline/request.hpp"
#include "kernel/runtime/deadline.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {
class Instance;
class QueryRun;
class CallRun;

// How long telling a hook what came of the request may wait for a worker, when the request itself is over.
inline constexpr std::chrono::seconds kTellLimit{10};
}  // namespace howdah::kernel

struct howdah_ctx {
    howdah_ctx(howdah::kernel::Instance* whose, howdah::kernel::Request& served)
        : instance(whose), request(&served), deadline(served.deadline) {}

    howdah::kernel::Instance* instance;
    howdah::kernel::Request* request;
    howdah::kernel::QueryRun* query = nullptr;  // the query whose hook runs, null in tools and tasks
    howdah::kernel::CallRun* call = nullptr;    // the tool call this is inside of, null outside
    howdah::kernel::Deadline deadline;          // the request's, or sooner inside a hook of another query
    bool in_hook = false;
    bool used = false;                // a host call left something behind; a hook that made none costs no clean-up
    bool budget_spent = false;        // a host call inside the hook ended because the hook's budget did
    howdah::kernel::Deadline budget;  // starts with the first host call that may wait; never = not started
    howdah::Error error;
    std::string received;  // what howdah_transport_v1.receive gave last

    // Until when a host call in this context may wait.
    howdah::kernel::Deadline waitDeadline();

    // Remembers when a wait that timed out was ended by the hook's budget.
    void noteTimeout() {
        if (in_hook && budget.passed()) budget_spent = true;
    }

    howdah_status fail(howdah::Error failed) {
        used = true;
        error = std::move(failed);
        return static_cast<howdah_status>(error.code);
    }

    // Ready for the next hook.
    void reset(howdah::kernel::Instance* whose) {
        instance = whose;
        if (!used) [[likely]]
            return;
        error = howdah::Error{};  // another plugin's words
        budget = howdah::kernel::Deadline::never();
        used = budget_spent = false;
    }
};
