// Brings records to disk off the shards: whoever has one waits until it is there. What comes meanwhile is written
// together, one tenant's records with one pass over its files.
//
// A tenant whose records cannot be written is refused from then on (mayCall), and tried again with each of its calls:
// what is not recorded is not done. Records that were lost are counted in the next one.
//
// Threads: any; write() and mayCall() wait on the request's fiber, the files are touched on a worker.
// Owns:    the records that wait.
// Errors:  of the log; unavailable when no worker is free.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/jobs.hpp>

#include "plugins/multi_tenant/audit/log.hpp"

namespace howdah::multi_tenant {

class Writer {
public:
    Writer(const Host& host, Jobs& jobs, std::shared_ptr<const AuditLog> log)
        : host_(host), jobs_(jobs), log_(std::move(log)) {}

    Result<void> write(const Context& context, const std::string& tenant, nlohmann::json body);
    // Nothing, or why this tenant's calls cannot be recorded at present.
    Result<void> mayCall(const Context& context, const std::string& tenant);

    struct Figures {
        std::uint64_t records = 0, batches = 0, lost = 0;
    };
    Figures figures() const;

private:
    struct Waiting {
        explicit Waiting(const Host& host) : written(host) {}
        std::string tenant;
        Entry entry;
        Event written;
        std::mutex mutex;
        std::optional<Result<void>> outcome;
    };
    using Batch = std::vector<std::shared_ptr<Waiting>>;

    Result<void> wait(const Context& context, std::shared_ptr<Waiting> waiting);
    void drain();
    void settle(const Batch& batch, const Result<void>& outcome);

    const Host& host_;
    Jobs& jobs_;
    const std::shared_ptr<const AuditLog> log_;
    mutable std::mutex mutex_;
    bool draining_ = false;
    Batch queue_;
    std::map<std::string, std::uint64_t> lost_;  // of the tenants whose last record was not written
    Figures figures_;
};

// The time as records have it: UTC, to the millisecond.
std::string timeText();

}  // namespace howdah::multi_tenant
