#include "connector.hpp"

#include <chrono>

#include <poll.h>

#include "session_settings.hpp"

namespace howdah::pool {
namespace {

using Clock = std::chrono::steady_clock;

enum class Polled { ready, late };

// Waits in slices, so that stopping the plugin is not held up by a server that never answers.
Polled pollSocket(PGconn* connection, short events, Clock::time_point deadline,
                  const std::function<bool()>& is_stopping) {
    for (;;) {
        auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
        if (left.count() <= 0 || is_stopping()) return Polled::late;
        pollfd watched{PQsocket(connection), events, 0};
        int slice = static_cast<int>(std::min<milliseconds::rep>(left.count() + 1, 50));
        if (poll(&watched, 1, slice) > 0) return Polled::ready;
    }
}

// Notices of the server can quote rows and have no reader here; libpq would print them to stderr.
void ignoreNotice(void*, const PGresult*) {}

// One statement, before the connection goes into pipeline mode.
bool runBlocking(PGconn* connection, const char* sql, const Parameters& parameters, Clock::time_point deadline,
                 const std::function<bool()>& is_stopping) {
    if (PQsendQueryParams(connection, sql, parameters.count(), nullptr, parameters.values(), nullptr, nullptr, 0) != 1)
        return false;
    bool done_well = true;
    for (;;) {
        while (PQflush(connection) == 1) {
            if (pollSocket(connection, POLLIN | POLLOUT, deadline, is_stopping) == Polled::late) return false;
            if (PQconsumeInput(connection) == 0) return false;
        }
        while (PQisBusy(connection)) {
            if (pollSocket(connection, POLLIN, deadline, is_stopping) == Polled::late) return false;
            if (PQconsumeInput(connection) == 0) return false;
        }
        ResultPtr result(PQgetResult(connection));
        if (!result) return done_well;
        done_well = done_well && PQresultStatus(result.get()) == PGRES_TUPLES_OK;
    }
}

}  // namespace

// A statement whose connection has been closed is ended too, where the server can look (PostgreSQL 14 on Linux).
const std::string& sessionSetup() {
    static const std::string text = [] {
        std::string sql = "select pg_catalog.set_config('statement_timeout', $1, false), ";
        for (const auto& [name, value] : kSessionSettings)
            sql += concat("pg_catalog.set_config('", name, "', '", value, "', false), ");
        return sql +
               "case when pg_catalog.current_setting('server_version_num')::int >= 140000 and pg_catalog.version() ~ "
               "'linux' then pg_catalog.set_config('client_connection_check_interval', '1000', false) end";
    }();
    return text;
}

Connected connectBlocking(const ConnectOrder& order, const std::function<bool()>& is_stopping) {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (const auto& [keyword, value] : order.dsn.parameters) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);

    auto span = order.timeout * static_cast<milliseconds::rep>(order.dsn.host_count);
    auto deadline = Clock::now() + span;
    auto late = [&]() -> ConnectFailure {
        if (is_stopping()) return {Error::cancelled("the pool is being stopped"), false, true};
        return connectTimeout(order.database, order.dsn.label, static_cast<std::uint64_t>(span.count()));
    };
    PgPtr pg(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!pg) return ConnectFailure{Error::internal("no memory for a connection"), false, true};
    PQsetErrorVerbosity(pg.get(), PQERRORS_VERBOSE);  // shows the SQLSTATE, which libpq gives no other way here
    PQsetNoticeReceiver(pg.get(), &ignoreNotice, nullptr);

    PostgresPollingStatusType step =
        PQstatus(pg.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        if (step == PGRES_POLLING_FAILED) {
            return connectFailure(order.database, order.dsn.label, PQerrorMessage(pg.get()));
        }
        short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (pollSocket(pg.get(), events, deadline, is_stopping) == Polled::late) return late();
        step = PQconnectPoll(pg.get());
    }
    if (PQsetnonblocking(pg.get(), 1) != 0) return late();
    if (order.pooler != Pooler::transaction) {
        auto timeout = Parameters::ofTexts({std::to_string(order.statement_timeout.count())});
        if (!runBlocking(pg.get(), sessionSetup().c_str(), timeout, deadline, is_stopping)) {
            if (Clock::now() >= deadline) return late();
            return connectFailure(order.database, order.dsn.label, PQerrorMessage(pg.get()));
        }
    }
    if (PQenterPipelineMode(pg.get()) != 1)
        return ConnectFailure{Error::internal("libpq refuses pipeline mode"), true, true};
    return pg;
}

void ConnectJob::drop() {
    settle(
        ConnectFailure{Error::unavailable("no worker was free to connect to database ", order_.database), false, true});
}

void ConnectJob::settle(Connected made) {
    {
        std::lock_guard lock(mutex_);
        if (!left_) {
            made_ = std::move(made);
            return;
        }
    }
    receiver_(std::move(made));
}

std::optional<Connected> ConnectJob::fetchOrLeave() {
    std::lock_guard lock(mutex_);
    if (!made_) left_ = true;
    return std::exchange(made_, std::nullopt);
}

void CancelJob::work() {
    char reason[256];
    // A cancel that does not arrive needs no report: whoever asked for it closes the connection after two seconds.
    if (cancel_) PQcancel(cancel_, reason, sizeof reason);
}

}  // namespace howdah::pool
