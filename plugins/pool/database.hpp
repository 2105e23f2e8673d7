// The connections to one database: how many, who may have one next, and whether the server can be reached at all.
//
// Idle connections are used last in, first out, those of the caller's shard first; who finds none waits in line and is
// handed the next one directly. A keeper task of its own closes what is old, keeps the minimum ready, and probes while
// the breaker is open.
//
// Threads: any; one mutex, never held across a host call or a call of libpq that could wait.
// Owns:    every idle connection; leased ones are owned by their Lease.
// Errors:  timeout if none is free in time, unavailable if the server cannot be reached or the line is full.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include <howdah/abi/sql.h>

#include "breaker.hpp"
#include "connector.hpp"
#include "retry.hpp"

namespace howdah::pool {

struct DatabaseSource {
    std::string name;
    std::string access;  // "restricted" or "read_write"
    std::string dsn;     // empty with a source: asked for at each connect
    const howdah_source_v1* source = nullptr;
    void* source_self = nullptr;
};

class Database;

// The right to use one connection. Without giveBack() the connection is closed when the lease ends.
class Lease {
public:
    Lease() = default;
    Lease(std::shared_ptr<Database> database, std::unique_ptr<Connection> connection)
        : database_(std::move(database)), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { close(); }

    Connection* operator->() const { return connection_.get(); }
    explicit operator bool() const { return connection_ != nullptr; }

    void giveBack();                       // it is idle; if it needs a reset, that comes first
    void close();                          // it is not fit for the next one
    void settleInBackground(bool cancel);  // it still runs something: end that, then give it back or close it

private:
    std::shared_ptr<Database> database_;
    std::unique_ptr<Connection> connection_;
};

// How sure a caller must be that a connection lives: what is repeatable is tried again when it does not, so one used
// within the last second is taken without a look. What was tried already asks the server, whatever it costs: a backend
// that was told to end (pg_terminate_backend) looks alive until it gets to run.
enum class Care : std::uint8_t { repeatable, once, tried };

class Database : public std::enable_shared_from_this<Database> {
public:
    Database(const Host& host, Jobs& jobs, const Config& config, DatabaseSource source);

    // May connect, may wait in line. What has failed has not been sent.
    std::variant<Lease, Failure> lease(const Context& context, Care care);

    // Ends: nothing is leased after it, waiters are refused, idle connections are closed. [control]
    void stop();

    // The end of a lease; a null connection only frees its place.
    void returned(std::unique_ptr<Connection> connection);
    void settle(std::unique_ptr<Connection> connection, bool cancel);

    struct Figures {
        std::uint32_t open = 0, idle = 0, waiting = 0;
        bool breaker_open = false;
        std::string last_error;
    };
    Figures figures() const;

    const std::string& name() const { return source_.name; }
    const std::string& access() const { return source_.access; }
    const Config& config() const { return config_; }
    const Host& host() const { return host_; }
    RetryBudget& retryBudget() { return retry_budget_; }
    double jitter();            // 0..1
    std::string label() const;  // host:port/dbname as far as known
    Result<Dsn> resolveDsn(const Context& context) const;

private:
    struct Waiter {
        Waiter(const Host& host, std::uint32_t its_shard, std::uint64_t now_ns)
            : event(host), shard(its_shard), since_ns(now_ns) {}
        Event event;
        const std::uint32_t shard;
        const std::uint64_t since_ns;
        std::unique_ptr<Connection> connection;
        bool may_connect = false;
        bool refused = false;
        bool isServed() const { return connection || may_connect || refused; }
    };
    class Keeper;
    class Settler;

    using Obtained = std::variant<std::unique_ptr<Connection>, Failure>;
    Obtained obtain(const Context& context);
    Obtained connect(const Context& context);
    Obtained waitInLine(const Context& context, const std::shared_ptr<Waiter>& waiter);
    Failure refusal(std::uint64_t now_ns) const;
    std::unique_ptr<Connection> takeIdle(std::uint32_t shard);
    bool isUsable(const Context& context, Connection& connection, Care care) const;
    std::unique_ptr<Connection> accept(PgPtr pg, Pooler pooler);
    void noteFailed(const ConnectFailure& failure);
    void ensureKeeper();
    void keep(Context& context);  // the keeper's life
    void connectInBackground(const Context& context);
    std::vector<std::unique_ptr<Connection>> takeOutdated(std::uint64_t now_ns);
    std::uint64_t nextDueNs(std::uint64_t now_ns) const;

    const Host& host_;
    Jobs& jobs_;
    const Config config_;
    const DatabaseSource source_;
    RetryBudget retry_budget_;
    Event keeper_wakes_;

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_;  // the most recently used last
    std::deque<std::shared_ptr<Waiter>> waiters_;
    std::uint32_t open_ = 0;  // idle, leased, settling, being made
    Breaker breaker_;
    std::string label_;
    std::string last_error_;
    std::string last_hint_;  // what to do about it
    bool keeper_runs_ = false;
    bool stopped_ = false;
    bool warned_stripped_ = false;
    std::minstd_rand random_;
};

}  // namespace howdah::pool
