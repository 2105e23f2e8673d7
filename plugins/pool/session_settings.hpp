// What every statement relies on, whatever a role or database sets: told to a session that is ours once, and to one
// behind a transaction pooler with each transaction.
//
// What answers look like must not depend on the server's configuration: intervals are pinned to PostgreSQL's own style,
// dates to ISO, floats to their shortest exact form. standard_conforming_strings is how the guard's grammar reads
// strings; off, a backslash would end them elsewhere. A transaction that hangs between two of our messages is ended.
#pragma once

#include <array>

namespace howdah::pool {

struct SessionSetting {
    const char* name;
    const char* value;
};

inline constexpr std::array<SessionSetting, 6> kSessionSettings{{
    {"DateStyle", "ISO"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "3"},
    {"bytea_output", "hex"},
    {"standard_conforming_strings", "on"},
    {"idle_in_transaction_session_timeout", "60000"},
}};

}  // namespace howdah::pool
