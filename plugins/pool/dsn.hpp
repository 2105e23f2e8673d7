// A connection string, in either of libpq's forms, made ready for libpq.
//
// Strings copied from hosting panels carry parameters of other drivers (?pgbouncer=true, connection_limit=1), which
// libpq refuses. Those known to be foreign and harmless are left out and named; anything else unknown is an error, so
// that a misspelt sslmode never turns into an unencrypted connection.
//
// Errors: invalid_argument; never quotes a value of the string, only keywords.
// Source: PostgreSQL manual, libpq, "Connection Strings".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/result.hpp>

#include "config.hpp"

namespace howdah::pool {

struct Dsn {
    std::vector<std::pair<std::string, std::string>> parameters;  // keywords libpq knows, our defaults added
    std::vector<std::string> stripped;                            // keywords left out
    std::string label;                                            // "host:port/dbname", fit for messages
    bool transaction_pooler = false;                              // pgbouncer=true, port 6543 or a known host name
    std::size_t host_count = 1;

    static Result<Dsn> parse(std::string_view text);

    std::string_view value(std::string_view keyword) const;  // empty if absent

    // A transaction pooler takes no settings (-c name=value) at the start: leaves them out of `options`, as they would
    // not stay with the session either.
    void dropStartupSettings();
};

// Why libpq takes no password from the file it would look in: it says so to stderr only. "" if it does, or need not.
std::string passfileTrouble(const Dsn& dsn);

// What the configuration and the connection string together say; automatic: it is found out by connecting.
Pooler effectivePooler(Pooler configured, const Dsn& dsn);

}  // namespace howdah::pool
