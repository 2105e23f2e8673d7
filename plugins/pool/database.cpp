#include "database.hpp"

#include <algorithm>

#include "wait_line.hpp"

namespace howdah::pool {
namespace {

constexpr std::uint64_t kPingAfterIdleNs = 30 * kSecondNs;
constexpr std::uint64_t kPingNs = kSecondNs;

Failure notSent(Error error) {
    return {std::move(error), Outcome::not_sent};
}
Failure final(Error error) {
    return {std::move(error), Outcome::answered};
}

}  // namespace

Lease& Lease::operator=(Lease&& other) noexcept {
    if (this != &other) {
        close();
        database_ = std::move(other.database_);
        connection_ = std::move(other.connection_);
    }
    return *this;
}

void Lease::giveBack() {
    if (!connection_) return;
    connection_->needsReset() ? database_->settle(std::move(connection_), false)
                              : database_->returned(std::move(connection_));
}

void Lease::close() {
    if (!connection_) return;
    connection_.reset();
    database_->returned(nullptr);
}

void Lease::settleInBackground(bool cancel) {
    if (connection_) database_->settle(std::move(connection_), cancel);
}

Database::Database(const Host& host, Jobs& jobs, const Config& config, DatabaseSource source)
    : host_(host),
      jobs_(jobs),
      config_(config),
      source_(std::move(source)),
      retry_budget_(2 * config.connections_max),
      keeper_wakes_(host),
      random_(std::random_device{}()) {}

double Database::jitter() {
    std::lock_guard lock(mutex_);
    return std::uniform_real_distribution<>(0, 1)(random_);
}

std::string Database::label() const {
    std::lock_guard lock(mutex_);
    return label_;
}

Database::Figures Database::figures() const {
    std::lock_guard lock(mutex_);
    return {open_, static_cast<std::uint32_t>(idle_.size()), static_cast<std::uint32_t>(waiters_.size()),
            breaker_.isOpen(), last_error_};
}

Result<Dsn> Database::resolveDsn(const Context& context) const {
    if (!source_.source) return Dsn::parse(source_.dsn);
    howdah_str text{};
    if (source_.source->dsn(source_.source_self, context.raw(), toAbi(source_.name), &text) < 0) {
        return context.lastError();
    }
    return Dsn::parse(fromAbi(text));
}

std::variant<Lease, Failure> Database::lease(const Context& context, Care care) {
    ensureKeeper();
    for (;;) {
        Obtained obtained = obtain(context);
        if (auto* failure = std::get_if<Failure>(&obtained)) return std::move(*failure);
        Lease lease(shared_from_this(), std::move(std::get<0>(obtained)));
        auto attached = lease->attach(context);
        if (!attached) return final(attached.error());
        // One that died while idle is replaced here; nobody notices. Each is met once, so this ends.
        if (!isUsable(context, *lease.operator->(), care)) continue;
        // Connections made in the background are announced here too: whoever first needs one has a request to answer.
        if (lease->isUnused()) {
            howdah_status allowed = host_.query().connect_database(context.raw(), toAbi(source_.name));
            if (allowed < 0) {
                lease.close();
                return final(context.lastError());
            }
        }
        lease->countUse();
        return lease;
    }
}

Database::Obtained Database::obtain(const Context& context) {
    std::uint32_t shard = host_.reactor().shard(context.raw());
    std::shared_ptr<Waiter> waiter;
    for (;;) {
        std::uint64_t now_ns = host_.nowNs();
        bool must_connect = false;
        {
            std::lock_guard lock(mutex_);
            if (stopped_) return final(Error::unavailable("the pool is being stopped").withHint("try again"));
            if (auto connection = takeIdle(shard)) return connection;
            if (breaker_.isOpen()) return refusal(now_ns);
            must_connect = open_ < config_.connections_max;
            if (must_connect) {
                ++open_;
            } else if (waiters_.size() >= config_.queueLimit()) {
                Error full =
                    Error::unavailable("all ", config_.connections_max, " connections to database ", source_.name,
                                       " are busy and ", waiters_.size(), " statements wait already")
                        .withHint("try again, or raise pool.connections_max or pool.queue_max");
                full.retry_after_ms = static_cast<std::uint64_t>(config_.lease_timeout.count());
                return final(std::move(full));
            } else if (waiter) {
                waiters_.push_back(waiter);
            }
        }
        if (must_connect) return connect(context);
        if (waiter) return waitInLine(context, waiter);
        waiter = std::make_shared<Waiter>(host_, shard,
                                          now_ns);  // a host call, so not under the mutex: look once more with it
    }
}

// Under the mutex. Prefers one this shard watches already; looks at a few only.
std::unique_ptr<Connection> Database::takeIdle(std::uint32_t shard) {
    if (idle_.empty()) return nullptr;
    std::size_t chosen = idle_.size() - 1;
    std::size_t last = idle_.size() > 8 ? idle_.size() - 8 : 0;
    for (std::size_t i = idle_.size(); i-- > last;) {
        if (idle_[i]->shard() == shard) {
            chosen = i;
            break;
        }
    }
    auto connection = std::move(idle_[chosen]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(chosen));
    return connection;
}

bool Database::isUsable(const Context& context, Connection& connection, Care care) const {
    std::uint64_t now_ns = host_.nowNs();
    if (care == Care::repeatable && now_ns - connection.lastUsedNs() < kSecondNs) return true;
    if (!connection.looksAlive()) return false;
    if (care != Care::tried && now_ns - connection.lastUsedNs() < kPingAfterIdleNs) return true;
    return connection.ping(context, std::min(context.deadlineNs(), now_ns + kPingNs)) == Wait::ready;
}

Database::Obtained Database::waitInLine(const Context& context, const std::shared_ptr<Waiter>& waiter) {
    std::uint64_t limit = host_.nowNs() + nanoseconds(config_.lease_timeout);
    howdah_status status = waiter->event.wait(context, std::min(limit, context.deadlineNs()));
    std::unique_ptr<Connection> connection;
    bool may_connect = false;
    {
        std::lock_guard lock(mutex_);
        if (!waiter->isServed()) std::erase(waiters_, waiter);
        connection = std::move(waiter->connection);
        may_connect = waiter->may_connect;
        if (waiter->refused) return stopped_ ? final(Error::unavailable("the pool is being stopped")) : refusal(limit);
    }
    // Served at the very end of the wait: used all the same, unless the request itself is over.
    auto on_time = context.goOn();
    if (on_time && connection) return connection;
    if (on_time && may_connect) return connect(context);
    if (connection || may_connect) returned(std::move(connection));
    if (!on_time) return final(on_time.error());
    if (status == HOWDAH_ERROR_TIMEOUT) {
        return final(Error::timeout("no connection to database ", source_.name, " became free within ",
                                    config_.lease_timeout.count(), " ms, all ", config_.connections_max, " are busy")
                         .withHint("try again, or raise pool.connections_max or pool.lease_timeout_ms"));
    }
    return final(context.lastError());
}

// Under the mutex.
Failure Database::refusal(std::uint64_t now_ns) const {
    Error error = Error::unavailable("database ", source_.name, label_.empty() ? "" : concat(" (", label_, ")"),
                                     " cannot be reached, so statements are refused until it can: ", last_error_)
                      .withHint(concat(last_hint_, "; it is tried again in the background"));
    error.retry_after_ms = breaker_.retryAfterMs(now_ns);
    return final(std::move(error));
}

// The caller holds one place of open_, which goes to the connection or is freed.
Database::Obtained Database::connect(const Context& context) {
    auto dsn = resolveDsn(context);
    if (!dsn) {
        Error error = dsn.error();
        error.message = concat("database ", source_.name, ": ", error.message);
        noteFailed({error, true, false});
        returned(nullptr);
        return final(std::move(error));
    }
    bool warn = false;
    {
        std::lock_guard lock(mutex_);
        label_ = dsn->label;
        warn = !dsn->stripped.empty() && !std::exchange(warned_stripped_, true);
    }
    if (warn) {
        std::string names;
        for (const auto& name : dsn->stripped)
            names += (names.empty() ? "" : ", ") + name;
        host_.log(LogLevel::warn, "database ", source_.name, ": left out of its dsn, not known to libpq: ", names);
    }
    Pooler pooler = effectivePooler(config_.pooler, *dsn);
    std::uint64_t limit = host_.nowNs() + nanoseconds(config_.connect_timeout) * dsn->host_count + kSecondNs;
    auto self = shared_from_this();
    auto job = std::make_shared<ConnectJob>(
        ConnectOrder{source_.name, std::move(*dsn), pooler, config_.connect_timeout, config_.statement_timeout},
        [&jobs = jobs_] { return jobs.isStopping(); },
        [self, pooler](Connected made) {  // nobody waits any more: on a worker thread
            auto* pg = std::get_if<PgPtr>(&made);
            if (!pg) self->noteFailed(std::get<ConnectFailure>(made));
            self->returned(pg ? self->accept(std::move(*pg), pooler) : nullptr);
        });
    howdah_status status = jobs_.run(context, job, std::min(limit, context.deadlineNs()));
    auto made = job->fetchOrLeave();
    if (!made) {
        auto on_time = context.goOn();
        if (!on_time) return final(on_time.error());
        return notSent(connectTimeout(source_.name, label(), (limit - host_.nowNs()) / 1'000'000).error);
    }
    if (auto* failure = std::get_if<ConnectFailure>(&*made)) {
        noteFailed(*failure);
        returned(nullptr);
        return Failure{failure->error, failure->lasting ? Outcome::answered : Outcome::not_sent};
    }
    auto connection = accept(std::move(std::get<PgPtr>(*made)), pooler);
    if (status < 0) {  // it came as the wait ended; the next one will be glad of it
        returned(std::move(connection));
        return final(context.lastError());
    }
    return connection;
}

std::unique_ptr<Connection> Database::accept(PgPtr pg, Pooler pooler) {
    std::uint64_t now_ns = host_.nowNs();
    double share = 1.0 - 0.1 * jitter();  // so that connections made together do not all end together
    auto life = static_cast<std::uint64_t>(static_cast<double>(nanoseconds(config_.lifetime)) * share);
    bool closed = false;
    {
        std::lock_guard lock(mutex_);
        closed = breaker_.isOpen();
        breaker_.succeeded();
        last_error_.clear();
    }
    if (closed) host_.log(LogLevel::info, "database ", source_.name, " can be reached again");
    return std::make_unique<Connection>(std::move(pg), pooler != Pooler::transaction, config_.statement_cache_max,
                                        now_ns, now_ns + life);
}

void Database::noteFailed(const ConnectFailure& failure) {
    if (failure.of_our_own) return;
    std::uint64_t now_ns = host_.nowNs();
    double share = jitter();
    std::deque<std::shared_ptr<Waiter>> refused;
    bool opened = false;
    {
        std::lock_guard lock(mutex_);
        last_error_ = failure.error.message;
        last_hint_ = failure.error.hint.empty() ? "see howdah doctor" : failure.error.hint;
        opened = breaker_.failed(now_ns, failure.lasting, share);
        if (opened) refused.swap(waiters_);
        for (auto& waiter : refused)
            waiter->refused = true;
    }
    for (auto& waiter : refused)
        waiter->event.set();
    if (!opened) return;
    host_.log(LogLevel::error, failure.error.message, "; statements are refused until it can be reached");
    keeper_wakes_.set();
}

void Database::returned(std::unique_ptr<Connection> connection) {
    std::uint64_t now_ns = host_.nowNs();
    bool keep = connection && connection->isIdle() && now_ns < connection->expiresNs();
    if (connection) connection->noteUse(now_ns);
    if (!keep) connection.reset();
    std::shared_ptr<Waiter> next;
    {
        std::lock_guard lock(mutex_);
        keep = keep && !stopped_;
        if (!waiters_.empty()) {
            auto chosen = keep ? nextInLine(waiters_, connection->shard(), now_ns) : waiters_.begin();
            next = std::move(*chosen);
            waiters_.erase(chosen);
            next->may_connect = !keep;
            next->connection = std::move(connection);
        } else if (keep) {
            idle_.push_back(std::move(connection));
        } else {
            --open_;
        }
    }
    if (next) next->event.set();
}

void Database::stop() {
    std::vector<std::unique_ptr<Connection>> closing;
    std::deque<std::shared_ptr<Waiter>> refused;
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        closing.swap(idle_);
        open_ -= static_cast<std::uint32_t>(closing.size());
        refused.swap(waiters_);
        for (auto& waiter : refused)
            waiter->refused = true;
    }
    for (auto& waiter : refused)
        waiter->event.set();
    keeper_wakes_.set();
}

}  // namespace howdah::pool
