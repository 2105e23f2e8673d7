// SessionRecord: what instances must know of a legacy session to serve it, as it stands in the shared kv.
//
// Threads: pure functions, any.
// Errors:  unavailable for a text that is no record: it was sealed by an instance, but perhaps of another version.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/pipeline/request.hpp"
#include "kernel/protocol/era.hpp"

namespace howdah::kernel {

struct SessionRecord {
    Revision revision = kLatestLegacy;
    Client client;
    std::string subject;  // of the principal it belongs to
    std::string tenant;
    std::uint32_t log_level = 1;
    std::set<std::string, std::less<>> watched;  // resources/subscribe

    std::string text() const;
    static Result<SessionRecord> read(std::string_view text);
};

}  // namespace howdah::kernel
