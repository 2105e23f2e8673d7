#include "database.hpp"

#include <algorithm>

namespace howdah::pool {
namespace {

constexpr std::uint64_t kPingNs = kSecondNs;
// Attempts to connect at once: a host that swallows packets must not have all of the process's worker threads.
constexpr std::uint32_t kConnectsMax = 4;
constexpr std::uint64_t kHoldsToJudge = 16;  // leases seen before their mean decides anything

// One budget for what a reload may open beside its predecessor: the same database of the configuration, at the same
// place, as the same user.
std::string budgetName(const DatabaseSource& source) {
    if (source.source) return source.name + "\nsource";
    auto dsn = Dsn::parse(source.dsn);
    return dsn ? concat(source.name, '\n', dsn->label, '\n', dsn->value("user")) : source.name;
}

}  // namespace

Database::Database(const Host& host, Jobs& jobs, const Config& config, DatabaseSource source)
    : host_(host),
      jobs_(jobs),
      config_(config),
      source_(std::move(source)),
      retry_budget_(2 * config.connections_max),
      keeper_wakes_(host),
      budget_(Budget::named(budgetName(source_))),
      random_(std::random_device{}()) {
    budget_->join(*this, config_.connections_max);
}

double Database::jitter() {
    std::lock_guard lock(mutex_);
    return std::uniform_real_distribution<>(0, 1)(random_);
}

Database::~Database() {
    budget_->leave(*this);
    budget_->giveBack(open_);
}

std::string Database::label() const {
    std::lock_guard lock(mutex_);
    return label_;
}

Result<Dsn> Database::resolveDsn(const Context& context) const {
    std::string text = source_.dsn;
    if (source_.source) {
        howdah_str given{};
        if (source_.source->dsn(source_.source_self, context.raw(), toAbi(source_.name), &given) < 0) {
            return context.lastError();
        }
        text = fromAbi(given);
    }
    auto dsn = Dsn::parse(text);
    if (dsn && effectivePooler(config_.pooler, *dsn) == Pooler::transaction) dsn->dropStartupSettings();
    // With several hosts, one that may be written to is one that takes writes.
    if (dsn && dsn->host_count > 1 && source_.access == "read_write" && dsn->value("target_session_attrs").empty()) {
        dsn->parameters.emplace_back("target_session_attrs", "read-write");
    }
    return dsn;
}

std::variant<Lease, Failure> Database::lease(const Context& context, Care care, const Caller& caller) {
    ensureKeeper();
    for (;;) {
        Obtained obtained = obtain(context, caller);
        if (auto* failure = std::get_if<Failure>(&obtained)) return std::move(*failure);
        auto& granted = std::get<Granted>(obtained);
        Lease lease(shared_from_this(), std::move(granted.connection), granted.holder);
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

Database::Obtained Database::obtain(const Context& context, const Caller& caller) {
    const std::uint32_t shard = host_.reactor().shard(context.raw());
    std::shared_ptr<Waiter> waiter;
    bool took_over = false;  // a place of the budget, from another pool
    for (bool may_take_over = true;;) {
        const std::uint64_t now_ns = host_.nowNs();
        std::shared_ptr<Waiter> gives_way;
        Holder* connects = nullptr;
        Principal* who = nullptr;
        bool waits = false, lacks_place = false, others_have_places = false;
        std::optional<Failure> refused;
        {
            std::lock_guard lock(mutex_);
            who = &principals_.met(caller.tenant, caller.subject, now_ns);
            const bool may = mayHoldMore(*who, now_ns);
            std::unique_ptr<Connection> connection;
            if (!stopped_ && may && !took_over) connection = takeIdle(shard);
            if (connection) return Granted{std::move(connection), hold(who, caller, now_ns)};
            if (stopped_) {
                refused = final(Error::unavailable("the pool is being stopped").withHint("try again"));
            } else if (breaker_.isOpen() && !othersMayReturn()) {
                refused = refusal(now_ns);
            } else if (may && mayConnect()) {
                if (took_over || budget_->tryTake()) {
                    took_over = false;
                    ++open_;
                    ++connecting_;
                    connects = hold(who, caller, now_ns);
                } else {
                    lacks_place = true;
                    others_have_places = may_take_over;
                }
            }
            if (!refused && !connects && !others_have_places) {
                refused = refuseToWait(*who, now_ns, context.deadlineNs(), gives_way);
                waits = !refused && waiter;
                if (waits) {
                    waiter->principal = who;
                    line_.add(waiter);
                    if (lacks_place) setStarving(true);
                }
            }
        }
        if (std::exchange(took_over, false)) budget_->giveBack();
        if (gives_way) gives_way->event.set();
        if (refused) return std::move(*refused);
        if (connects) return connect(context, connects);
        if (waits) return waitInLine(context, waiter);
        if (others_have_places) {
            may_take_over = false;
            took_over = budget_->takeOver(*this);
            continue;
        }
        // A host call, so not under the mutex: look once more with it.
        waiter = std::make_shared<Waiter>(host_, caller, shard, now_ns);
    }
}

// Under the mutex. Whoever it takes out of the line to make room is to be woken.
std::optional<Failure> Database::refuseToWait(Principal& who, std::uint64_t now_ns, std::uint64_t deadline_ns,
                                              std::shared_ptr<Waiter>& gives_way) {
    const std::uint64_t turn_ns =
        holds_ended_ < kHoldsToJudge ? 0 : mean_hold_ns_ * (line_.ahead(who) + 1) / config_.connections_max;
    if (deadline_ns - std::min(now_ns, deadline_ns) < turn_ns) {
        ++counts_.refused_late;
        Error late = Error::unavailable("all ", config_.connections_max, " connections to database ", source_.name,
                                        " are busy, and the request would be over before its turn, in some ",
                                        turn_ns / 1'000'000, " ms")
                         .withHint("try again with more time, or raise pool.connections_max");
        late.retry_after_ms = turn_ns / 1'000'000 + 1;
        return final(std::move(late));
    }
    if (line_.size() < config_.queueLimit()) return std::nullopt;
    ++counts_.refused_full;
    gives_way = line_.giveWay(who);
    if (!gives_way) return fullLine();
    gives_way->gave_way = true;
    return std::nullopt;
}

Failure Database::fullLine() const {
    Error full = Error::unavailable("all ", config_.connections_max, " connections to database ", source_.name,
                                    " are busy and ", line_.size(), " statements wait already")
                     .withHint("try again, or raise pool.connections_max or pool.queue_max");
    full.retry_after_ms = static_cast<std::uint64_t>(config_.lease_timeout.count());
    return final(std::move(full));
}

bool Database::mayConnect() const {
    if (open_ >= config_.connections_max || breaker_.isOpen()) return false;
    return connecting_ < (breaker_.state() == Breaker::State::closed ? kConnectsMax : Breaker::kTrialsMax);
}

bool Database::mayHoldMore(const Principal& who, std::uint64_t now_ns) const {
    return principals_.mayHoldMore(who, static_cast<std::uint32_t>(holders_.size()), config_.connections_max, now_ns);
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
    const std::uint64_t now_ns = host_.nowNs();
    const Validation wanted = validationOf(care, now_ns - connection.lastUsedNs());
    if (wanted == Validation::none) return true;
    if (!connection.looksAlive()) return false;
    if (wanted == Validation::look) return true;
    return connection.ping(context, std::min(context.deadlineNs(), now_ns + kPingNs)) == Wait::ready;
}

Database::Obtained Database::waitInLine(const Context& context, const std::shared_ptr<Waiter>& waiter) {
    std::uint64_t limit = host_.nowNs() + nanoseconds(config_.lease_timeout);
    howdah_status status = waiter->event.wait(context, std::min(limit, context.deadlineNs()));
    std::string reason = concat("all ", config_.connections_max, " are busy");
    {
        std::lock_guard lock(mutex_);
        const bool gives_up = !waiter->isServed() && line_.remove(waiter);
        if (line_.empty()) setStarving(false);
        if (gives_up && connecting_ > 0) {
            reason = "those being made have not answered yet";
        } else if (gives_up && !mayHoldMore(*waiter->principal, limit)) {
            const Principal& who = *waiter->principal;
            reason = concat(who.group->held, " of ", config_.connections_max, " are in use by this client",
                            who.group->held > who.held ? "'s tenant" : "", ", and the others are left to others");
        }
        if (waiter->gave_way) return fullLine();
        if (waiter->refused) return stopped_ ? final(Error::unavailable("the pool is being stopped")) : refusal(limit);
    }
    // Served at the very end of the wait: used all the same, unless the request itself is over.
    auto on_time = context.goOn();
    if (on_time && waiter->connection) return Granted{std::move(waiter->connection), waiter->holder};
    if (on_time && waiter->may_connect) return connect(context, waiter->holder);
    if (waiter->may_connect) {
        std::lock_guard lock(mutex_);
        --connecting_;
    }
    if (waiter->holder) returned(std::move(waiter->connection), waiter->holder);
    if (!on_time) return final(on_time.error());
    if (status == HOWDAH_ERROR_TIMEOUT) {
        return final(Error::timeout("no connection to database ", source_.name, " became free within ",
                                    config_.lease_timeout.count(), " ms, ", reason)
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

// Under the mutex.
Holder* Database::hold(Principal* who, const Caller& caller, std::uint64_t now_ns) {
    if (unused_holders_.empty()) unused_holders_.emplace_back();
    holders_.splice(holders_.end(), unused_holders_, unused_holders_.begin());
    Holder& holder = holders_.back();
    holder.place = std::prev(holders_.end());
    holder.principal = who;
    holder.since_ns = now_ns;
    holder.plugin = caller.plugin;
    holder.tool = caller.tool;
    holder.named = false;
    ++who->held;
    ++who->group->held;
    return &holder;
}

// Under the mutex.
void Database::letGo(Holder* holder, std::uint64_t now_ns) {
    const std::uint64_t held_ns = now_ns - std::min(now_ns, holder->since_ns);
    // The mean of about the last 16.
    mean_hold_ns_ = ++holds_ended_ == 1 ? held_ns : mean_hold_ns_ - mean_hold_ns_ / 16 + held_ns / 16;
    --holder->principal->held;
    --holder->principal->group->held;
    unused_holders_.splice(unused_holders_.begin(), holders_, holder->place);
}

// Under the mutex. Gives connections, and the right to make one, to those that wait, as far as there are any.
void Database::serveLine(std::uint64_t now_ns, Budget::Served& served) {
    auto may_have = [&](const Principal& who) { return mayHoldMore(who, now_ns); };
    auto serve = [&](std::shared_ptr<Waiter> waiter) {
        const Event* event = &waiter->event;
        served.emplace_back(std::move(waiter), event);
    };
    bool starves = false;
    while (!line_.empty()) {
        const bool has_idle = !idle_.empty();
        if (!has_idle && breaker_.isOpen() && !othersMayReturn()) {
            for (auto& waiter : line_.takeAll()) {
                waiter->refused = true;
                serve(std::move(waiter));
            }
            break;
        }
        if ((!has_idle && !mayConnect()) || !line_.anyMay(may_have)) break;
        starves = !has_idle && !budget_->tryTake();
        if (starves) break;
        auto next = line_.next(has_idle ? idle_.back()->shard() : UINT32_MAX, now_ns, may_have);
        next->holder = hold(next->principal, next->caller, now_ns);
        if (has_idle) {
            next->connection = takeIdle(next->shard);
        } else {
            ++open_;
            ++connecting_;
            next->may_connect = true;
        }
        serve(std::move(next));
    }
    setStarving(starves);
}

void Database::setStarving(bool starves) {
    if (starving_ == starves) return;
    starving_ = starves;
    starves ? budget_->noteStarving() : budget_->noteFed();
}

void Database::returned(std::unique_ptr<Connection> connection, Holder* holder, bool fit) {
    const std::uint64_t now_ns = host_.nowNs();
    bool keep =
        fit && connection && connection->isIdle() && now_ns < connection->expiresNs() && !connection->isCondemned();
    if (connection) connection->noteUse(now_ns);
    Budget::Served served;
    bool closes_breaker = false;
    {
        std::lock_guard lock(mutex_);
        if (holder) letGo(holder, now_ns);
        keep = keep && !stopped_ && !budget_->shouldYield(open_, starving_);
        if (keep) {
            silence_.heard();
            closes_breaker = holder && breaker_.state() == Breaker::State::half_open && breaker_.succeeded(now_ns);
            idle_.push_back(std::move(connection));
        } else {
            --open_;
        }
        if (!line_.empty()) serveLine(now_ns, served);
    }
    if (!keep) {
        if (connection) budget_->close(std::move(connection));
        budget_->giveBack();
    }
    for (const auto& event : served)
        event->set();
    if (closes_breaker) host_.log(LogLevel::info, "database ", source_.name, " can be reached again (breaker closed)");
}

void Database::stop() {
    std::vector<std::unique_ptr<Connection>> closing;
    std::deque<std::shared_ptr<Waiter>> refused;
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        closing = takeIdleOf(nullptr);
        refused = line_.takeAll();
        for (auto& waiter : refused)
            waiter->refused = true;
        setStarving(false);
    }
    for (auto& waiter : refused)
        waiter->event.set();
    closeAll(std::move(closing));
    budget_->leave(*this);
    keeper_wakes_.set();
}

// --- Budget::Member

std::unique_ptr<Connection> Database::giveUpIdle() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    auto connection = std::move(idle_.front());
    idle_.erase(idle_.begin());
    --open_;
    return connection;
}

void Database::serveWaiting(Budget::Served& served) {
    const std::uint64_t now_ns = host_.nowNs();
    std::lock_guard lock(mutex_);
    if (!stopped_) serveLine(now_ns, served);
}

}  // namespace howdah::pool
