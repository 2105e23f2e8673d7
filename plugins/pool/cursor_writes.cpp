// What a Cursor does for a write beside its statement: the count of rows it changed, the transaction's id before
// COMMIT, what became of a COMMIT that was not answered; and for a dry run what it would have done.
#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "cursor.hpp"

namespace howdah::pool {
namespace {

constexpr int kNamesTransactionsSince = 130000;
constexpr std::size_t kPlanBytesMax = 16 * 1024;

const std::string kBeginWrite = "begin read write";
const std::string kNameOfTransaction{kNameTransaction};

// Rows of user tables this session has changed and not yet reported to the statistics: what was added between two looks
// in one transaction is what its statement changed, with those of WITH, triggers and foreign keys. The tag of a command
// counts its own alone. Nothing with track_counts off; foreign tables are not in it.
const std::string kCountChanged =
    "select pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(oid) operator(pg_catalog.+) "
    "pg_catalog.pg_stat_get_xact_tuples_updated(oid) operator(pg_catalog.+) "
    "pg_catalog.pg_stat_get_xact_tuples_deleted(oid)) from pg_catalog.pg_class "
    "where oid operator(pg_catalog.>=) 16384 and relkind in ('r', 'm')";

// Of an index only what shuts others out: those that an INSERT touches anyway say nothing.
const std::string kLocks =
    "select n.nspname, c.relname, l.mode from pg_catalog.pg_locks l "
    "join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) l.relation "
    "join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace "
    "where l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid() and l.locktype operator(pg_catalog.=) 'relation' "
    "and c.oid operator(pg_catalog.>=) 16384 and c.relkind <> 't' "
    "and (c.relkind not in ('i', 'I') or l.mode not in ('AccessShareLock', 'RowExclusiveLock')) "
    "order by 1, 2, 3 limit 100";

std::int64_t number(const PGresult* result) {
    std::int64_t value = 0;
    if (PQntuples(result) != 1) return 0;
    const std::string_view digits = PQgetvalue(result, 0, 0);  // numeric, without a fraction
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

std::string planOf(const PGresult* result) {
    std::string plan;
    for (int row = 0; row < PQntuples(result); ++row) {
        const std::string_view line = PQgetvalue(result, row, 0);
        if (plan.size() + line.size() > kPlanBytesMax) return plan + "...";
        plan += line;
        plan += '\n';
    }
    return plan;
}

nlohmann::json locksOf(const PGresult* result) {
    nlohmann::json locks = nlohmann::json::array();
    for (int row = 0; row < PQntuples(result); ++row) {
        locks.push_back({{"relation", concat(PQgetvalue(result, row, 0), ".", PQgetvalue(result, row, 1))},
                         {"mode", PQgetvalue(result, row, 2)}});
    }
    return locks;
}

}  // namespace

bool Cursor::queueWrite() {
    return queue(kBeginWrite, kNone, StepKind::quiet) && queueSettings() && queueCount() &&
           queue(command_->text.text(), parameters(), StepKind::statement) && queueCount() &&
           (command_->dry_run ? queueReport() : queueTransactionName()) && queueSync();
}

bool Cursor::queueCount() {
    return !(command_->dry_run || command_->affected_max) || queue(kCountChanged, kNone, StepKind::changed);
}

bool Cursor::queueTransactionName() {
    return !database_->namesTransactions() || PQserverVersion(lease_->raw()) < kNamesTransactionsSince ||
           queue(kNameOfTransaction, kNone, StepKind::transaction);
}

// The plan comes behind the statement, so that its errors are those of the statement itself.
bool Cursor::queueReport() {
    return (command_->explain.empty() || queue(command_->explain, parameters(), StepKind::plan)) &&
           queue(kLocks, kNone, StepKind::locks) && queue(kRollback, kNone, StepKind::quiet);
}

void Cursor::keepOfWrite(StepKind kind, PGresult* result) {
    switch (kind) {
        case StepKind::transaction: transaction_ = TransactionName::from(result); break;
        case StepKind::changed:
            if (counted_before_) changed_rows_ = number(result) - *counted_before_;
            counted_before_ = number(result);
            break;
        case StepKind::plan: report_["plan"] = planOf(result); break;
        case StepKind::locks: report_["locks"] = locksOf(result); break;
        case StepKind::commit: keepCommit(result); break;
        default: break;
    }
}

// COMMIT of a transaction that had failed answers ROLLBACK and no error.
void Cursor::keepCommit(PGresult* result) {
    committed_ = std::string_view(PQcmdStatus(result)) == "COMMIT";
    if (!committed_) {
        failure_ =
            Failure{Error::database("40000", "the server rolled the transaction back instead"), Outcome::answered};
    }
}

std::optional<Failure> Cursor::beyondCeiling() const {
    if (command_->dry_run || !command_->affected_max) return std::nullopt;
    const std::int64_t affected = std::max(affected_rows_, changed_rows_);
    if (affected <= 0 || static_cast<std::uint64_t>(affected) <= *command_->affected_max) return std::nullopt;
    Error error =
        Error::refused("the statement changed ", affected, " rows",
                       affected > affected_rows_ ? ", with those of WITH, triggers and foreign keys," : "", " and ",
                       *command_->affected_max, " are allowed: it was rolled back, nothing was changed")
            .withHint("narrow it down with where, or do it in parts");
    error.rule = "rows-affected";
    return Failure{std::move(error), Outcome::answered};
}

void Cursor::judgeFailedWrite(Failure& failure) {
    if (steps_[at_].kind == StepKind::transaction) {
        // This server, or this role, cannot tell: done again without asking. Nothing was committed.
        database_->noTransactionNames();
        failure.outcome = Outcome::rolled_back;
        failure.at_once = true;
    }
    if (failure.error.sqlstate == "25001") {
        failure.error.hint =
            "statements run in a transaction here, also in a dry run, and this one cannot: run it with psql";
    }
}

// COMMIT was sent, and its connection is lost or time is nearly over: what became of it is asked for elsewhere. All
// rows had come before, so a transaction that is committed has its whole answer.
std::optional<Failure> Cursor::settled(const Context& context, Failure lost) {
    const Fate fate = committed_ ? Fate{Fate::Kind::committed, {}} : fateOf(context, database_, transaction_);
    const Host& host = database_->host();
    switch (fate.kind) {
        case Fate::Kind::committed:
            host.log(LogLevel::warn, "database ", database_->name(), ": the answer to COMMIT of transaction ",
                     transaction_.id, " was lost; it is committed");
            finish();
            return std::nullopt;
        case Fate::Kind::aborted:
            lost.error.message = concat("the connection to database ", database_->name(),
                                        " was lost while COMMIT was under way, and the server rolled transaction ",
                                        transaction_.id, " back: nothing was changed");
            lost.error.hint = "try again";
            lost.outcome = Outcome::sent_write;
            return lost;
        case Fate::Kind::unknown: break;
    }
    lost.error.message += concat(" (", fate.reason, ")");
    if (!transaction_.id.empty()) {
        lost.error.hint += concat("; select pg_xact_status('", transaction_.id, "') tells what became of it");
    }
    return lost;
}

// A JSON object; "" for nothing.
std::string Cursor::report() const {
    nlohmann::json report = report_;
    if (changed_rows_ >= 0) report["changed_rows"] = changed_rows_;
    return report.is_null() ? std::string{} : report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace howdah::pool
