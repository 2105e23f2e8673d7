// Where one tenant's log lies, opened and locked: its folder with the log (audit.jsonl), the head that says where the
// log begins and ends, and the salt of its keys; and beside the folder the mark (TENANT.mark), which says how many
// records there have been. Head and mark carry a MAC. The mark is written last and never ahead of the head: a folder
// that is gone, or an older one put back in its place, is missed by it.
//
// The mark also counts the calls of which no record could be written, until a record has told of them.
//
// Threads: workers; one place of a tenant at a time in all processes, for it holds the mark's lock. Every call blocks.
// Owns:    the files.
// Errors:  unavailable for the system's; refused with rule "audit-broken" where something is not as it was left.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/audit/files.hpp"
#include "plugins/multi_tenant/audit/record.hpp"

namespace howdah::multi_tenant {

struct Head {
    Link link;                // the last record acknowledged
    std::uint64_t first = 1;  // the number of the first record of this file
    std::uint64_t size = 0;   // of the file then, in bytes; 0 = it has yet to begin
};

struct Mark {
    std::uint64_t seq = 0;   // the last record acknowledged
    std::uint64_t lost = 0;  // calls without a record that none has told of yet
};

class LogPlace {
public:
    // Makes what a new tenant needs; what an old one lacks is an error.
    static Result<LogPlace> toWrite(const std::string& folder, const std::string& tenant, const KeyRing& ring,
                                    std::chrono::milliseconds lock_patience = File::kLockPatience);
    // Makes and changes nothing. Nothing = this tenant never had a log.
    static Result<std::optional<LogPlace>> toRead(const std::string& folder, const std::string& tenant,
                                                  const KeyRing& ring);

    // The mark alone, whatever has become of the rest; not of a tenant that has none.
    static Result<LogPlace> toCount(const std::string& folder, const std::string& tenant, const KeyRing& ring,
                                    std::chrono::milliseconds lock_patience);

    const std::string& tenant() const { return tenant_; }
    const TenantKeys& keys() const { return keys_; }
    const Mark& mark() const { return mark_; }
    // What toRead() found missing, "" if nothing: then there is no more to ask of it.
    const std::string& missing() const { return missing_; }

    Result<Head> head() const;
    Result<void> writeHead(const Head& head, bool sync) const;
    Result<void> writeMark(const Mark& mark);

    const std::optional<File>& log() const { return log_; }  // nothing: it is not there
    Result<void> makeLog();
    File takeLog() { return std::move(*log_); }
    // Whether a file beside the log ends with the record the log ended with: it was moved away to be kept.
    Result<bool> isMovedAway(const Head& head) const;

    const std::string& folder() const { return folder_; }

private:
    LogPlace(std::string folder, std::string tenant) : folder_(std::move(folder)), tenant_(std::move(tenant)) {}
    static Result<LogPlace> marked(const std::string& folder, const std::string& tenant, const KeyRing& ring,
                                   std::chrono::milliseconds lock_patience);
    Result<void> readMark(const KeyRing& ring);
    Result<void> begin(const KeyRing& ring);
    Result<void> openKeys(const KeyRing& ring);
    Result<void> requireNothingWritten() const;
    std::string gone() const;

    std::string folder_;
    std::string tenant_;
    std::optional<File> mark_file_, log_, head_;
    bool marked_ = false;  // the mark has been written, once at least
    TenantKeys keys_;
    std::vector<Key> mark_keys_;
    Mark mark_;
    std::string missing_;
};

Error brokenLog(std::string_view path, std::string_view what);

}  // namespace howdah::multi_tenant
