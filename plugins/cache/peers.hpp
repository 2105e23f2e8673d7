// Other instances of the server that remember answers of the same databases: a write through one is not answered before
// none of the others would give out what it has changed.
//
// Through howdah.kv/1 they share a counter of writes, a log of what each reaches, and a list of members:
//   - A writer takes the next number, puts its reach into the log, tells the channel, and only then is its statement
//     sent. Its answer waits until each member has acknowledged it, or lease_ms after the log had it.
//   - A member gives out answers only under a lease: lease_ms from before it last asked for the counter and took in all
//     of the log up to it. So a message that is lost, a member that sleeps and a store that is gone cost time, not
//     truth.
//   - Who joins (again) forgets everything, puts itself on the list, waits for lease_ms and reads the log backwards
//     before its first lease: whoever has written by an older list is done by then.
// Between a write's message and that of its end nothing is kept of what it reaches; without the second for
// unsettled_ns.
//
// Threads: any; the mutex is not held across a host call. Two tasks listen, one at a time looks at the store.
// Owns:    what it knows of the others; marks in the ledger for their writes, given back when the tasks end.
// Errors:  announce(): unavailable where the others cannot be told: then the write must not be sent. settle(): timeout
//          where it is not known that all have heard, and whoever wrote must know that. Nothing else is heard by a
//          caller. What comes from the store is checked; what makes no sense counts as everything changed.
// Source:  docs/adr/0031; the argument with clocks is that of leases: Gray and Cheriton, SOSP 1989.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/jobs.hpp>
#include <howdah/kv.hpp>

#include "plugins/cache/chronicle.hpp"
#include "plugins/cache/config.hpp"
#include "plugins/cache/databases.hpp"
#include "plugins/cache/ledger.hpp"
#include "plugins/cache/peer_message.hpp"

namespace howdah::cache {

inline Ledger::Reach reachOf(const WriteMessage& write) {
    return (write.flags & WriteMessage::kWhole) ? Ledger::Reach::database : Ledger::Reach::relations;
}

class Peers {
public:
    static constexpr std::uint64_t kReplayMax =
        1'024;  // writes looked at again; more, and all is held for unsettled_ns

    static constexpr std::size_t kForeignMax = 4'096;  // writes of others under way; more, and all is begun anew

    Peers(const Host& host, Jobs& jobs, const Config& config, Ledger& ledger, Databases& databases, Kv kv);
    ~Peers();

    // In start(): spawns the tasks.
    Result<void> begin();

    // Whether an answer may come from what is remembered here.
    bool mayServe(std::uint64_t now_ns) const { return now_ns < lease_until_ns_.load(std::memory_order_acquire); }

    // A write that others were told of, until its answer.
    class Announced {
    public:
        explicit Announced(const Host& host) : all_(host) {}

    private:
        friend class Peers;
        Event all_;  // have acknowledged it
        std::uint64_t number_ = 0;
        std::uint64_t begun_ns_ = 0;
        std::uint64_t due_ns_ = 0;  // by then nobody has a lease that does not know of it
        WriteMessage message_;
        std::string store_;  // the name of the one it lies in
    };
    using AnnouncedPtr = std::shared_ptr<Announced>;
    // May wait. Null: nobody could be told, and the operator wants writes all the same.
    Result<AnnouncedPtr> announce(const Context& context, WriteMessage write);
    // May wait, for somewhat more than lease_ms at most: before the write is answered. An error where the time of the
    // request, or of the hook, ends sooner: then others may still give out what was before.
    // `grown`: it may have reached any row of its database.
    Result<void> settle(const Context& context, const AnnouncedPtr& write, bool settled, bool grown = false);
    // Its end is known, or never will be.
    void finish(const AnnouncedPtr& write, bool settled);

    // Where a read stands among the writes of all: it was begun when all writes up to that number were taken in here,
    // and after that tick had been given out. Only with cache.shared.answers.
    struct Position {
        std::string store;  // the name of the one that numbers and ticks are from
        std::uint64_t number = 0, tick = 0;
    };
    // Of a read that notes its epochs after this. Nothing: this instance does not know yet.
    std::optional<Position> position() const;
    // Of what another instance has read there: at the latest since when (bootNs) it may be old. Nothing: it was written
    // since, or that is not known here. What is written from now on moves epochs after it has been noted here.
    std::optional<std::uint64_t> isGoodSince(const Position& position, std::span<const Footing> footings) const;

    struct Figures {
        std::string state;  // member, joining (will be), alone (there is trouble); only a member gives out from memory
        std::size_t members = 0;
        std::uint64_t announced = 0, acknowledged = 0, waited_out = 0, cut_short = 0, refused = 0, heard = 0,
                      joined = 0;
        std::string trouble;
    };
    Figures figures() const;

private:
    // Of somebody else's write: what it reaches is not kept until it has ended.
    struct Foreign {
        WriteMessage write;
        std::uint64_t since_ns = 0;
    };

    using Running = std::shared_ptr<std::atomic<bool>>;  // outlives this, as a task may that is dropped

    std::string key(std::string_view what) const { return concat(prefix_, what); }
    std::string logKey(std::uint64_t number) const { return concat(prefix_, "log/", number); }
    std::string channelOf(std::string_view instance) const { return concat(prefix_, "to/", instance); }

    // How long an entry is of use to who joins.
    std::uint64_t logMs() const { return (config_.unsettled_ns + 4 * config_.shared.lease_ns) / kMs; }

    Result<void> tell(const Context& context, WriteMessage write, AnnouncedPtr& announced);
    std::string expect(const AnnouncedPtr& write);
    bool hasHeard(std::uint64_t number, const std::string& member);
    void forget(const Announced& write);
    bool await(const Context& context, Announced& write);
    Result<bool> liesIn(const Context& context, const std::string& store);
    Result<bool> mustBeToldAgain(const Context& context, const Announced& write);
    void hear(const Context& context);         // a task: what is told to all
    void hearAnswers(const Context& context);  // a task: what is told to this one
    void leave(const Context& context);
    void spawnAlone(const Running& running, void (Peers::*task)(const Context&));
    void lookSoon() { spawnAlone(looking_, &Peers::look); }
    void look(const Context& context);  // a task that ends, one at a time
    Result<void> renew(const Context& context);
    Result<void> join(const Context& context, std::uint64_t counted, std::string store);
    Result<void> rehearse(const Context& context);
    Result<void> fillHoles(const Context& context);
    Result<void> askForEnds(const Context& context);
    Result<std::vector<std::string>> readMembers(const Context& context);
    void noteMembers(std::vector<std::string> members, std::uint64_t read_ns);
    Result<std::vector<std::string>> living(const Context& context, std::vector<std::string> members);
    void retireTheDead(const Context& context);
    Result<std::string> storeName(const Context& context);
    Result<std::uint64_t> takeTick(const Context& context);
    void noteOwnWrite(const Announced& write);

    void take(const Context& context, std::string_view text);
    void begun(const Context& context, std::uint64_t number, WriteMessage write);
    void over(std::uint64_t number, bool settled);
    void holdEverything();
    void startAfresh();
    void leaseEnds(const Error& error);

    const Host& host_;
    Jobs& jobs_;
    const Config& config_;
    Ledger& ledger_;
    Databases& databases_;
    const Kv kv_;
    const std::string prefix_;
    const std::string self_;  // this instance of the plugin, whatever member it is
    std::atomic<std::uint64_t> lease_until_ns_{0};
    const Running looking_ = std::make_shared<std::atomic<bool>>(false);
    const Running retiring_ = std::make_shared<std::atomic<bool>>(false);
    std::atomic<std::uint64_t> announced_{0}, acknowledged_{0}, waited_out_{0}, cut_short_{0}, refused_{0}, heard_{0},
        joined_{0};

    mutable std::mutex mutex_;
    std::string member_;      // empty: not on the list
    std::string store_;       // the name of what the counter lies in
    bool rehearsed_ = false;  // the log was read since it is a member
    bool has_left_ = false;
    std::uint64_t joined_ns_ = 0, joined_at_ = 0;
    std::uint64_t incarnation_ = 0;
    static constexpr std::uint64_t kNothing = UINT64_MAX;
    std::uint64_t known_ = kNothing;                // of the counter: all up to it was taken in, or is a hole
    std::map<std::uint64_t, std::uint64_t> holes_;  // since when they are seen
    std::map<std::uint64_t, Foreign> foreign_;
    std::vector<std::string> members_;
    std::uint64_t members_read_ns_ = 0;
    struct Awaited {
        std::weak_ptr<Announced> write;
        std::set<std::string> members;
    };
    std::map<std::uint64_t, Awaited> awaited_;
    std::string trouble_;
    std::optional<Chronicle> chronicle_;  // none: answers are not shared
};

}  // namespace howdah::cache
