// Who has used how much: every meter, and every call between its two hooks. All limits of a call are judged and taken
// at once, so that parallel calls never get more than the limit, and one that is refused takes nothing.
//
// Rows and bytes are reserved when a query begins and settled when it ends. Which of several open queries of one call
// has ended is not known here and need not be: the smallest reservation is settled first, so that what stays reserved
// is never too little, and the sum is right when the last one has ended.
//
// Threads: any; one short lock, which is held while nothing else is called.
// Owns:    the meters; a call's pointers into them and into the limits it was admitted by until end().
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/rate_limit/limits.hpp"
#include "plugins/rate_limit/meter.hpp"

namespace howdah::rate_limit {

// A limit that applies to a call, and whose count it is. The limits must live until the call ends.
struct Applied {
    Key key;
    const Limits* limits = nullptr;
};
// The first `count` of them.
struct AppliedLimits {
    std::array<Applied, 4> items;
    std::size_t count = 0;

    void add(const Key& key, const Limits& limits) {
        if (!limits.empty()) items[count++] = {key, &limits};
    }
    const Applied* begin() const { return items.data(); }
    const Applied* end() const { return items.data() + count; }
};

// Why a call or a query is refused.
struct Exceeded {
    Scope scope = Scope::principal;
    std::string part;          // the tool's or the client's name
    std::string owner;         // the principal or the tenant
    std::optional<Rate> rate;  // else calls at once
    double limit = 0;
    double used = 0;
    double asked = 1;
    std::int64_t now_ns = 0;
    std::int64_t room_at_ns = 0;  // when it can be tried again; kNever = it never can
    bool too_many_keys = false;   // there is no room for one more meter
};

// Fewer hold no row worth sending a statement for.
inline constexpr double kQueryBytesMin = 1024;

struct Amounts {
    double rows = 0;
    double bytes = 0;
};

class Ledger {
public:
    explicit Ledger(std::size_t keys_max = 100'000) : keys_max_(keys_max) {}

    void setKeysMax(std::size_t keys_max);

    // --- a call
    std::optional<Exceeded> admit(std::uint64_t call_id, const AppliedLimits& limits, std::int64_t now_ns);
    void end(std::uint64_t call_id);
    // As end(), and the call is not counted.
    void takeBack(std::uint64_t call_id, std::int64_t now_ns);

    // --- its queries
    // Lowers what is asked to what is left and reserves it; 0 of what no limit of the call counts.
    std::optional<Exceeded> reserve(std::uint64_t call_id, Amounts& wanted, std::int64_t now_ns);
    // What the shared count gave for a reservation made just now: it becomes that. 0 = nothing was drawn.
    void drawn(std::uint64_t call_id, const Amounts& reserved, const Amounts& drawn, std::int64_t now_ns);
    // What was drawn and not used; less than nothing when more was used.
    struct Settled {
        Amounts unused;
        std::int64_t reserved_ns = 0;
    };
    std::optional<Settled> settle(std::uint64_t call_id, const Amounts& used, std::int64_t now_ns);
    // All of it at once.
    std::optional<Exceeded> spend(std::uint64_t call_id, Measure measure, double amount, std::int64_t now_ns);
    // Of what was spent at `at_ns`, as the shared count did not grant it.
    void unspend(std::uint64_t call_id, Measure measure, double amount, std::int64_t at_ns, std::int64_t now_ns);
    // The limits an open call was admitted by; their texts stay until it ends.
    AppliedLimits limitsOf(std::uint64_t call_id) const;
    // Rows that went out before the end of a query; settle() counts them besides.
    void streamed(std::uint64_t call_id, const Amounts& passed);

    // --- for who asks
    struct Left {
        double used = 0;
        double left = 0;
        std::int64_t resets_ns = 0;  // when nothing of it is used any more
    };
    // Of each rate of the limits, in their order, then how many calls are open.
    struct Standing {
        std::vector<Left> rates;
        std::uint32_t open = 0;
    };
    Standing standing(const Applied& applied, std::int64_t now_ns) const;

    struct Totals {
        std::uint64_t admitted = 0;
        std::array<std::uint64_t, kMeasures> refused{};
        std::uint64_t refused_concurrency = 0;
        std::uint64_t refused_keys = 0;
        std::array<double, kMeasures> overshoot{};  // used beyond what was reserved
        std::size_t meters = 0;
        std::size_t open_calls = 0;
    };
    Totals totals() const;

    // --- what outlives the process: the windows of hours and days
    struct Line {
        Scope scope;
        std::string tenant, subject, part;
        Measure measure;
        Period period;
        std::int64_t since_ns;
        double used;
    };
    // Of some meters at a time, so that no call waits long for the lock. `from` is where to go on; false at the end.
    bool lines(std::size_t& from, std::int64_t now_ns, std::vector<Line>& out) const;
    void restore(const std::vector<Line>& lines, std::int64_t now_ns);
    // True when something has been counted since the last time it was asked; setChanged() takes the answer back.
    bool takeChanged();
    void setChanged();

private:
    struct Ticket {
        Meter* meter = nullptr;
        const Limits* limits = nullptr;
    };
    struct Reservation {
        double amount = 0;
        std::int64_t at_ns = 0;
        bool drawn = false;  // from the shared count, too
    };
    struct OpenCall {
        std::array<Ticket, 4> tickets;
        std::size_t count = 0;
        std::int64_t at_ns = 0;
        std::vector<Reservation> rows;  // of its open queries
        std::vector<Reservation> bytes;
        Amounts streamed;
    };

    using Calls = std::unordered_map<std::uint64_t, OpenCall>;

    std::optional<Exceeded> enter(OpenCall& call, const AppliedLimits& limits, std::int64_t now_ns);
    static void letGo(const OpenCall& call);
    Meter* findOrMake(const Key& key, std::int64_t now_ns);
    bool makeRoom(std::int64_t now_ns);
    Exceeded refuse(const Ticket& ticket, const Rate* rate, double asked, std::int64_t now_ns);
    Exceeded noRoomFor(const Key& key, std::int64_t now_ns);
    std::optional<Exceeded> judge(const OpenCall& call, Measure measure, double amount, std::int64_t now_ns);
    std::optional<Exceeded> lowerToRoom(const OpenCall& call, Measure measure, double least, double& wanted,
                                        std::int64_t now_ns);
    void take(const OpenCall& call, Measure measure, double amount);
    void correct(const OpenCall& call, Measure measure, double amount, std::int64_t at_ns, std::int64_t now_ns);
    Reservation settleSmallest(const OpenCall& call, Measure measure, std::vector<Reservation>& reserved, double used,
                               std::int64_t now_ns);

    mutable std::mutex mutex_;
    std::size_t keys_max_;
    std::deque<std::optional<Meter>> meters_;  // each stays in its place; a place that is free is used again
    std::vector<std::size_t> free_;
    std::unordered_map<Key, Meter*, KeyHash> index_;  // the keys' texts are the meters'
    Calls calls_;
    std::int64_t room_looked_ns_ = 0;
    bool changed_ = false;
    Totals totals_;
};

}  // namespace howdah::rate_limit
