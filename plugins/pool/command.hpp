// One statement made ready to be sent, the same for every try.
//
// Errors: invalid_argument for a text or parameter PostgreSQL could not take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <howdah/abi/sql.h>

#include "config.hpp"
#include "parameters.hpp"
#include "statement_text.hpp"

namespace howdah::pool {

struct Command {
    bool writes = false;
    bool resets = false;                        // the session, once it is over: always of a write
    bool dry_run = false;                       // a write that is rolled back
    std::string explain;                        // of a dry run: EXPLAIN of the statement; empty where there is none
    std::optional<std::uint64_t> affected_max;  // rows a write may change
    bool stable = false;                        // a read through a cursor that may be gone on with
    StatementText text;
    Parameters parameters;
    std::uint64_t rows_max = 0;
    std::uint64_t bytes_max = 0;
    std::uint64_t cell_bytes_max = 0;
    milliseconds timeout{0};       // how long the server lets it run
    milliseconds lock_timeout{0};  // and wait for one lock, 0 = no limit of its own

    // The caller's settings and, where it differs from the session's default, the timeout: one statement,
    // select set_config($1, $2, true), ...
    struct Settings {
        std::string sql;        // empty: nothing to set
        Parameters parameters;  // name, value, name, value, ...
    };
    Settings settings;
    // The same for a connection whose session is not ours: everything the session would have been told as well.
    Settings settingsWithoutSession() const;

    // remaining: until the request's deadline.
    static Result<Command> from(const howdah_execution& execution, const Config& config, milliseconds remaining);
};

}  // namespace howdah::pool
