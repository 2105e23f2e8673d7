// The catalog snapshot of one database, kept fresh while the database is used.
//
// A task reads the catalog when a statement first needs it, then asks every four seconds whether anything changed, and
// ends a minute after the last use. A statement uses what was verified in the last five seconds; else, after a change
// through Howdah, or after an error that says names have changed, it waits for the next answer. So an idle database is
// not asked, and a snapshot from before the pause is never used unseen.
//
// Threads: any, at once; the lock is never held across a host call.
// Owns:    the snapshot; who judges by it keeps it alive.
// Errors:  of the last try, for who waits; the snapshot before it is not used then. Whoever comes next has it tried
// anew.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/waiting.hpp>

#include "plugins/guard/resolver.hpp"
#include "plugins/guard/role.hpp"
#include "plugins/guard/snapshot.hpp"

namespace howdah::guard {

// What a statement is judged by.
struct CatalogView {
    std::shared_ptr<const Snapshot> snapshot;
    std::shared_ptr<const SchemaSet> path;
    std::uint64_t epoch = 0;    // never 0 for a view that there is; another epoch, another catalog
    std::uint64_t version = 0;  // another catalog or role, another version; the same after a restart
    bool privileged = false;    // the role passes every rule of the server behind the guard

    // Of a catalog that cannot be read.
    static CatalogView unread();

    std::uint64_t key() const { return path ? epoch * 0x9E3779B97F4A7C15u ^ path->hash() : 0; }
};

// Whether an error of view() may be another in a moment: of the connection, of a time limit or of what PostgreSQL has
// too little of just now. What is not, no trying again will mend.
bool isOfTheMoment(const Error& error);

class SnapshotKeeper {
public:
    static constexpr std::uint64_t kFreshNs = 5'000'000'000;
    static constexpr std::uint64_t kVerifyEveryNs = 4'000'000'000;
    static constexpr std::uint64_t kIdleNs = 60'000'000'000;
    static constexpr std::uint64_t kWaitNs = 5'000'000'000;

    SnapshotKeeper(const Host& host, std::string database, std::uint64_t token, const Policy& policy);

    // Waits if nothing fresh is there. `newer_than_ns`: verified later than that, whatever its age.
    Result<CatalogView> view(const Context& context, std::uint64_t newer_than_ns = 0);
    // The same where it is there already; else nothing, and it is being read for whoever comes next.
    CatalogView viewAtHand();
    // What is known may be outdated: the next view() waits until it has been verified.
    void invalidate();

    // As last seen, also where the catalog could not be read; none: it could not be asked.
    std::optional<SessionRole> role() const;

    // The task's body.
    void run(Context& context);
    void notRun();  // it will not

    // Reads the catalog of `database` in this context; for the keeper and for measurements.
    struct Loaded {
        CatalogView view;
        std::string transactions;
        std::string fingerprint;
    };
    static Result<Loaded> load(const Context& context, std::string_view database, const Policy& policy);

    const std::string& database() const { return database_; }
    struct Figures {
        std::uint64_t loads = 0, probes = 0, load_us = 0, probe_us = 0;
        std::size_t objects = 0, bytes = 0;
        std::string error;
    };
    Figures figures() const;

private:
    bool refresh(const Context& context);
    void settle(std::uint64_t asked_ns, std::optional<Error> error);
    bool isFresh(std::uint64_t now_ns, std::uint64_t newer_than_ns) const;
    bool isHopeless(std::uint64_t now_ns) const;

    const Host& host_;
    const std::string database_;
    const std::uint64_t token_;
    const Policy& policy_;
    Event wakes_;

    mutable std::mutex mutex_;
    bool running_ = false;
    std::uint64_t used_ns_ = 0;
    std::uint64_t verified_ns_ = 0;  // when the question was sent whose answer said so
    std::uint64_t invalid_ns_ = 0;
    std::uint64_t failed_ns_ = 0;
    std::optional<Error> error_;
    CatalogView view_;
    std::optional<SessionRole> role_;
    std::string transactions_, fingerprint_;
    std::vector<std::shared_ptr<Event>> waiters_;
    Figures figures_;
};

}  // namespace howdah::guard
