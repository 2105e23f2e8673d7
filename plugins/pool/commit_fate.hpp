// What became of a transaction whose COMMIT was sent and never answered: its id, learnt before, is looked up on another
// connection.
//
// The server keeps that knowledge over a restart. It is not asked of another server: after a failover the same number
// may be somebody else's, so the timeline, which each promotion changes, must be the same. So it may after a crash,
// when nothing of the transaction had reached the WAL: its number is given out again. "Committed" is not believed then.
//
// Threads: the request's.
// Errors:  none; what cannot be found out in the request's time is unknown, with the reason.
// Source:  PostgreSQL manual, "System Information Functions", pg_xact_status; "The Cumulative Statistics System": they
//          are reset by the recovery from a crash, and know when that was.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "database.hpp"

namespace howdah::pool {

// The server's timeline, and a text that differs after each crash. A pg_stat_reset_shared() changes it too, to no harm.
#define HOWDAH_POOL_SERVERS_LIFE                                                        \
    "pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8), " \
    "pg_catalog.date_part('epoch', pg_catalog.pg_stat_get_bgwriter_stat_reset_time())"

// Runs in the transaction, behind its statement and in the same round trip.
inline constexpr std::string_view kNameTransaction =
    "select pg_catalog.pg_current_xact_id_if_assigned(), " HOWDAH_POOL_SERVERS_LIFE;

struct TransactionName {
    std::string id;  // "" where nothing had been written by then
    std::string timeline;
    std::string life;  // from one crash to the next

    static TransactionName from(const PGresult* result);
};

struct Fate {
    enum class Kind : std::uint8_t { committed, aborted, unknown };
    Kind kind = Kind::unknown;
    std::string reason;  // of unknown
};

// What one answer to the question means; nothing while the transaction is still under way.
// `now` is the server's timeline and life as they are now, without an id.
std::optional<Fate> fateFrom(std::string_view status, bool is_null, const TransactionName& now,
                             const TransactionName& transaction);

// Asks, again and again until there is an answer or the request's time is over.
Fate fateOf(const Context& context, const std::shared_ptr<Database>& database, const TransactionName& transaction);

}  // namespace howdah::pool
