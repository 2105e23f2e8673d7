#include "commit_fate.hpp"

#include <algorithm>

namespace howdah::pool {
namespace {

constexpr std::uint64_t kFirstPauseNs = kSecondNs / 100;  // doubled from try to try
constexpr std::uint64_t kLastPauseNs = kSecondNs / 4;
constexpr std::uint64_t kAskNs = 2 * kSecondNs;  // a server that hangs is asked on another connection then

const std::string kAsk = "select pg_catalog.pg_xact_status($1::pg_catalog.xid8), " HOWDAH_POOL_SERVERS_LIFE;

// A standby, or one that is just being promoted: it answers later, or never.
bool mayAnswerLater(const PGresult* result) {
    return sqlstateOf(result) == "55000" || endsConnection(result);
}

std::string_view cell(const PGresult* result, int column) {
    return PQgetvalue(result, 0, column);
}

// Nothing: to be tried again.
std::optional<Fate> ask(const Context& context, Lease& lease, const TransactionName& transaction) {
    const std::uint64_t limit = std::min(context.deadlineNs(), context.host().nowNs() + kAskNs);
    if (!lease->execute(kAsk, Parameters::ofTexts({transaction.id})) || !lease->sync()) return std::nullopt;
    if (lease->flush(context, limit) != Wait::ready) return std::nullopt;
    std::optional<Fate> fate;
    for (;;) {
        if (lease->await(context, limit) != Wait::ready) return std::nullopt;
        ResultPtr result = lease->take();
        if (!result) {
            if (PQstatus(lease->raw()) != CONNECTION_OK) return std::nullopt;
            continue;
        }
        switch (PQresultStatus(result.get())) {
            case PGRES_PIPELINE_SYNC: lease.giveBack(); return fate;
            case PGRES_TUPLES_OK:
                if (PQntuples(result.get()) == 1 && PQnfields(result.get()) == 3) {
                    TransactionName now = TransactionName::from(result.get());
                    fate = fateFrom(now.id, PQgetisnull(result.get(), 0, 0) != 0, now, transaction);
                }
                break;
            case PGRES_FATAL_ERROR:
                if (mayAnswerLater(result.get())) break;
                fate = Fate{Fate::Kind::unknown, concat("the server does not know the transaction (SQLSTATE ",
                                                        sqlstateOf(result.get()), ")")};
                break;
            default: break;
        }
    }
}

}  // namespace

TransactionName TransactionName::from(const PGresult* result) {
    if (PQntuples(result) != 1 || PQnfields(result) != 3) return {};
    return {std::string(cell(result, 0)), std::string(cell(result, 1)), std::string(cell(result, 2))};
}

std::optional<Fate> fateFrom(std::string_view status, bool is_null, const TransactionName& now,
                             const TransactionName& transaction) {
    using enum Fate::Kind;
    if (now.timeline != transaction.timeline) return Fate{unknown, "another server has taken over since"};
    if (is_null) return Fate{unknown, "the server has forgotten the transaction"};
    const bool crashed = now.life != transaction.life;
    if (status == "committed" && crashed) {
        return Fate{unknown, "the server has crashed since, and the id may have been given to another transaction"};
    }
    if (status == "committed") return Fate{committed, {}};
    // Once committed for good, its number would not have been given to one that aborts or still runs.
    if (status == "aborted" || crashed) return Fate{aborted, {}};
    return std::nullopt;
}

Fate fateOf(const Context& context, const std::shared_ptr<Database>& database, const TransactionName& transaction) {
    if (transaction.id.empty()) return {Fate::Kind::unknown, "it had no transaction id by then"};
    Event never(context.host());
    for (std::uint64_t pause_ns = kFirstPauseNs; context.goOn(); pause_ns = std::min(2 * pause_ns, kLastPauseNs)) {
        auto leased = database->lease(context, Care::tried, Caller{{}, {}, "pool", "lost COMMIT"});
        if (auto* lease = std::get_if<Lease>(&leased)) {
            if (auto fate = ask(context, *lease, transaction)) return *fate;
        }
        (void)never.wait(context, context.host().nowNs() + pause_ns);  // nobody sets it: ends by time or request
    }
    return {Fate::Kind::unknown, "the server could not be asked in time"};
}

}  // namespace howdah::pool
