// The ledger of this process with its file. Instances that follow each other on a reload, and both serve for a while,
// share one: so a call that began before the reload still counts, and nobody gets a fresh quota by it.
//
// Threads: any; save() on one that may block.
// Owns:    the ledger, for as long as an instance has it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <howdah/result.hpp>

#include "plugins/rate_limit/ledger.hpp"

namespace howdah::rate_limit {

class Books {
public:
    // Those of a state folder. `note` tells what was wrong with the file: counting then begins anew.
    static std::shared_ptr<Books> of(const std::string& folder, std::string& note);

    explicit Books(std::string file) : file_(std::move(file)) {}

    Ledger& ledger() { return ledger_; }
    Result<void> save();

private:
    Ledger ledger_;
    std::mutex file_mutex_;
    const std::string file_;
};

std::int64_t unixNow_ns();

}  // namespace howdah::rate_limit
