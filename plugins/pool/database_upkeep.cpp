// What a Database does besides lending connections: settle those that still run something, and keep the rest fresh.
#include <algorithm>

#include "database.hpp"

namespace howdah::pool {
namespace {

constexpr std::uint64_t kSettleNs = 2 * kSecondNs;
constexpr std::uint64_t kFirstCancelPauseNs = kSecondNs / 50;  // doubled from cancel to cancel
constexpr std::uint64_t kUpkeepEveryNs = 30 * kSecondNs;
constexpr std::uint64_t kFirstUpkeepNs = kSecondNs;  // not in the way of the first answer

}  // namespace

// Ends what a connection still runs, makes its session ours again where it has written, then gives it back; closes it
// if that takes more than two seconds.
class Database::Settler final : public Job {
public:
    Settler(std::shared_ptr<Database> database, std::unique_ptr<Connection> connection, bool cancel)
        : database_(std::move(database)), connection_(std::move(connection)) {
        if (cancel) cancel_ = std::make_shared<CancelJob>(connection_->raw());
    }

    void task(Context& context) override {
        std::uint64_t deadline_ns = database_->host_.nowNs() + kSettleNs;
        if (!settle(context, deadline_ns) || !resetSession(context, deadline_ns)) connection_.reset();
        database_->returned(std::move(connection_));
    }
    void drop() override {
        if (cancel_) database_->jobs_.start(cancel_);  // it runs on all the same
        connection_.reset();
        database_->returned(nullptr);
    }

private:
    bool settle(Context& context, std::uint64_t deadline_ns) {
        if (!connection_->attach(context)) return false;
        const Wait ended = cancel_ ? cancelled(context, deadline_ns) : connection_->drain(context, deadline_ns);
        if (ended != Wait::ready) return false;
        if (!cancel_ && connection_->isIdle()) return true;
        // Also after a cancel that came too late for its statement: a straggler hits this ROLLBACK, not the next query.
        if (!connection_->execute("rollback", {}) || !connection_->sync()) return false;
        if (connection_->flush(context, deadline_ns) != Wait::ready) return false;
        return connection_->drain(context, deadline_ns) == Wait::ready && connection_->isIdle();
    }

    bool resetSession(Context& context, std::uint64_t deadline_ns) {
        if (!connection_->needsReset()) return true;
        connection_->statements().clear();
        const auto timeout = Parameters::ofTexts({std::to_string(database_->config_.statement_timeout.count())});
        // DISCARD ALL runs outside of a transaction, so each has a sync of its own.
        if (!connection_->execute("discard all", {}) || !connection_->sync() ||
            !connection_->execute(sessionSetup(), timeout) || !connection_->sync())
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
        for (std::uint64_t pause_ns = kFirstCancelPauseNs;; pause_ns *= 2) {
            const howdah_status sent = database_->jobs_.run(context, cancel_, deadline_ns);
            // The plugin stops. The cancel may have been withdrawn, and nobody waits for a second one.
            if (sent == HOWDAH_ERROR_CANCELLED) database_->jobs_.start(cancel_);
            if (sent != HOWDAH_OK) return Wait::broken;
            const std::uint64_t until_ns = std::min(deadline_ns, database_->host_.nowNs() + pause_ns);
            const Wait ended = connection_->drain(context, until_ns);
            if (ended != Wait::timeout || until_ns == deadline_ns) return ended;
        }
    }

    std::shared_ptr<Database> database_;
    std::unique_ptr<Connection> connection_;
    std::shared_ptr<CancelJob> cancel_;
};

class Database::Keeper final : public Job {
public:
    explicit Keeper(std::shared_ptr<Database> database) : database_(std::move(database)) {}
    void task(Context& context) override {
        database_->keep(context);
        drop();
    }
    void drop() override {
        std::lock_guard lock(database_->mutex_);
        database_->keeper_runs_ = false;
    }

private:
    std::shared_ptr<Database> database_;
};

void Database::settle(std::unique_ptr<Connection> connection, bool cancel) {
    jobs_.spawn(std::make_shared<Settler>(shared_from_this(), std::move(connection), cancel));
}

void Database::ensureKeeper() {
    {
        std::lock_guard lock(mutex_);
        if (keeper_runs_ || stopped_) return;
        keeper_runs_ = true;
    }
    if (!jobs_.spawn(std::make_shared<Keeper>(shared_from_this()))) {
        host_.log(LogLevel::error, "database ", source_.name, ": its upkeep could not be started; tried again later");
    }
}

void Database::keep(Context& context) {
    std::uint64_t due_ns = host_.nowNs() + kFirstUpkeepNs;
    for (;;) {
        howdah_status woken = keeper_wakes_.wait(context, due_ns);
        if (woken < 0 && woken != HOWDAH_ERROR_TIMEOUT) return;  // cancelled: the plugin stops
        std::uint64_t now_ns = host_.nowNs();
        std::uint32_t wanted = 0;
        {
            std::lock_guard lock(mutex_);
            if (stopped_) return;
            bool probe = breaker_.isOpen() && now_ns >= breaker_.nextProbeNs() && open_ < config_.connections_max;
            bool warm = !breaker_.isOpen() && open_ < config_.connections_min;
            wanted = probe ? 1 : warm ? config_.connections_min - open_ : 0;
        }
        takeOutdated(now_ns).clear();  // closes them, outside the mutex
        for (; wanted > 0; --wanted)
            connectInBackground(context);
        due_ns = nextDueNs(host_.nowNs());
    }
}

void Database::connectInBackground(const Context& context) {
    {
        std::lock_guard lock(mutex_);
        if (stopped_ || open_ >= config_.connections_max) return;
        ++open_;
    }
    Obtained made = connect(context);  // tells the breaker how it went
    if (auto* connection = std::get_if<0>(&made)) returned(std::move(*connection));
}

// Removes idle connections past their idle limit (down to the minimum) or lifetime; the caller destroys them.
std::vector<std::unique_ptr<Connection>> Database::takeOutdated(std::uint64_t now_ns) {
    std::vector<std::unique_ptr<Connection>> outdated;
    std::lock_guard lock(mutex_);
    for (auto at = idle_.begin(); at != idle_.end();) {
        const Connection& connection = **at;
        bool unused =
            now_ns >= connection.lastUsedNs() + nanoseconds(config_.idle_timeout) && open_ > config_.connections_min;
        if (!unused && now_ns < connection.expiresNs()) {
            ++at;
            continue;
        }
        outdated.push_back(std::move(*at));
        at = idle_.erase(at);
        --open_;
    }
    return outdated;
}

std::uint64_t Database::nextDueNs(std::uint64_t now_ns) const {
    std::lock_guard lock(mutex_);
    std::uint64_t due_ns = now_ns + std::min(kUpkeepEveryNs, nanoseconds(config_.idle_timeout) / 2);
    if (!breaker_.isOpen()) return due_ns;
    // Even with all connections hung and no place for a probe: look again soon, never at once.
    return std::min(due_ns, std::max(breaker_.nextProbeNs(), now_ns + Breaker::kProbeEveryNs / 10));
}

}  // namespace howdah::pool
