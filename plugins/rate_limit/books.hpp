// The ledger of this process with its file, and what is held of shared counts. Instances that follow each other on a
// reload, and both serve for a while, share one: so a call that began before the reload still counts, nobody gets a
// fresh quota by it, and no lease is lost.
//
// Threads: any; save() on one that may block.
// Owns:    the ledger, the holdings and what is open, for as long as an instance has them.
// Errors:  a save that fails is tried again with the next one; until then trouble() says why.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include <howdah/result.hpp>

#include "plugins/rate_limit/leases.hpp"
#include "plugins/rate_limit/ledger.hpp"
#include "plugins/rate_limit/slots.hpp"

namespace howdah::rate_limit {

class Books {
public:
    // Those of a state folder. `note` tells what is damaged in the file: counting then begins anew. A file that cannot
    // be read may be a good one, so that is an error.
    static Result<std::shared_ptr<Books>> of(const std::string& folder, std::string& note);

    explicit Books(std::string file) : file_(std::move(file)) {}

    Ledger& ledger() { return ledger_; }
    Leases::Holdings& holdings() { return holdings_; }
    Slots::Open& slots() { return slots_; }

    // Writes what has been counted since the last time it was written.
    Result<void> save();
    // Of the last save; empty = it went well.
    std::string trouble() const;

    // One save at a time, whichever instance wants it: on a disk that hangs each would keep a worker. False while
    // another has begun.
    bool beginSave() { return !saving_.exchange(true); }
    void endSave() { saving_ = false; }

private:
    Ledger ledger_;
    Leases::Holdings holdings_;
    Slots::Open slots_;
    std::mutex file_mutex_;  // held while it is written
    const std::string file_;
    std::atomic<bool> saving_{false};
    mutable std::mutex trouble_mutex_;
    std::string trouble_;
};

std::int64_t unixNowNs();

}  // namespace howdah::rate_limit
