// Limits that several instances share, through howdah.kv/1. For each limit and window there is one counter of what has
// been granted so far. An instance takes a lease of it: it adds what it wants, keeps what lies below the limit, and
// takes the rest back. So the sum that all instances have been granted in a window never exceeds the limit, whatever is
// lost or late on the way: an answer that never came, or an instance that died, costs grants and adds none.
//
// The other side of a lease: what one instance holds and does not use is refused by the others, until it gives it back
// or the window ends. That is at most lease_percent of the limit for each instance, and what its queries have reserved.
//
// A limit per second becomes a window of burst / second seconds here: kv has no bucket. Windows begin by each
// instance's clock.
//
// Threads: any; a short lock that is not held while kv is asked.
// Owns:    nothing: what this process holds is the books', so that a reload loses none of it.
// Errors:  those of kv when the shared count cannot be asked.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <howdah/host.hpp>
#include <howdah/kv.hpp>

#include "plugins/rate_limit/config.hpp"
#include "plugins/rate_limit/ledger.hpp"

namespace howdah::rate_limit {

class Leases {
public:
    class Holdings;
    Leases(const Sharing& sharing, Kv kv, Holdings& holdings) : sharing_(sharing), kv_(kv), holdings_(holdings) {}

    // Takes `amount` of each limit of that measure, or as much as there is, but at least `least`: else it says which
    // limit has less, and takes nothing. `amount` becomes what was taken.
    Result<std::optional<Exceeded>> draw(const Context& context, const AppliedLimits& limits, Measure measure,
                                         double least, double& amount, std::int64_t now_ns);
    // Of what was drawn at that time. What this instance does not need itself goes back to the others.
    void giveBack(const Context& context, const AppliedLimits& limits, Measure measure, double amount,
                  std::int64_t drawn_ns, std::int64_t now_ns);

    // Puts what all instances have used, as it was recheck_ms ago or later, in place of what this one has; as it is
    // where that cannot be asked.
    void show(const Context& context, const Applied& applied, Ledger::Standing& standing, std::int64_t now_ns);

private:
    struct Window {
        std::int64_t begin_ns = 0;
        std::int64_t length_ns = 0;
    };
    struct Held {
        std::int64_t window_ns = 0;      // its beginning
        std::int64_t ends_ns = 0;        // nothing of it is worth keeping after that
        double left = 0;                 // less than nothing when more went out than was drawn
        std::int64_t look_again_ns = 0;  // the shared count was used up: nobody asks before
        double count = 0;                // the shared count as it was seen last, for who looks
        std::int64_t counted_ns = 0;
        bool leasing = false;  // somebody is asking for more than he needs; others ask for what they need
    };
    // One limit of a draw on its way.
    struct Part {
        const Applied* applied = nullptr;
        const Rate* rate = nullptr;
        Window window;
        std::string name;  // of the shared count
        double taken = 0;
        double needs = 0;     // of the shared count, which is asked once for it
        bool leases = false;  // and for more than that
    };

    static Window windowOf(const Rate& rate, std::int64_t now_ns);
    static std::string nameOfLimit(const Key& key, const Rate& rate);
    std::vector<Part> partsOf(const AppliedLimits& limits, Measure measure, std::int64_t now_ns) const;
    void takeHeld(std::vector<Part>& parts, double amount, std::int64_t now_ns);
    static Exceeded exceededBy(const Part& part, double least, std::int64_t now_ns);
    Result<void> takeShared(const Context& context, Part& part, double amount, std::int64_t now_ns);
    void deposit(Part& part, double granted, double amount, std::int64_t now_ns);
    void putBack(const std::vector<Part>& parts, double kept, std::int64_t now_ns);
    Result<double> add(const Context& context, const Part& part, double amount) const;
    double leaseOf(const Rate& rate) const;

    const Sharing sharing_;
    const Kv kv_;
    Holdings& holdings_;
};

// What this process holds, by limit and how much it allows: what was granted under another limit is not drawn on.
class Leases::Holdings {
public:
    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return held_.size();
    }

private:
    friend class Leases;
    static constexpr std::size_t kBeforeSweep = 10'000;

    Held& of(const Part& part, std::int64_t now_ns);  // under the lock

    mutable std::mutex mutex_;
    std::unordered_map<std::string, Held> held_;
    std::size_t sweep_at_ = kBeforeSweep;
};

}  // namespace howdah::rate_limit
