// The audit logs on disk: one folder for each tenant, with the log (audit.jsonl), the mark of its end (head), the salt
// of its keys and a lock. Nothing is kept in memory between two calls, so several instances of the plugin and several
// processes may write beside each other, and a log may be moved away: the next record then begins a new file and
// continues the chain.
//
// The head is written after the records and carries a MAC: records that disappear from the end are missed by it. What a
// crash left behind the head is taken in if it is whole and ours, and cut off if it is a line that never became whole;
// no call was answered on its account.
//
// Threads: workers; any number at once. Every call blocks.
// Errors:  unavailable for the system's; refused with rule "audit-broken" where the log is not as it was left: then
//          nothing is appended until somebody has looked at it; rule "audit-full" at the limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/audit/record.hpp"

namespace howdah::multi_tenant {

struct Entry {
    std::string at;
    std::string body;
};

// What a look at a whole log found.
struct Verified {
    std::string problem;  // "" = every record is there and as it was written
    std::uint64_t broken_record = 0;
    std::uint64_t first = 0, last = 0;  // records in this file; 0 = none
    std::string last_hash;              // to keep elsewhere: a log and its head put back together would show there
    std::vector<nlohmann::json> newest;
};

class AuditLog {
public:
    AuditLog(std::string folder, KeyRing keys, std::uint64_t bytes_max, bool sync)
        : folder_(std::move(folder)), keys_(std::move(keys)), bytes_max_(bytes_max), sync_(sync) {}

    // All of them, in order, or an error.
    Result<void> append(const std::string& tenant, const std::vector<Entry>& entries) const;
    // Reads it from its first line to its last; `newest`: how many records to give, opened.
    Result<Verified> verify(const std::string& tenant, std::size_t newest) const;

private:
    struct Place;
    struct End {
        Link link;
        std::uint64_t size = 0;
    };
    Result<Place> enter(const std::string& tenant, bool create) const;
    static Result<End> readHead(const Place& place, const std::string& tenant);
    Result<End> findEnd(const Place& place, const std::string& tenant) const;
    Result<void> writeHead(const Place& place, const std::string& tenant, const End& end) const;

    const std::string folder_;
    const KeyRing keys_;
    const std::uint64_t bytes_max_;
    const bool sync_;
};

}  // namespace howdah::multi_tenant
