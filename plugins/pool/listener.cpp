#include "listener.hpp"

#include <algorithm>
#include <charconv>

#include "connector.hpp"

namespace howdah::pool {
namespace {

constexpr std::uint64_t kListenLimit_ns = 5 * kSecondNs;  // to begin with, after connecting

// What is lost by a crash of the server is told to nobody by it either: the connection ends. So none of it need reach
// the disk.
const std::string kPrepare = "select pg_catalog.set_config('synchronous_commit', 'off', false)";
const std::string kServer =
    "select pg_catalog.concat_ws(' ', d.oid, pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()))"
    " from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()";
const std::string kTell = "select pg_catalog.pg_notify($1, $2)";

// Connecting that tells when it is over, whoever runs it.
class AnnouncedConnect final : public Job {
public:
    AnnouncedConnect(const Host& host, std::shared_ptr<ConnectJob> job) : ended(host), job_(std::move(job)) {}
    void work() override {
        job_->work();
        ended.set();
    }
    void drop() override {
        job_->drop();
        ended.set();
    }
    Event ended;

private:
    std::shared_ptr<ConnectJob> job_;
};

// Beside the pool's count: it is lent to nobody, and must not take the place of one that is.
Result<std::unique_ptr<Connection>> connectApart(const Context& context, const Database& database, Jobs& jobs) {
    auto dsn = database.resolveDsn(context);
    if (!dsn) return std::move(dsn).error();
    if (dsn->host_count > 1)
        return Error::refused("the connection string of database ", database.name(),
                              " names several hosts: what one of them tells says nothing about what another answers")
            .withHint("name one host");
    const Config& config = database.config();
    const Pooler pooler = effectivePooler(config.pooler, *dsn);
    const Host& host = database.host();
    const std::uint64_t begun_ns = host.nowNs();
    const std::uint64_t limit_ns = begun_ns + nanoseconds(config.connect_timeout) + kSecondNs;
    const auto connect = std::make_shared<ConnectJob>(
        ConnectOrder{database.name(),
                     std::move(*dsn),
                     pooler,
                     config.connect_timeout,
                     config.statement_timeout,
                     config.lock_timeout,
                     {}},
        [&jobs] { return jobs.isStopping(); }, [](Connected) {});  // one that comes too late is closed
    const auto job = std::make_shared<AnnouncedConnect>(host, connect);
    if (!jobs.start(job)) return Error::unavailable("no worker thread is free to connect").withHint("try again");
    const howdah_status waited = job->ended.wait(context, limit_ns);
    auto made = connect->fetchOrLeave();
    if (!made) {
        if (waited == HOWDAH_ERROR_CANCELLED) return context.lastError();
        return connectTimeout(database.name(), database.label(), (host.nowNs() - begun_ns) / 1'000'000).error;
    }
    if (auto* failure = std::get_if<ConnectFailure>(&*made)) return std::move(failure->error);
    Made& got = std::get<Made>(*made);
    if (!got.owns_session)
        return Error::refused("database ", database.name(), " is behind a transaction pooler: nobody can listen there");
    return std::make_unique<Connection>(std::move(got), 0, host.nowNs(), UINT64_MAX);
}

bool isChannel(std::string_view name) {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= 63 && (name[0] < '0' || name[0] > '9') &&
           std::all_of(name.begin(), name.end(), fits);
}

struct FreeNotice {
    void operator()(PGnotify* notice) const { PQfreemem(notice); }
};

}  // namespace

class Listener::Turn {
public:
    explicit Turn(Listener& listener) : listener_(listener), taken_(!listener.busy_.exchange(true)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        if (taken_) listener_.busy_ = false;
    }
    Result<void> check() const {
        if (!taken_) return Error::refused("a listener serves one call at a time");
        if (listener_.ended_) return listener_.gone();
        return {};
    }

private:
    Listener& listener_;
    const bool taken_;
};

Result<std::shared_ptr<Listener>> Listener::open(const Context& context, const std::shared_ptr<Database>& database,
                                                 Jobs& jobs, std::string_view channel) {
    if (!isChannel(channel))
        return Error::invalidArgument("a channel has 1 to 63 of a-z, 0-9 and _, and no digit first");
    auto connection = connectApart(context, *database, jobs);
    if (!connection) return std::move(connection).error();
    if (auto attached = (*connection)->attach(context); !attached) return std::move(attached).error();
    if (context.host().query().connect_database(context.raw(), toAbi(database->name())) < 0) return context.lastError();
    std::shared_ptr<Listener> listener(new Listener(database, std::move(*connection), std::string(channel)));
    if (auto listens = listener->listen(context, database->host().nowNs() + kListenLimit_ns); !listens)
        return std::move(listens).error();
    return listener;
}

// What it has told itself comes back, so it does hear.
Result<void> Listener::listen(const Context& context, std::uint64_t deadline_ns) {
    if (auto set = ask(context, kPrepare, {}, deadline_ns); !set) return std::move(set).error();
    if (auto begun = ask(context, concat("listen ", channel_), {}, deadline_ns); !begun)
        return std::move(begun).error();
    auto server = ask(context, kServer, {}, deadline_ns);
    if (!server) return std::move(server).error();
    server_ = std::move(*server);
    return prove(context, deadline_ns);
}

// One statement with its own transaction; the first value of its row, or "".
Result<std::string> Listener::ask(const Context& context, const std::string& sql, std::vector<std::string> parameters,
                                  std::uint64_t deadline_ns) {
    const Parameters given = Parameters::ofTexts(std::move(parameters));
    if (!connection_->execute(sql, given) || !connection_->sync()) return gone();
    if (const Wait sent = connection_->flush(context, deadline_ns); sent != Wait::ready)
        return whatEnded(context, sent, "to be asked");
    std::string value;
    std::optional<Error> failed;
    for (bool synced = false; !synced;) {
        if (const Wait came = connection_->await(context, deadline_ns); came != Wait::ready)
            return whatEnded(context, came, "to answer");
        const ResultPtr result = connection_->take();
        if (PQstatus(connection_->raw()) != CONNECTION_OK) return gone();
        if (!result) continue;
        const ExecStatusType status = PQresultStatus(result.get());
        synced = status == PGRES_PIPELINE_SYNC;
        if (status == PGRES_FATAL_ERROR) failed = statementError(result.get(), StatementText(sql, nullptr, 0, 0));
        if (status == PGRES_TUPLES_OK && PQntuples(result.get()) > 0 && PQnfields(result.get()) > 0)
            value = PQgetvalue(result.get(), 0, 0);
    }
    if (failed) return std::move(*failed);
    return value;
}

Result<std::optional<std::string_view>> Listener::next(const Context& context, std::uint64_t deadline_ns) {
    const Turn turn(*this);
    if (auto may = turn.check(); !may) return std::move(may).error();
    for (;;) {
        if (!told_.empty()) {
            taken_ = std::move(told_.front());
            told_.pop_front();
            told_bytes_ -= taken_.size();
            return std::optional<std::string_view>(taken_);
        }
        if (auto here = connection_->attach(context); !here) return std::move(here).error();
        const Wait heard = connection_->hear(context, deadline_ns);
        if (heard == Wait::timeout && database_->host().nowNs() >= deadline_ns)
            return std::optional<std::string_view>();
        if (heard != Wait::ready) return whatEnded(context, heard, "to tell something");
        collect();
        if (ended_) return gone();
    }
}

Result<void> Listener::catchUp(const Context& context, std::uint64_t deadline_ns) {
    const Turn turn(*this);
    if (auto may = turn.check(); !may) return may;
    if (auto here = connection_->attach(context); !here) return here;
    return prove(context, deadline_ns);
}

// The queue of the server is one, and read in its order: what stands before this notice has been read when it is.
Result<void> Listener::prove(const Context& context, std::uint64_t deadline_ns) {
    const std::uint64_t number = ++asked_;
    if (auto told = ask(context, kTell, {channel_, std::to_string(number)}, deadline_ns); !told) {
        ended_ = true;  // what it would answer yet is nobody's
        return std::move(told).error();
    }
    collect();
    while (heard_ < number && !ended_) {
        const Wait heard = connection_->hear(context, deadline_ns);
        if (heard != Wait::ready) return whatEnded(context, heard, "to tell what it was told");
        collect();
    }
    return ended_ ? Result<void>(gone()) : Result<void>{};
}

void Listener::collect() {
    const int own = PQbackendPID(connection_->raw());
    while (const std::unique_ptr<PGnotify, FreeNotice> notice{PQnotifies(connection_->raw())}) {
        const std::string_view payload = notice->extra ? notice->extra : "";
        if (notice->be_pid == own) {
            std::uint64_t number = 0;
            const auto read = std::from_chars(payload.data(), payload.data() + payload.size(), number);
            if (read.ec == std::errc() && number <= asked_) heard_ = std::max(heard_, number);
            continue;
        }
        if (told_.size() >= kToldMax || told_bytes_ + payload.size() > kToldBytesMax) {
            ended_ = true;
            return;
        }
        told_.emplace_back(payload);
        told_bytes_ += payload.size();
    }
    if (PQstatus(connection_->raw()) != CONNECTION_OK) ended_ = true;
}

Error Listener::whatEnded(const Context& context, Wait wait, std::string_view what) {
    if (wait == Wait::cancelled) return context.lastError();
    if (wait == Wait::timeout)
        return Error::timeout("database ", database_->name(), " took too long ", what, " to its listener");
    return gone();
}

Error Listener::gone() {
    ended_ = true;
    return Error::unavailable("the connection that listens to database ", database_->name(),
                              " has ended; what was told since is lost");
}

// --- by number

bool Listeners::hasRoom() const {
    const std::lock_guard lock(mutex_);
    return listeners_.size() < kMax;
}

Result<std::uint64_t> Listeners::add(std::shared_ptr<Listener> listener) {
    const std::lock_guard lock(mutex_);
    if (listeners_.size() >= kMax)
        return Error::unavailable("the pool has ", kMax, " listeners, which is as many as may be");
    listeners_.emplace(++last_, std::move(listener));
    return last_;
}

std::shared_ptr<Listener> Listeners::find(std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = listeners_.find(number);
    return found == listeners_.end() ? nullptr : found->second;
}

void Listeners::remove(std::uint64_t number) {
    std::shared_ptr<Listener> removed;  // closed outside the lock, and not before a call that is inside has left
    {
        const std::lock_guard lock(mutex_);
        if (auto found = listeners_.extract(number)) removed = std::move(found.mapped());
    }
    if (removed) removed->end();
}

void Listeners::clear() {
    decltype(listeners_) removed;
    {
        const std::lock_guard lock(mutex_);
        removed.swap(listeners_);
    }
    for (const auto& [number, listener] : removed)
        listener->end();
}

}  // namespace howdah::pool
