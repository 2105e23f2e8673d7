// What a Database does besides lending connections: settle those that still run something, and keep the rest fresh.
#include <algorithm>

#include "database.hpp"

namespace howdah::pool {
namespace {

constexpr std::uint64_t kSettleNs = 2 * kSecondNs;
constexpr std::uint64_t kFirstCancelPauseNs = kSecondNs / 50;  // doubled from cancel to cancel
constexpr std::uint64_t kUpkeepEveryNs = 30 * kSecondNs;
constexpr std::uint64_t kFirstUpkeepNs = kSecondNs;  // not in the way of the first answer
// Cancels under way at once: a host that swallows packets must not have all of the process's worker threads.
constexpr std::uint32_t kCancelsMax = 2;

}  // namespace

// The cancel of a connection whose plugin stops: on a worker, when no fiber waits any more. The connection is closed only
// then, or the server would hear that its client is gone before it hears of the cancel.
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

void Database::settle(std::unique_ptr<Connection> connection, Holder* holder, bool cancel) {
    jobs_.spawn(std::make_shared<Settler>(shared_from_this(), std::move(connection), holder, cancel));
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
        bool stands_still = false;
        {
            std::lock_guard lock(mutex_);
            if (stopped_) return;
            stands_still = silence_.isToBeTold(now_ns);
            bool probe = breaker_.isOpen() && now_ns >= breaker_.nextProbeNs() && open_ < config_.connections_max;
            bool warm = !breaker_.isOpen() && open_ < config_.connections_min;
            wanted = probe ? 1 : warm ? config_.connections_min - open_ : 0;
        }
        if (stands_still) noteFailed(standstill(source_.name, label()));
        closeAll(takeOutdated(now_ns));
        nameLongHolders(now_ns);
        for (; wanted > 0; --wanted)
            connectInBackground(context);
        due_ns = nextDueNs(host_.nowNs());
    }
}

void Database::connectInBackground(const Context& context) {
    {
        std::lock_guard lock(mutex_);
        if (stopped_ || open_ >= config_.connections_max || !budget_->tryTake()) return;
        ++open_;
        ++connecting_;
    }
    Obtained made = connect(context, nullptr);  // tells the breaker how it went
    if (auto* granted = std::get_if<Granted>(&made)) returned(std::move(granted->connection), nullptr);
}

// The log says who has held a connection for too long, once for each time.
void Database::nameLongHolders(std::uint64_t now_ns) {
    std::vector<std::string> owners;
    {
        std::lock_guard lock(mutex_);
        for (Holder& holder : holders_) {
            if (holder.named || now_ns < holder.since_ns + nanoseconds(config_.leak_alarm)) continue;
            holder.named = true;
            ++counts_.leak_alarms;
            owners.push_back(ownerOf(holder));
        }
    }
    for (const std::string& owner : owners) {
        host_.log(LogLevel::warn, "database ", source_.name, ": a connection has been held for ",
                  config_.leak_alarm.count(), " ms by ", owner,
                  "; a statement that runs long, or a client that reads slowly");
    }
}

std::string Database::ownerOf(const Holder& holder) const {
    std::string owner = holder.tool.empty() ? "" : concat("tool ", holder.tool, " of ");
    return concat(owner, "plugin ", holder.plugin.empty() ? "pool" : holder.plugin, " for ",
                  holder.principal->name.empty() ? "nobody" : holder.principal->name);
}

// Removes idle connections past their idle limit (down to the minimum) or lifetime; the caller closes them.
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

// Under the mutex.
std::vector<std::unique_ptr<Connection>> Database::takeIdleOf(const std::string* server) {
    std::vector<std::unique_ptr<Connection>> taken;
    std::erase_if(idle_, [&](auto& connection) {
        if (server && connection->server() != *server) return false;
        taken.push_back(std::move(connection));
        return true;
    });
    open_ -= static_cast<std::uint32_t>(taken.size());
    return taken;
}

void Database::closeAll(std::vector<std::unique_ptr<Connection>> connections) {
    const auto places = static_cast<std::uint32_t>(connections.size());
    if (places == 0) return;
    for (auto& connection : connections)
        budget_->close(std::move(connection));
    budget_->giveBack(places);
    Budget::Served served;
    serveWaiting(served);
    for (const auto& event : served)
        event->set();
}

void Database::dropServer(const std::string& server) {
    std::vector<std::unique_ptr<Connection>> dropped;
    {
        std::lock_guard lock(mutex_);
        dropped = takeIdleOf(&server);
    }
    closeAll(std::move(dropped));
}

void Database::noteCancelSent() {
    {
        std::lock_guard lock(mutex_);
        silence_.cancelSent(host_.nowNs());
    }
    keeper_wakes_.set();
}

void Database::noteHeard() {
    std::lock_guard lock(mutex_);
    silence_.heard();
}

void Database::noteLost(const std::string& server, std::string_view sqlstate) {
    {
        std::lock_guard lock(mutex_);
        ++counts_.lost;
    }
    if (endsServer(sqlstate)) dropServer(server);
}

std::uint64_t Database::nextDueNs(std::uint64_t now_ns) const {
    std::lock_guard lock(mutex_);
    const std::uint64_t alarm_ns = nanoseconds(config_.leak_alarm);
    std::uint64_t due_ns = now_ns + std::min({kUpkeepEveryNs, nanoseconds(config_.idle_timeout) / 2,
                                              nanoseconds(config_.lifetime) / 2, alarm_ns});
    for (const Holder& holder : holders_) {
        if (!holder.named) due_ns = std::min(due_ns, std::max(now_ns, holder.since_ns + alarm_ns));
    }
    due_ns = std::min(due_ns, silence_.dueNs().value_or(due_ns));
    if (!breaker_.isOpen()) return due_ns;
    // Even with all connections hung and no place for a probe: look again soon, never at once.
    return std::min(due_ns, std::max(breaker_.nextProbeNs(), now_ns + Breaker::kProbeEveryNs / 10));
}

Database::Figures Database::figures() const {
    const std::uint64_t now_ns = host_.nowNs();
    std::lock_guard lock(mutex_);
    Figures figures = counts_;
    figures.open = open_;
    figures.idle = static_cast<std::uint32_t>(idle_.size());
    figures.waiting = static_cast<std::uint32_t>(line_.size());
    figures.connecting = connecting_;
    figures.breaker = breaker_.name();
    figures.last_error = last_error_;
    figures.last_error_ago_ms = last_error_.empty() ? 0 : (now_ns - last_error_ns_) / 1'000'000;
    figures.pooler = pooler_;
    figures.hosts = hosts_;
    figures.certificate_until_s = certificate_until_s_;
    figures.retries = retries_;
    figures.cancels = cancels_;
    figures.cancels_lost = cancels_lost_;
    for (const Holder& holder : holders_) {
        if (now_ns < holder.since_ns + nanoseconds(config_.leak_alarm)) continue;
        figures.leaks.push_back({ownerOf(holder), (now_ns - holder.since_ns) / 1'000'000});
    }
    return figures;
}

}  // namespace howdah::pool
