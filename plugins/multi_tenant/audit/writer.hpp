// Brings records to disk off the shards: whoever has one waits until it is there. What comes meanwhile for the same
// tenant is written together, with one pass over its files; tenants do not wait for each other, however long the log of
// one is held.
//
// No record depends on a worker: when none can be had, or none has come to it within kPatience, whoever waits writes it
// on the spot. A tenant of which a record could not be written, or is not known to be, is refused (mayCall) and tried
// again with each of its calls. So is the first call of each tenant: what an instance before this one has left is not
// known. Calls without a record are counted on disk, or here as long as that cannot be written either.
//
// Threads: any; write() and mayCall() wait on the request's fiber, the files are touched on a worker, or on the spot.
// Owns:    the records that wait.
// Errors:  of the log; unavailable for a record that the disk has not taken in time.
#pragma once

#include <chrono>
#include <condition_variable>
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
    // How long a worker is waited for, how long then a disk that has the record under way: parked, and at the very end
    // holding the shard, which only a request that is over already comes to.
    static constexpr std::chrono::milliseconds kPatience{1000}, kDiskPatience{5000}, kHoldMax{250};
    // For a log that somebody else has locked, where a shard waits for it; a record is left to a worker then.
    static constexpr std::chrono::milliseconds kLockPatienceOnTheSpot{50};

    Writer(const Host& host, Jobs& jobs, std::shared_ptr<const AuditLog> log)
        : host_(host), jobs_(jobs), log_(std::move(log)) {}

    Result<void> write(const Context& context, const std::string& name, nlohmann::json body);
    // Nothing, or why this tenant's calls cannot be recorded at present. A call refused so counts as one without a
    // record.
    Result<void> mayCall(const Context& context, const std::string& name);
    // Asked once more before an answer that is still at hand leaves: whether the call that runs can be recorded, though
    // its log may be full by now.
    Result<void> mayAnswer(const Context& context, const std::string& name);

    struct Figures {
        std::uint64_t records = 0, batches = 0;
        std::uint64_t lost = 0;     // records that could not be written
        std::uint64_t refused = 0;  // calls that did not run because theirs could not have been
    };
    Figures figures() const;

private:
    struct Waiting {
        explicit Waiting(const Host& host) : written(host) {}
        Entry entry;
        Event written;
        std::optional<Result<void>> outcome;
        bool given_up = false;  // whoever waited has gone
    };
    using Batch = std::vector<std::shared_ptr<Waiting>>;
    struct Look {
        std::vector<std::shared_ptr<Event>> waiters;  // calls of the same tenant
        std::optional<Result<AuditLog::Readiness>> found;
    };
    struct Tenant {
        Batch queue;
        bool writing = false;         // somebody has a batch of it under way
        bool sound = false;           // the last thing that was done to its log succeeded
        std::uint64_t lost = 0;       // calls without a record that the mark on disk does not count
        std::uint64_t unsettled = 0;  // records under way for which nobody waits any more
        AuditLog::State state;        // of its files, as they were left
        std::shared_ptr<Look> look;   // somebody looks at its log
    };
    using Named = std::map<std::string, Tenant, std::less<>>::value_type;
    // What came of touching a log; after a failure also whether the calls without a record are counted already.
    template <typename T>
    struct Attempt {
        Result<T> done;
        bool counted = false;
    };

    // Whether the log is still as it was left: asks the system four times and waits for nothing.
    bool isAsLeft(const std::string& name);
    void writeOf(std::unique_lock<std::mutex>& lock, Named& named, std::chrono::milliseconds lock_patience);
    void drain(std::unique_lock<std::mutex>& lock, Named& named, std::chrono::milliseconds lock_patience);
    bool leaveToWorker(std::unique_lock<std::mutex>& lock, Named& named, const Batch& batch);
    Attempt<AuditLog::State> append(const std::string& name, const Batch& batch, std::uint64_t lost,
                                    std::chrono::milliseconds lock_patience) const;
    void awaitOnTheSpot(const Context& context, Named& tenant, Waiting& waiting);
    Attempt<AuditLog::Readiness> lookTogether(const Context& context, const std::string& name, bool count);
    Attempt<AuditLog::Readiness> lookAtLog(const Context& context, const std::string& name, bool count);
    bool countHere(const std::string& name);  // where the disk cannot; true
    Result<void> refuse(Tenant& tenant, const Error& why);
    Named& named(const std::string& name) { return *tenants_.try_emplace(name).first; }

    const Host& host_;
    Jobs& jobs_;
    const std::shared_ptr<const AuditLog> log_;
    mutable std::mutex mutex_;
    std::condition_variable settled_;
    std::map<std::string, Tenant, std::less<>> tenants_;  // entries stay: a reference outlives the lock
    Figures figures_;
};

// The time as records have it: UTC, to the millisecond.
std::string timeText();

}  // namespace howdah::multi_tenant
