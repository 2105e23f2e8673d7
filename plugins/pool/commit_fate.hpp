// What became of a transaction whose COMMIT was sent and never answered: its id, learnt before, is looked up on another
// connection.
//
// The server keeps that knowledge over a crash or restart of its own. It is not asked of another server: after a
// failover the same number may be somebody else's, so the timeline, which each promotion changes, must be the same.
//
// Threads: the request's.
// Errors:  none; what cannot be found out in the request's time is unknown, with the reason.
// Source:  PostgreSQL manual, "System Information Functions", pg_xact_status.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "database.hpp"

namespace howdah::pool {

// Runs in the transaction, behind its statement and in the same round trip: the id and the server's timeline.
inline constexpr std::string_view kNameTransaction =
    "select pg_catalog.pg_current_xact_id_if_assigned(), "
    "pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8)";

struct TransactionName {
    std::string id;  // "" where nothing had been written by then
    std::string timeline;

    static TransactionName from(const PGresult* result);
};

struct Fate {
    enum class Kind : std::uint8_t { committed, aborted, unknown };
    Kind kind = Kind::unknown;
    std::string reason;  // of unknown
};

// What one answer to the question means; nothing while the transaction is still under way.
std::optional<Fate> fateFrom(std::string_view status, bool is_null, std::string_view timeline,
                             const TransactionName& transaction);

// Asks, again and again until there is an answer or the request's time is over.
Fate fateOf(const Context& context, const std::shared_ptr<Database>& database, const TransactionName& transaction);

}  // namespace howdah::pool
