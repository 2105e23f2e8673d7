#include "kernel/pipeline/request.hpp"

#include <algorithm>
#include <atomic>

#include <howdah/host.hpp>

#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {
namespace {

std::atomic<std::uint64_t> next_id{1};
thread_local Request* first_here = nullptr;

}  // namespace

Request::Request() : id(next_id.fetch_add(1, std::memory_order_relaxed)), principal(&localUser()), next_(first_here) {
    if (next_) next_->previous_ = this;
    first_here = this;
}

Request::~Request() {
    closeQueries(0);
    if (next_) next_->previous_ = previous_;
    (previous_ ? previous_->next_ : first_here) = next_;
}

void Request::closeQueries(std::size_t kept) {
    while (queries.size() > kept) {
        // Out of the list first: a hook that hears of the end may run a query of its own.
        std::unique_ptr<QueryRun> innermost = std::move(queries.back());
        queries.pop_back();
    }
}

void Request::cancelAllOn(const Generation* generation, const std::vector<const Instance*>& kept) {
    for (Request* request = first_here; request; request = request->next_) {
        if (request->generation.get() != generation || !request->cancellation) continue;
        if (request->task_of && std::ranges::find(kept, request->task_of) != kept.end()) continue;
        request->cancellation->cancel(CancelReason::reload);
    }
}

const howdah_principal* Request::principalView() {
    if (principal_view_.struct_size == 0) {
        for (const std::string& scope : principal->scopes)
            scopes_view_.push_back(toAbi(scope));
        principal_view_.struct_size = sizeof principal_view_;
        principal_view_.subject = toAbi(principal->subject);
        principal_view_.tenant = toAbi(principal->tenant);
        principal_view_.tier = toAbi(principal->tier);
        principal_view_.scopes = scopes_view_.data();
        principal_view_.scope_count = scopes_view_.size();
    }
    return &principal_view_;
}

}  // namespace howdah::kernel
