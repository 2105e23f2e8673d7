// Calls at once over several instances, through howdah.kv/1. Time is cut into terms, and each limit has one counter for
// each term: of the calls that are open in it. A call adds itself and is admitted when the count is not above the limit
// then; when it ends it takes itself off. The counter of the next term is kept besides from three seconds before that
// begins, by which time every instance has carried over what it still has open. So whoever looks at a counter that is
// in force finds every open call in it, and of parallel calls the first ones get exactly the limit.
//
// What an instance that died had open is carried over by nobody: it is free when the last term it stands in is over,
// nine seconds after the death at most. For the same reason nothing that is lost on the way lasts longer than that. A
// counter that never ends could not tell whose counts are left of whom, and one whose time to live begins anew with
// each use (add_leased) would not run out while others use it: docs/adr/0035.
//
// Exact while clocks differ by less than two seconds, and every instance gets to settle() and has its answer within
// three. Otherwise an instance's open calls may be missing for a while, and as many more admitted.
//
// Threads: any; a short lock that is not held while kv is asked.
// Owns:    nothing: what this process has open is the books', so that a reload loses none of it.
// Errors:  those of kv when the shared count cannot be asked.
#pragma once

#include <array>
#include <chrono>
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

class Slots {
public:
    static constexpr std::int64_t kTerm_ns = 6 * kSecond_ns;
    static constexpr std::int64_t kAhead_ns = 3 * kSecond_ns;  // before its term, a counter is kept
    static constexpr std::chrono::milliseconds kSettleEvery{500};

    class Open;
    Slots(const Sharing& sharing, Kv kv, Open& open) : sharing_(sharing), kv_(kv), open_(open) {}

    // One of each limit of calls at once; or says which one has none, and takes none.
    Result<std::optional<Exceeded>> take(const Context& context, const AppliedLimits& limits, std::int64_t now_ns);
    // A call that goes on without having been counted: it is, as soon as that can be done.
    void hold(const AppliedLimits& limits, std::int64_t now_ns);
    // Of a call that was taken or held for. False: settle() is to tell the others, which this context cannot, or not
    // any more.
    bool giveBack(const Context& context, const AppliedLimits& limits, std::int64_t now_ns);
    // To be called each kSettleEvery: carries over what is open, and takes off what could not be when it ended.
    void settle(const Context& context, std::int64_t now_ns);

    // How many all instances have open, as it was recheck_ms ago or later; `own` where that cannot be asked.
    std::uint32_t count(const Context& context, const Key& key, std::uint32_t own, std::int64_t now_ns);

private:
    struct Told {
        std::int64_t term = 0;
        std::int64_t calls = 0;  // of this process, as the counter of the term has it
    };
    struct Entry {
        std::int64_t held = 0;           // calls of this process
        std::array<Told, 4> told;        // terms that are near each other never share a place
        std::int64_t used_ns = 0;        // when somebody was here last
        std::int64_t look_again_ns = 0;  // all were taken: nobody asks before
        std::int64_t seen = 0;           // the count as it was last, for who looks
        std::int64_t seen_ns = 0;

        std::int64_t& toldOf(std::int64_t term) {
            Told& place = told[static_cast<std::size_t>(term) % told.size()];
            if (place.term != term) place = {term, 0};
            return place.calls;
        }
    };
    // The counters that are kept at a time, from first to last.
    struct Terms {
        explicit Terms(std::int64_t now_ns) : first(now_ns / kTerm_ns), last((now_ns + kAhead_ns) / kTerm_ns) {}
        std::int64_t first, last;
    };

    Result<std::optional<Exceeded>> takeOne(const Context& context, const Applied& applied, std::int64_t now_ns);
    bool giveBackOne(const Context& context, const Key& key, std::int64_t now_ns);
    Result<void> settleOne(const Context& context, const std::string& name, std::int64_t now_ns);
    Result<std::int64_t> add(const Context& context, const std::string& name, std::int64_t term,
                             std::int64_t calls) const;

    const Sharing sharing_;
    const Kv kv_;
    Open& open_;
};

// What this process has open, by limit.
class Slots::Open {
public:
    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return entries_.size();
    }

private:
    friend class Slots;
    Entry& of(const std::string& name, std::int64_t now_ns) {  // under the lock
        Entry& entry = entries_[name];
        entry.used_ns = now_ns;
        return entry;
    }

    mutable std::mutex mutex_;
    std::unordered_map<std::string, Entry> entries_;
};

}  // namespace howdah::rate_limit
