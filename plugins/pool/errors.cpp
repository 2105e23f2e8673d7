#include "errors.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace howdah::pool {
namespace {

std::string_view field(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text ? std::string_view(text) : std::string_view{};
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// "FATAL:  28P01: password ..." in whatever language: the five characters between two colons.
std::string_view sqlstateIn(std::string_view message) {
    for (std::size_t at = message.find(": "); at != std::string_view::npos; at = message.find(": ", at + 2)) {
        std::size_t begin = message.find_first_not_of(' ', at + 1);
        if (begin == std::string_view::npos || begin + 6 > message.size() || message[begin + 5] != ':') continue;
        std::string_view state = message.substr(begin, 5);
        // Every state has a digit, so a severity word such as FATAL is none.
        bool plausible = std::all_of(state.begin(), state.end(),
                                     [](unsigned char c) { return std::isdigit(c) || std::isupper(c); }) &&
                         state.find_first_of("0123456789") != std::string_view::npos;
        if (plausible) return state;
    }
    return {};
}

std::string_view firstLine(std::string_view message) {
    return message.substr(0, message.find('\n'));
}

ConnectFailure lasting(Error error) {
    return {std::move(error), {.lasting = true, .answered = true}};
}
ConnectFailure passing(Error error, std::uint64_t retry_after_ms, bool answered = false) {
    error.retry_after_ms = retry_after_ms;
    return {std::move(error), {.answered = answered}};
}

// Why a password that stands in a file may not have been found there.
std::string passwordHint(const Dsn& dsn) {
    const std::string trouble = passfileTrouble(dsn);
    return trouble.empty() ? "check user and password of its dsn and the server's pg_hba.conf; howdah reload takes a "
                             "new secret file"
                           : trouble;
}

}  // namespace

ConnectFailure connectFailure(std::string_view database, const Dsn& dsn, std::string_view message) {
    std::string_view state = sqlstateIn(message);
    std::string where = concat("database ", database, " (", dsn.label, ")");
    auto say = [&](std::string_view what, std::string_view hint) {
        Error error = Error::unavailable(where, ' ', what).withHint(concat(hint, "; howdah doctor shows every source"));
        error.detail = firstLine(message);
        return error;
    };
    if (state == "28P01" || state == "28000" || contains(message, "no password supplied")) {
        return lasting(say(concat("refuses this user or password", state.empty() ? "" : concat(" (", state, ")")),
                           passwordHint(dsn)));
    }
    if (state == "3D000") return lasting(say("does not exist on that server (3D000)", "check the dbname of its dsn"));
    if (state == "53300") {
        return passing(
            say("has no connection left (53300)", "lower pool.connections_max, or raise max_connections of the server"),
            1000, true);
    }
    if (state == "57P01" || state == "57P02") {
        return passing(say(concat("ended the connection while it was being made (", state, ")"), "try again"), 100);
    }
    if (state == "57P03") return passing(say("is starting up or shutting down (57P03)", "try again shortly"), 500);
    if (state == "42501" || state == "55000") {
        return lasting(
            say(concat("does not let this role in (", state, ")"), "grant CONNECT on it, or use another role"));
    }
    if (contains(message, "unsupported startup parameter")) {
        return lasting(say("is behind a pooler that refuses a setting of its dsn (options)",
                           "take options out of the dsn and PGOPTIONS, or list it in the pooler's "
                           "ignore_startup_parameters"));
    }
    // libpq has asked each host what it is.
    if (contains(message, "session is read-only") || contains(message, "server is in hot standby mode") ||
        contains(message, "server is not in hot standby mode") || contains(message, "session is not read-only")) {
        return passing(say(concat("has no host that is what its dsn wants (target_session_attrs=",
                                  dsn.value("target_session_attrs"), ")"),
                           "promote a server, or name all hosts in its dsn"),
                       500);
    }
    if (contains(message, "certificate") || contains(message, "SSL") || contains(message, "root.crt")) {
        return lasting(say("cannot be reached over TLS as its dsn asks",
                           "check sslmode and sslrootcert of its dsn against the server's certificate"));
    }
    if (contains(message, "definition of service") || contains(message, "service file")) {
        return lasting(say("is named by a service that cannot be found", "check service, PGSERVICEFILE and its file"));
    }
    if (contains(message, "could not translate host name")) {
        return passing(say("has a host name that does not resolve", "check the host of its dsn and this machine's DNS"),
                       1000);
    }
    if (contains(message, "Connection refused") || contains(message, "No such file or directory")) {
        return passing(
            say("refuses connections: no server listens there", "start the server, or correct host and port"), 1000);
    }
    if (!state.empty() && !state.starts_with("08") && !state.starts_with("57")) {
        return lasting(say(concat("refuses the connection (", state, ")"), "see the detail"));
    }
    return passing(say("cannot be reached", "check that host and port can be reached from here"), 1000);
}

ConnectFailure connectTimeout(std::string_view database, std::string_view label, std::uint64_t waited_ms) {
    Error error = Error::unavailable("database ", database, " (", label, ") did not answer within ", waited_ms, " ms")
                      .withHint("check host, port and firewall; howdah doctor shows every source");
    ConnectFailure failure = passing(std::move(error), 1000);
    failure.how.silent = true;
    return failure;
}

ConnectFailure standstill(std::string_view database, std::string_view label) {
    Error error = Error::unavailable("database ", database, " (", label,
                                     ") stands still: it answers neither statements nor the request to cancel one")
                      .withHint("look at the load, the disk and the network of its host");
    ConnectFailure failure = passing(std::move(error), 1000);
    failure.how.still = true;
    return failure;
}

std::string_view sqlstateOf(const PGresult* result) {
    return field(result, PG_DIAG_SQLSTATE);
}

bool endsConnection(const PGresult* result) {
    // Not translated, and not sent by poolers; these say FATAL in English.
    std::string_view severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity.empty()) severity = field(result, PG_DIAG_SEVERITY);
    if (severity == "FATAL" || severity == "PANIC") return true;
    // 08P01 is what the server says to a wrong number of parameters; the connection goes on.
    std::string_view state = sqlstateOf(result);
    return endsServer(state) || (state.starts_with("08") && state != "08P01");
}

bool endsServer(std::string_view sqlstate) {
    return sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03";
}

Error statementError(const PGresult* result, const StatementText& text) {
    std::string_view state = sqlstateOf(result);
    std::string_view message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (state.empty()) return Error::internal("libpq: ", firstLine(PQresultErrorMessage(result)));

    Error error = Error::database(std::string(state), message);
    error.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
    error.hint = field(result, PG_DIAG_MESSAGE_HINT);
    std::string_view digits = field(result, PG_DIAG_STATEMENT_POSITION);
    std::uint32_t position = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), position);
    error.position = text.callersPosition(position);
    if (error.hint.empty()) {
        if (state == "25006") error.hint = "reads run in a READ ONLY transaction; writing needs access: read_write";
        if (state == "55P03")
            error.hint =
                "another transaction holds a lock this needs: pg_locks joined with pg_stat_activity by pid shows "
                "whose; try again when it has ended, or raise pool.lock_timeout_ms";
        if (state == "08P01") error.hint = "give one value in params for each of $1, $2, ... in the statement";
        if (state == "25001") error.hint = "this statement cannot run inside a transaction, and every one here does";
    }
    return error;
}

Error brokenConnection(std::string_view database, std::string_view label) {
    return Error::unavailable("the connection to database ", database, " (", label, ") was lost")
        .withHint("try again; howdah doctor shows every source");
}

}  // namespace howdah::pool
