// The audit logs on disk. Nothing is kept in memory between two calls, so several instances of the plugin and several
// processes may write beside each other. A log may be moved away, under the name audit.ANYTHING in its own folder: the
// next record begins a new file and continues the chain, and from then on the old file may go elsewhere.
//
// The head is written after the records, the mark (place.hpp) after the head: records that disappear from the end are
// missed by the one, a whole log that disappears by the other. What a crash left behind the head is taken in if it is
// whole and ours, and cut off if it is a line that never became whole; no call was answered on its account.
//
// Threads: workers; any number at once. Every call blocks but look().
// Errors:  unavailable for the system's; timeout while somebody else holds a log; refused with rule "audit-broken"
//          where it is not as it was left: then nothing is appended until somebody has looked at it; ready(): rule
//          "audit-full" at the limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/audit/place.hpp"

namespace howdah::multi_tenant {

struct Entry {
    std::string at;
    nlohmann::json body;
};

// What a look at a whole log found.
struct Verified {
    std::string problem;  // "" = every record is there and as it was written
    std::uint64_t broken_record = 0;
    std::uint64_t first = 0, last = 0;  // records in this file; 0 = none
    std::string last_hash;              // to keep elsewhere: a log, head and mark put back together would show there
    std::vector<nlohmann::json> newest;
};

class AuditLog {
public:
    // A tenant's files from outside: as long as they look as we left them, nobody else has touched them.
    struct State {
        Look log, head, salt, mark;
        friend bool operator==(const State&, const State&) = default;
    };
    // What there is to know before a call runs.
    struct Readiness {
        State state;
        std::uint64_t lost = 0;  // calls without a record that none has told of yet
    };

    AuditLog(std::string folder, KeyRing keys, std::uint64_t bytes_max, bool sync)
        : folder_(std::move(folder)), keys_(std::move(keys)), bytes_max_(bytes_max), sync_(sync) {}

    // Whether a record could be written now. The limit is asked for here alone: what runs already is recorded beyond
    // it.
    Result<Readiness> ready(const std::string& tenant,
                            std::chrono::milliseconds lock_patience = File::kLockPatience) const;
    // All of them, in order, or an error. The first tells, as "lost_before", of the calls that have no record: those
    // the mark counts and `lost` more. They are forgotten once it is there.
    Result<State> append(const std::string& tenant, std::vector<Entry> entries, std::uint64_t lost = 0,
                         std::chrono::milliseconds lock_patience = File::kLockPatience) const;
    // Counts calls without a record, on disk, for the next record to tell of.
    Result<void> noteLost(const std::string& tenant, std::uint64_t lost,
                          std::chrono::milliseconds lock_patience = File::kLockPatience) const;
    State look(const std::string& tenant) const;
    bool isFull(const State& state) const { return state.log.size >= bytes_max_; }
    // Reads it from its first line to its last; `newest`: how many records to give, opened.
    Result<Verified> verify(const std::string& tenant, std::size_t newest) const;

private:
    Result<Head> findEnd(const LogPlace& place) const;

    const std::string folder_;
    const KeyRing keys_;
    const std::uint64_t bytes_max_;
    const bool sync_;
};

}  // namespace howdah::multi_tenant
