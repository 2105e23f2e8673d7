// How a Database makes connections, and what it learns from those that could not be made.
#include <algorithm>

#include "database.hpp"

namespace howdah::pool {
namespace {

// Those the connection string names; none where it gives their addresses.
std::vector<std::string> hostsToLookUp(const Dsn& dsn) {
    std::vector<std::string> hosts;
    if (!dsn.value("hostaddr").empty()) return hosts;
    std::string_view rest = dsn.value("host");
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        if (end > 0) hosts.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return hosts;
}

}  // namespace

// The caller holds one place of open_, connecting_ and the budget, which goes to the connection or is freed.
Database::Obtained Database::connect(const Context& context, Holder* holder) {
    auto ended = [this, holder](std::unique_ptr<Connection> connection) {
        {
            std::lock_guard lock(mutex_);
            --connecting_;
        }
        returned(std::move(connection), holder);
    };
    auto dsn = resolveDsn(context);
    if (!dsn) {
        Error error = dsn.error();
        error.message = concat("database ", source_.name, ": ", error.message);
        noteFailed({error, {.lasting = true, .answered = true}, false});
        ended(nullptr);
        return final(std::move(error));
    }
    bool warn = false;
    {
        std::lock_guard lock(mutex_);
        label_ = dsn->label;
        hosts_ = hostsToLookUp(*dsn);
        warn = !dsn->stripped.empty() && !std::exchange(warned_stripped_, true);
    }
    if (warn) {
        std::string names;
        for (const auto& name : dsn->stripped)
            names += (names.empty() ? "" : ", ") + name;
        host_.log(LogLevel::warn, "database ", source_.name,
                  ": left out of its dsn, not for libpq or a pooler: ", names);
    }
    const Pooler pooler = effectivePooler(config_.pooler, *dsn);
    const std::uint64_t begun_ns = host_.nowNs();
    const std::uint64_t limit = begun_ns + nanoseconds(config_.connect_timeout) * dsn->host_count + kSecondNs;
    auto self = shared_from_this();
    auto job = std::make_shared<ConnectJob>(
        ConnectOrder{source_.name, std::move(*dsn), pooler, config_.connect_timeout, config_.statement_timeout,
                     config_.lock_timeout, budget_->closing()},
        [&jobs = jobs_] { return jobs.isStopping(); },
        [self, ended, begun_ns](Connected made) {  // nobody waits any more: on a worker thread
            // At the very end the kernel may not have waited for this thread; the place goes with the database.
            if (self->jobs_.isStopping()) return;
            auto* connected = std::get_if<Made>(&made);
            if (!connected) self->noteFailed(std::get<ConnectFailure>(made));
            ended(connected ? self->accept(std::move(*connected), begun_ns) : nullptr);
        });
    const howdah_status status = jobs_.run(context, job, std::min(limit, context.deadlineNs()));
    auto made = job->fetchOrLeave();
    if (!made) {
        auto on_time = context.goOn();
        if (!on_time) return final(on_time.error());
        return final(connectTimeout(source_.name, label(), (host_.nowNs() - begun_ns) / 1'000'000).error);
    }
    if (auto* failure = std::get_if<ConnectFailure>(&*made)) {
        noteFailed(*failure);
        ended(nullptr);
        // One that got no answer has cost the caller its whole time; another would cost as much again.
        const bool ends = failure->how.lasting || failure->how.silent;
        return Failure{failure->error, ends ? Outcome::answered : Outcome::not_sent};
    }
    auto connection = accept(std::move(std::get<Made>(*made)), begun_ns);
    if (status < 0) {  // it came as the wait ended; the next one will be glad of it
        ended(std::move(connection));
        return final(context.lastError());
    }
    Budget::Served served;
    const std::uint64_t now_ns = host_.nowNs();
    {
        std::lock_guard lock(mutex_);
        --connecting_;
        if (!line_.empty()) serveLine(now_ns, served);
    }
    for (const auto& event : served)
        event->set();
    return Granted{std::move(connection), holder};
}

std::unique_ptr<Connection> Database::accept(Made made, std::uint64_t begun_ns) {
    const std::uint64_t now_ns = host_.nowNs();
    const std::uint64_t expires_ns = expiryNs(now_ns, config_.lifetime, jitter());
    bool answers_again = false, closed = false, found_pooler = false;
    {
        std::lock_guard lock(mutex_);
        ++counts_.connects;
        answers_again = breaker_.isOpen();
        closed = breaker_.succeeded(now_ns);
        silence_.connected(now_ns - begun_ns);
        last_error_.clear();
        const std::string_view pooler = made.owns_session ? "none" : "transaction";
        found_pooler = config_.pooler == Pooler::automatic && !made.owns_session && pooler_ != pooler;
        pooler_ = pooler;
        certificate_until_s_ = made.certificate_until_s;
    }
    if (answers_again) host_.log(LogLevel::info, "database ", source_.name, " answers again (breaker half-open)");
    if (closed) host_.log(LogLevel::info, "database ", source_.name, " can be reached again (breaker closed)");
    if (found_pooler) {
        host_.log(LogLevel::info, "database ", source_.name,
                  " is behind a pooler: nothing is prepared or set on its sessions; pool.pooler says otherwise");
    }
    return std::make_unique<Connection>(std::move(made), config_.statement_cache_max, now_ns, expires_ns);
}

void Database::noteFailed(const ConnectFailure& failure) {
    if (failure.of_our_own) return;
    const std::uint64_t now_ns = host_.nowNs();
    const double share = jitter();
    bool opened = false;
    Budget::Served served;
    {
        std::lock_guard lock(mutex_);
        if (!failure.how.still) ++counts_.connect_failures;
        last_error_ = failure.error.message;
        last_error_ns_ = now_ns;
        last_hint_ = failure.error.hint.empty() ? "see howdah doctor" : failure.error.hint;
        opened = breaker_.failed(now_ns, failure.how, share);
        if (opened) ++counts_.breaker_openings;
        if (breaker_.isOpen() && !line_.empty()) serveLine(now_ns, served);
    }
    for (const auto& event : served)
        event->set();
    if (!opened) return;
    host_.log(LogLevel::error, failure.error.message,
              "; statements are refused until it can be reached (breaker open)");
    keeper_wakes_.set();
}

}  // namespace howdah::pool
