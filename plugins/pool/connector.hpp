// Makes and cancels connections on a worker thread: DNS, TLS and SCRAM block or burn milliseconds. Each attempt has a
// hard deadline of its own, so a stuck one costs a worker slot, never a shard; how many are stuck at once is bounded by
// Database.
//
// Threads: the waiter's fiber and one worker share a ConnectJob, guarded by its mutex.
// Owns:    the new connection until it is fetched; if the waiter has gone, it goes to the receiver instead.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "cancel_request.hpp"
#include "connection.hpp"
#include "dsn.hpp"
#include "errors.hpp"
#include "jobs.hpp"

namespace howdah::pool {

struct ConnectOrder {
    std::string database;
    Dsn dsn;
    Pooler pooler = Pooler::none;           // automatic: found out
    milliseconds timeout{2000};             // for each host
    milliseconds statement_timeout{30000};  // these two are the session's defaults where it is ours
    milliseconds lock_timeout{5000};
    std::vector<std::shared_ptr<WatchedDescriptor>> closing;  // connections the server must have let go before
};

using Connected = std::variant<Made, ConnectFailure>;

// One statement that makes a session ours, kSessionSettings and more, and gives t if it is ours: behind a pooler the
// server's process is not the one the connection was told of, and nothing is set then.
const std::string& sessionSetup();
// pg is null where it is known to be ours.
Parameters sessionParameters(milliseconds statement_timeout, milliseconds lock_timeout, PGconn* pg);

// Blocks up to order.timeout for each host; is_stopping ends it early.
Connected connectBlocking(ConnectOrder order, const std::function<bool()>& is_stopping);

class ConnectJob final : public Job {
public:
    using Receiver = std::function<void(Connected)>;
    ConnectJob(ConnectOrder order, std::function<bool()> is_stopping, Receiver receiver)
        : order_(std::move(order)), is_stopping_(std::move(is_stopping)), receiver_(std::move(receiver)) {}

    void work() override { settle(connectBlocking(std::move(order_), is_stopping_)); }
    void drop() override;

    // By the waiter: what has come of it, or nothing if it still runs; then the receiver gets it when it is done.
    std::optional<Connected> fetchOrLeave();

private:
    void settle(Connected made);

    ConnectOrder order_;
    std::function<bool()> is_stopping_;
    Receiver receiver_;
    std::mutex mutex_;
    bool left_ = false;
    std::optional<Connected> made_;
};

// Asks the server to end what a connection runs; the connection may be closed meanwhile.
class CancelJob final : public Job {
public:
    explicit CancelJob(CancelRequest request) : request_(std::move(request)) {}
    void work() override;
    // The statement would run on when nobody waits for it any more.
    bool outlivesStop() const override { return true; }
    bool wasDelivered() const { return delivered_; }

private:
    CancelRequest request_;
    std::atomic<bool> delivered_{false};
};

}  // namespace howdah::pool
