// What libpq and the server say, as errors that tell the reader what to do next.
//
// Errors: a database error keeps SQLSTATE, detail, hint and position; connection trouble becomes unavailable and names
//         host:port/dbname. Passwords and connection strings never enter a text.
// Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
#pragma once

#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <howdah/result.hpp>

#include "breaker.hpp"
#include "dsn.hpp"
#include "statement_text.hpp"

namespace howdah::pool {

// Why a connection could not be made.
struct ConnectFailure {
    Error error;
    Breaker::Failed how;
    bool of_our_own = false;  // no worker was free, we are stopping: says nothing about the server
};

// message: PQerrorMessage() of a connection made with PQERRORS_VERBOSE, which shows the SQLSTATE.
ConnectFailure connectFailure(std::string_view database, const Dsn& dsn, std::string_view message);
ConnectFailure connectTimeout(std::string_view database, std::string_view label, std::uint64_t waited_ms);
// Neither a statement nor the request to cancel it was answered.
ConnectFailure standstill(std::string_view database, std::string_view label);

// The SQLSTATE of a failed result, "" if libpq made it itself.
std::string_view sqlstateOf(const PGresult* result);

// The server or a pooler before it ends this connection: it says FATAL, 57P01..03 or a class 08.
bool endsConnection(const PGresult* result);
// All of that server's connections are about to end or useless (57P01..03).
bool endsServer(std::string_view sqlstate);

Error statementError(const PGresult* result, const StatementText& text);

// libpq says the connection is gone; nothing of it is quoted.
Error brokenConnection(std::string_view database, std::string_view label);

}  // namespace howdah::pool
