#include "connector.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>

#include "session_settings.hpp"

namespace howdah::pool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kGoodbyeLimit{300};  // for servers to let closed connections go
constexpr milliseconds kCancelLimit{2000};  // for one cancel, also while the plugin stops

// Notices of the server can quote rows and have no reader here; libpq would print them to stderr.
void ignoreNotice(void*, const PGresult*) {}

// One statement, before the connection goes into pipeline mode; gives the first value of its row.
std::optional<std::string> runBlocking(PGconn* connection, const char* sql, const Parameters& parameters,
                                       Clock::time_point deadline, const std::function<bool()>& is_stopping) {
    if (PQsendQueryParams(connection, sql, parameters.count(), nullptr, parameters.values(), nullptr, nullptr, 0) != 1)
        return std::nullopt;
    std::optional<std::string> value;
    for (;;) {
        while (PQflush(connection) == 1) {
            if (!pollSocket(PQsocket(connection), POLLIN | POLLOUT, deadline, is_stopping)) return std::nullopt;
            if (PQconsumeInput(connection) == 0) return std::nullopt;
        }
        while (PQisBusy(connection)) {
            if (!pollSocket(PQsocket(connection), POLLIN, deadline, is_stopping)) return std::nullopt;
            if (PQconsumeInput(connection) == 0) return std::nullopt;
        }
        ResultPtr result(PQgetResult(connection));
        if (!result) return value;
        if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) value = PQgetvalue(result.get(), 0, 0);
    }
}

// A server that still counts a closed connection would refuse the one that takes its place.
void awaitGoodbyes(const std::vector<std::shared_ptr<WatchedDescriptor>>& closing,
                   const std::function<bool()>& is_stopping) {
    const auto deadline = Clock::now() + kGoodbyeLimit;
    for (const auto& one : closing) {
        while (!one->hasEnded() && pollSocket(one->get(), POLLIN, deadline, is_stopping))
            continue;
    }
}

// What the parameters, the environment and a service file say together: how many hosts, and what to call them.
void describeTarget(PGconn* pg, Dsn& dsn) {
    PQconninfoOption* options = PQconninfo(pg);
    std::string host, port, dbname;
    for (const PQconninfoOption* option = options; option && option->keyword; ++option) {
        const std::string_view keyword = option->keyword;
        if (!option->val) continue;
        if (keyword == "host") host = option->val;
        if (keyword == "hostaddr" && host.empty()) host = option->val;
        if (keyword == "port") port = option->val;
        if (keyword == "dbname") dbname = option->val;
    }
    PQconninfoFree(options);
    if (dsn.value("service").empty() || host.empty()) return;
    dsn.label = concat(host, ':', port, '/', dbname);
    dsn.host_count = 1 + static_cast<std::size_t>(std::count(host.begin(), host.end(), ','));
}

// Until when the server's certificate is valid, seconds since 1970; 0 without TLS.
std::int64_t certificateUntil(PGconn* pg) {
    auto* session = static_cast<SSL*>(PQsslStruct(pg, "OpenSSL"));
    const X509* certificate = session ? SSL_get0_peer_certificate(session) : nullptr;
    std::tm until{};
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) != 1) return 0;
    return timegm(&until);
}

}  // namespace

// A statement whose connection has been closed is ended too, where the server can look (PostgreSQL 14 on Linux).
const std::string& sessionSetup() {
    static const std::string text = [] {
        const std::string ours = "$2::int in (0, pg_catalog.pg_backend_pid())";
        std::string sql = concat("select ", ours, ", case when ", ours,
                                 " then pg_catalog.set_config('statement_timeout', $1, false) || "
                                 "pg_catalog.set_config('lock_timeout', $3, false)");
        for (const auto& [name, value] : kSessionSettings)
            sql += concat(" || pg_catalog.set_config('", name, "', '", value, "', false)");
        // Text of no declared encoding is read as it is: PostgreSQL would refuse what is no UTF-8.
        return sql +
               concat(" end, case when ", ours,
                      " and pg_catalog.current_setting('server_version_num')::int >= 140000 and "
                      "pg_catalog.version() ~ 'linux' "
                      "then pg_catalog.set_config('client_connection_check_interval', '1000', false) end, case when ",
                      ours,
                      " and pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' "
                      "then pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) end");
    }();
    return text;
}

Parameters sessionParameters(milliseconds statement_timeout, milliseconds lock_timeout, PGconn* pg) {
    return Parameters::ofTexts({std::to_string(statement_timeout.count()), std::to_string(pg ? PQbackendPID(pg) : 0),
                                std::to_string(lock_timeout.count())});
}

Connected connectBlocking(ConnectOrder order, const std::function<bool()>& is_stopping) {
    awaitGoodbyes(order.closing, is_stopping);
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (const auto& [keyword, value] : order.dsn.parameters) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);

    const auto begun = Clock::now();
    PgPtr pg(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!pg) return ConnectFailure{Error::internal("no memory for a connection"), {}, true};
    describeTarget(pg.get(), order.dsn);
    const auto span = order.timeout * static_cast<milliseconds::rep>(order.dsn.host_count);
    const auto deadline = begun + span;
    auto late = [&]() -> ConnectFailure {
        if (is_stopping()) return {Error::cancelled("the pool is being stopped"), {}, true};
        return connectTimeout(order.database, order.dsn.label, static_cast<std::uint64_t>(span.count()));
    };
    auto refused = [&] { return connectFailure(order.database, order.dsn, PQerrorMessage(pg.get())); };
    PQsetErrorVerbosity(pg.get(), PQERRORS_VERBOSE);  // shows the SQLSTATE, which libpq gives no other way here
    PQsetNoticeReceiver(pg.get(), &ignoreNotice, nullptr);
    CancelKeyListener listener(pg.get());

    PostgresPollingStatusType step =
        PQstatus(pg.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        if (step == PGRES_POLLING_FAILED) return refused();
        short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!pollSocket(PQsocket(pg.get()), events, deadline, is_stopping)) return late();
        step = PQconnectPoll(pg.get());
    }
    Made made;
    made.cancel_key = listener.finish();
    made.certificate_until_s = certificateUntil(pg.get());
    if (PQsetnonblocking(pg.get(), 1) != 0) return late();
    // A pooler lets in whoever it knows, with or without a server behind it: only an answer counts.
    const bool pooled = order.pooler == Pooler::transaction;
    const bool find_out = order.pooler == Pooler::automatic;
    auto told =
        pooled
            ? runBlocking(pg.get(), "select 'f'", {}, deadline, is_stopping)
            : runBlocking(pg.get(), sessionSetup().c_str(),
                          sessionParameters(order.statement_timeout, order.lock_timeout, find_out ? pg.get() : nullptr),
                          deadline, is_stopping);
    if (!told) return Clock::now() >= deadline || is_stopping() ? late() : refused();
    made.owns_session = *told == "t";
    if (PQenterPipelineMode(pg.get()) != 1)
        return ConnectFailure{Error::internal("libpq refuses pipeline mode"), {.lasting = true}, true};
    made.pg = std::move(pg);
    return made;
}

void ConnectJob::drop() {
    settle(ConnectFailure{Error::unavailable("no worker was free to connect to database ", order_.database), {}, true});
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
    // One that does not arrive needs no report: whoever asked for it closes the connection after two seconds.
    delivered_ = request_.deliver(Clock::now() + kCancelLimit);
}

}  // namespace howdah::pool
