// The connections to one database: how many, who may have one next, and whether the server can be reached at all.
//
// Idle connections are used last in, first out, those of the caller's shard first; who finds none, or has his share,
// waits in line and is handed the next one directly. A keeper task of its own closes what is old, keeps the minimum
// ready, probes while the breaker is open, and names who holds a connection for too long.
//
// Threads: any; one mutex, never held across a host call or a call of libpq that could wait.
// Owns:    every idle connection; leased ones are owned by their Lease.
// Errors:  timeout if none is free in time, unavailable if the server cannot be reached, the line is full, or the
//          request would be over before its turn.
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include <howdah/abi/sql.h>

#include "breaker.hpp"
#include "budget.hpp"
#include "connector.hpp"
#include "freshness.hpp"
#include "retry.hpp"
#include "silence.hpp"
#include "wait_line.hpp"

namespace howdah::pool {

struct DatabaseSource {
    std::string name;
    std::string access;  // "restricted" or "read_write"
    std::string dsn;     // empty with a source: asked for at each connect
    const howdah_source_v1* source = nullptr;
    void* source_self = nullptr;
};

// Who wants a connection; borrowed for the call.
struct Caller {
    std::string_view tenant;
    std::string_view subject;
    std::string_view plugin;
    std::string_view tool;
};

// Somebody who has a connection, from the moment it is his until it is back, settled or closed.
struct Holder {
    Principal* principal = nullptr;
    std::uint64_t since_ns = 0;
    std::string plugin;
    std::string tool;
    bool named = false;  // in the log, as holding it for too long
    std::list<Holder>::iterator place;
};

class Database;

// The right to use one connection. Without giveBack() the connection is closed when the lease ends.
class Lease {
public:
    Lease() = default;
    Lease(std::shared_ptr<Database> database, std::unique_ptr<Connection> connection, Holder* holder)
        : database_(std::move(database)), connection_(std::move(connection)), holder_(holder) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { close(); }

    Connection* operator->() const { return connection_.get(); }
    explicit operator bool() const { return connection_ != nullptr; }

    void giveBack();                            // it is idle; if it needs a reset, that comes first
    void close();                               // it is not fit for the next one
    void lost(std::string_view sqlstate = {});  // the same: the server has ended it, and may have said why
    void settleInBackground(bool cancel);       // it still runs something: end that, then give it back or close it
    // Its server takes no writes: none of its connections is used again.
    void leaveServer();

private:
    std::shared_ptr<Database> database_;
    std::unique_ptr<Connection> connection_;
    Holder* holder_ = nullptr;
};

// A write has met a server that takes none: nothing was done, so it is tried where it can be.
void onStandby(Lease& lease, Failure& failure);

class Database : public std::enable_shared_from_this<Database>, private Budget::Member {
public:
    Database(const Host& host, Jobs& jobs, const Config& config, DatabaseSource source);
    ~Database() override;

    // May connect, may wait in line. What has failed has not been sent.
    std::variant<Lease, Failure> lease(const Context& context, Care care, const Caller& caller);

    // Ends: nothing is leased after it, waiters are refused, idle connections are closed. [control]
    void stop();

    // The end of a lease; without a connection, or with one that is not fit, only the place is free again.
    void returned(std::unique_ptr<Connection> connection, Holder* holder, bool fit = true);
    void settle(std::unique_ptr<Connection> connection, Holder* holder, bool cancel);
    // A connection in use was ended by the server.
    void noteLost(const std::string& server, std::string_view sqlstate);
    // Closes the idle connections that lead to that server.
    void dropServer(const std::string& server);
    void noteRetry() { ++retries_; }

    struct LongHold {
        std::string owner;
        std::uint64_t held_ms = 0;
    };
    struct Figures {
        std::uint32_t open = 0, idle = 0, waiting = 0, connecting = 0;
        std::string breaker;
        std::string last_error;  // empty while all is well
        std::uint64_t last_error_ago_ms = 0;
        std::string pooler;                    // as the last connection found it
        std::vector<std::string> hosts;        // of the connection string; paths of sockets too
        std::int64_t certificate_until_s = 0;  // of the server the last connection went to; 0 = no TLS
        std::vector<LongHold> leaks;           // held for longer than pool.leak_alarm_ms, now
        // Since the start.
        std::uint64_t connects = 0, connect_failures = 0, lost = 0, retries = 0, cancels = 0, cancels_lost = 0;
        std::uint64_t leak_alarms = 0, refused_full = 0, refused_late = 0, breaker_openings = 0;
    };
    Figures figures() const;

    const std::string& name() const { return source_.name; }
    const std::string& access() const { return source_.access; }
    const Config& config() const { return config_; }
    const Host& host() const { return host_; }
    RetryBudget& retryBudget() { return retry_budget_; }
    double jitter();  // 0..1
    // Whether a write asks for its transaction's id (commit_fate.hpp); not once the server has said that it cannot.
    bool namesTransactions() const { return names_transactions_.load(std::memory_order_relaxed); }
    void noTransactionNames() { names_transactions_.store(false, std::memory_order_relaxed); }
    std::string label() const;  // host:port/dbname as far as known
    Result<Dsn> resolveDsn(const Context& context) const;

private:
    struct Waiter {
        Waiter(const Host& host, const Caller& its_caller, std::uint32_t its_shard, std::uint64_t now_ns)
            : event(host), caller(its_caller), shard(its_shard), since_ns(now_ns) {}
        Event event;
        Principal* principal = nullptr;
        const Caller caller;  // borrowed from the fiber that waits
        const std::uint32_t shard;
        const std::uint64_t since_ns;
        Holder* holder = nullptr;
        std::unique_ptr<Connection> connection;
        bool may_connect = false;
        bool refused = false;
        bool gave_way = false;
        bool isServed() const { return connection || may_connect || refused || gave_way; }
    };
    class Keeper;
    class LastCancel;
    class Settler;

    struct Granted {
        std::unique_ptr<Connection> connection;
        Holder* holder = nullptr;
    };
    using Obtained = std::variant<Granted, Failure>;
    Obtained obtain(const Context& context, const Caller& caller);
    Obtained connect(const Context& context, Holder* holder);
    Obtained waitInLine(const Context& context, const std::shared_ptr<Waiter>& waiter);
    std::optional<Failure> refuseToWait(Principal& who, std::uint64_t now_ns, std::uint64_t deadline_ns,
                                        std::shared_ptr<Waiter>& gives_way);
    Failure refusal(std::uint64_t now_ns) const;
    Failure fullLine() const;
    std::unique_ptr<Connection> takeIdle(std::uint32_t shard);
    bool isUsable(const Context& context, Connection& connection, Care care) const;
    std::unique_ptr<Connection> accept(Made made, std::uint64_t begun_ns);
    void noteFailed(const ConnectFailure& failure);
    void noteCancelSent();
    void noteHeard();

    // Under the mutex.
    bool mayConnect() const;
    bool mayHoldMore(const Principal& who, std::uint64_t now_ns) const;
    bool othersMayReturn() const { return breaker_.wasAnswered() && !holders_.empty(); }
    Holder* hold(Principal* who, const Caller& caller, std::uint64_t now_ns);
    void letGo(Holder* holder, std::uint64_t now_ns);
    void serveLine(std::uint64_t now_ns, Budget::Served& served);
    void setStarving(bool starves);
    std::vector<std::unique_ptr<Connection>> takeIdleOf(const std::string* server);  // null: all

    void closeAll(std::vector<std::unique_ptr<Connection>> connections);  // their places are free then

    // Budget::Member
    std::unique_ptr<Connection> giveUpIdle() override;
    void serveWaiting(Budget::Served& served) override;

    void ensureKeeper();
    void keep(Context& context);  // the keeper's life
    void connectInBackground(const Context& context);
    void nameLongHolders(std::uint64_t now_ns);
    std::vector<std::unique_ptr<Connection>> takeOutdated(std::uint64_t now_ns);
    std::uint64_t nextDueNs(std::uint64_t now_ns) const;
    std::string ownerOf(const Holder& holder) const;

    const Host& host_;
    Jobs& jobs_;
    const Config config_;
    const DatabaseSource source_;
    RetryBudget retry_budget_;
    std::atomic<bool> names_transactions_{true};
    Event keeper_wakes_;
    std::shared_ptr<Budget> budget_;
    std::atomic<std::uint64_t> retries_{0}, cancels_{0}, cancels_lost_{0};
    std::atomic<std::uint32_t> cancels_under_way_{0};

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_;  // the most recently used last
    Principals principals_;
    WaitLine<Waiter> line_;
    std::list<Holder> holders_, unused_holders_;
    std::uint32_t open_ = 0;        // idle, leased, settling, being made
    std::uint32_t connecting_ = 0;  // of these, being made
    std::uint64_t mean_hold_ns_ = 0;
    std::uint64_t holds_ended_ = 0;
    bool starving_ = false;  // would connect, had the budget a place
    Breaker breaker_;
    Silence silence_;
    std::string label_;
    std::string last_error_;
    std::string last_hint_;  // what to do about it
    std::uint64_t last_error_ns_ = 0;
    std::string pooler_ = "not known yet";
    std::vector<std::string> hosts_;
    std::int64_t certificate_until_s_ = 0;
    Figures counts_;  // the part since the start
    bool keeper_runs_ = false;
    bool stopped_ = false;
    bool warned_stripped_ = false;
    std::minstd_rand random_;
};

}  // namespace howdah::pool
