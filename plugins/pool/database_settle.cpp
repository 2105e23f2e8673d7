// How a Database settles connections that still run something.
#include <algorithm>

#include "database.hpp"

namespace howdah::pool {
namespace {

constexpr std::uint64_t kSettleNs = 2 * kSecondNs;
constexpr std::uint64_t kFirstCancelPauseNs = kSecondNs / 50;  // doubled from cancel to cancel
// Cancels under way at once: a host that swallows packets must not have all of the process's worker threads.
constexpr std::uint32_t kCancelsMax = 2;

}  // namespace

// The cancel of a connection whose plugin stops: on a worker, when no fiber waits any more. The connection is closed
// only then, or the server would hear that its client is gone before it hears of the cancel.
class Database::LastCancel final : public Job {
public:
    LastCancel(std::shared_ptr<Database> database, std::unique_ptr<Connection> connection, Holder* holder,
               std::shared_ptr<CancelJob> cancel)
        : database_(std::move(database)),
          connection_(std::move(connection)),
          holder_(holder),
          cancel_(std::move(cancel)) {}
    void work() override {
        cancel_->work();
        drop();
    }
    void drop() override { database_->returned(std::move(connection_), holder_, false); }
    bool outlivesStop() const override { return true; }  // or the statement would run on

private:
    std::shared_ptr<Database> database_;
    std::unique_ptr<Connection> connection_;
    Holder* holder_;
    std::shared_ptr<CancelJob> cancel_;
};

// Ends what a connection still runs, makes its session ours again where it has written, then gives it back; closes it
// if that takes more than two seconds.
class Database::Settler final : public Job {
public:
    Settler(std::shared_ptr<Database> database, std::unique_ptr<Connection> connection, Holder* holder, bool cancel)
        : database_(std::move(database)), connection_(std::move(connection)), holder_(holder), cancels_(cancel) {
        if (!cancel) return;
        auto request = CancelRequest::make(connection_->raw(), connection_->cancelKey());
        if (request) cancel_ = std::make_shared<CancelJob>(std::move(*request));
    }

    void task(Context& context) override {
        std::uint64_t deadline_ns = database_->host_.nowNs() + kSettleNs;
        const bool fit = settle(context, deadline_ns) && resetSession(context, deadline_ns);
        if (!fit && cancel_ && !asked_ && !context.goOn()) cancelLast();
        if (connection_) database_->returned(std::move(connection_), holder_, fit);
    }
    void drop() override {
        if (cancel_) return cancelLast();  // it runs on all the same
        database_->returned(std::move(connection_), holder_, false);
    }

private:
    void cancelLast() {
        connection_->detach();
        database_->jobs_.start(std::make_shared<LastCancel>(database_, std::move(connection_), holder_, cancel_));
    }

    bool settle(Context& context, std::uint64_t deadline_ns) {
        if (!connection_->attach(context)) return false;
        const Wait ended = cancels_ ? cancelled(context, deadline_ns) : connection_->drain(context, deadline_ns);
        if (ended != Wait::ready) return false;
        if (!cancels_ && connection_->isIdle()) return true;
        // Also after a cancel that came too late for its statement: a straggler hits this ROLLBACK, not the next query.
        if (!connection_->execute("rollback", {}) || !connection_->sync()) return false;
        if (connection_->flush(context, deadline_ns) != Wait::ready) return false;
        return connection_->drain(context, deadline_ns) == Wait::ready && connection_->isIdle();
    }

    bool resetSession(Context& context, std::uint64_t deadline_ns) {
        if (!connection_->needsReset()) return true;
        connection_->statements().clear();
        const Config& config = database_->config_;
        const auto parameters = sessionParameters(config.statement_timeout, config.lock_timeout, nullptr);
        // DISCARD ALL runs outside of a transaction, so each has a sync of its own.
        if (!connection_->execute("discard all", {}) || !connection_->sync() ||
            !connection_->execute(sessionSetup(), parameters) || !connection_->sync())
            return false;
        bool failed = false;
        if (connection_->flush(context, deadline_ns) != Wait::ready ||
            connection_->drain(context, deadline_ns, &failed) != Wait::ready || failed)
            return false;
        connection_->setNeedsReset(false);
        return true;
    }

    // A cancel that comes while the server still reads the messages of a round trip is dropped there, so it is repeated
    // until the answer has come. Each must have been delivered before the connection runs anything else, or it would
    // hit that.
    Wait cancelled(Context& context, std::uint64_t deadline_ns) {
        // The connection is closed then; the server ends the statement when it looks for its client.
        if (!cancel_) return Wait::broken;
        for (std::uint64_t pause_ns = kFirstCancelPauseNs;; pause_ns *= 2) {
            if (takeTurn()) {
                asked_ = true;
                database_->noteCancelSent();
                const howdah_status sent = database_->jobs_.run(context, cancel_, deadline_ns);
                --database_->cancels_under_way_;
                // The plugin stops. The cancel may have been withdrawn, and nobody waits for a second one.
                if (sent == HOWDAH_ERROR_CANCELLED) {
                    cancelLast();
                    return Wait::broken;
                }
                if (sent == HOWDAH_OK) database_->noteHeard();  // if only that it is not taken
                if (sent != HOWDAH_OK || !cancel_->wasDelivered()) {
                    ++database_->cancels_lost_;
                    return Wait::broken;
                }
                ++database_->cancels_;
            }
            const std::uint64_t until_ns = std::min(deadline_ns, database_->host_.nowNs() + pause_ns);
            const Wait ended = connection_->drain(context, until_ns);
            if (ended != Wait::timeout || until_ns == deadline_ns) return ended;
        }
    }

    bool takeTurn() {
        if (++database_->cancels_under_way_ <= kCancelsMax) return true;
        --database_->cancels_under_way_;
        return false;
    }

    std::shared_ptr<Database> database_;
    std::unique_ptr<Connection> connection_;
    Holder* holder_;
    const bool cancels_;
    std::shared_ptr<CancelJob> cancel_;
    bool asked_ = false;  // the server, at least once, to cancel
};

void Database::settle(std::unique_ptr<Connection> connection, Holder* holder, bool cancel) {
    jobs_.spawn(std::make_shared<Settler>(shared_from_this(), std::move(connection), holder, cancel));
}

void Database::noteCancelSent() {
    bool begins = false;
    {
        std::lock_guard lock(mutex_);
        begins = silence_.cancelSent(host_.nowNs());
    }
    if (begins) keeper_wakes_.set();
}

void Database::noteHeard() {
    std::lock_guard lock(mutex_);
    silence_.heard();
}

}  // namespace howdah::pool
