#include "kernel/pipeline/request.hpp"

#include <atomic>

#include <howdah/host.hpp>

#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {
namespace {

std::atomic<std::uint64_t> next_id{1};

const Principal& nobody() {
    static const Principal principal;
    return principal;
}

}  // namespace

Request::Request() : id(next_id.fetch_add(1, std::memory_order_relaxed)), principal(&nobody()) {}

Request::~Request() {
    while (!queries.empty())
        queries.pop_back();  // the innermost first
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
