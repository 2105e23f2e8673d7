// One statement under way on one leased connection, from the first byte sent to its last row.
//
// A read is one flush and one wait: BEGIN READ ONLY, at most one statement for settings, the statement, ROLLBACK, Sync.
// After an error the server skips what follows up to the Sync, ROLLBACK included; it is then sent once more. So the
// common path needs a single Sync, and the connection is free with the last row (measured at 8 clients: 49 thousand
// reads a second, against 38 with a Sync of its own for ROLLBACK).
// A write is two: BEGIN, the statement, the transaction's id, Sync; then COMMIT, Sync. A connection lost in the first
// part has changed nothing; one lost in the second leaves the outcome to be asked for by that id, and what turns out to
// be committed ends as if nothing had happened.
// Where a parameter is a JSON array, one more comes first, which asks what type the server takes it for, and another
// if that type is not built in.
//
// Threads: the request's; stays on the shard that took the lease.
// Owns:    the lease until the last row, the batch handed out last.
// Errors:  Failure says what is known about the effect.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "batch.hpp"
#include "command.hpp"
#include "commit_fate.hpp"
#include "stable_cursors.hpp"

namespace howdah::pool {

// What several of its round trips send.
inline const Parameters kNone;
inline const std::string kBeginRead = "begin read only";
inline const std::string kRollback = "rollback";

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): members stand by what they are of
class Cursor {
public:
    Cursor(std::shared_ptr<Database> database, std::shared_ptr<const Command> command, Lease lease);
    // A page of a stable cursor, the first one where its position is 0.
    Cursor(std::shared_ptr<Database> database, std::shared_ptr<const Command> command, StableCursor stable);

    // Where the connection goes when the statement is over, in place of the pool.
    struct Session {
        StableCursor kept;  // without its lease
        std::string name;
    };
    void returnTo(Session session) { session_ = std::move(session); }

    // Sends, and waits for the first batch or the end.
    std::optional<Failure> begin(const Context& context);

    struct Next {
        std::optional<howdah_batch> batch;  // none at the end; valid until the next call
        std::optional<Failure> failure;
    };
    Next next(const Context& context);

    // Never waits: what still runs is cancelled in the background.
    void close();

    const std::vector<howdah_column>& columns() const { return columns_; }
    bool isAtEnd() const { return ended_; }
    howdah_trailer trailer() const;
    std::string report() const;  // as howdah_sql_v1.report tells it

private:
    enum class StepKind {
        quiet,
        prepare,
        describe,
        array_types,
        hypopg,
        supposed,
        statement,
        changed,
        transaction,
        plan,
        locks,
        commit,
        sync
    };
    struct Step {
        StepKind kind;
        std::string key;  // prepare: what is remembered once the server has said yes
        std::string name;
    };

    enum class Stage { learn_hypopg, learn_types, learn_arrays, run, commit };  // one round trip each

    bool queueStage();
    bool queueDescription();
    bool queueArrayTypes();
    bool queueStatement();
    bool queueSettings();
    bool queueHypopg();
    bool queueSupposed();
    bool queueWrite();
    bool queueCount();
    bool queueTransactionName();
    bool queueReport();
    bool queueStable();
    bool queue(const std::string& text, const Parameters& parameters, StepKind kind);
    bool queueSync();
    const Command::Settings& settings();

    std::optional<Failure> send(const Context& context);
    std::optional<Failure> fill(const Context& context);
    std::optional<Failure> read(const Context& context);
    std::optional<Failure> settled(const Context& context, Failure lost);
    std::optional<Failure> take(ResultPtr result);
    void takeRow(ResultPtr row);
    std::optional<Failure> afterSteps(const Context& context);
    Result<std::optional<Stage>> nextStage();
    const Parameters& parameters() const { return with_arrays_ ? *with_arrays_ : command_->parameters; }
    void nextStep();
    void keepColumns(const PGresult* result);
    void keepParameterTypes(const PGresult* result);
    void keepArrayTypes(const PGresult* result);
    const char* timeoutHint() const;
    void keepTag(PGresult* result);
    std::optional<Failure> lacksRows(PGresult* result);
    void keepOfWrite(StepKind kind, PGresult* result);
    void keepCommit(PGresult* result);
    std::optional<Failure> beyondCeiling() const;
    void judgeFailedWrite(Failure& failure);
    void endEarly();
    void finish();
    void finishStable();
    Stage firstStage() const;
    bool needsHypopg() const;
    void keepHypopg(const PGresult* result);
    Error withoutHypopg();
    void keepSupposed(const PGresult* result);
    void release();

    Failure interrupted(const Context& context, Wait wait);
    Failure broken(std::string_view state = {});  // what the server said at the end
    Failure failed(const PGresult* result);
    Failure rolledBack(const Context& context, Failure failure);
    std::uint64_t waitLimit(const Context& context) const;

    std::shared_ptr<Database> database_;
    std::shared_ptr<const Command> command_;
    std::optional<Command::Settings> without_session_;
    Lease lease_;
    std::vector<Step> steps_;
    std::size_t at_ = 0;
    bool used_cached_ = false;  // a statement prepared earlier was used
    Stage stage_ = Stage::run;
    std::vector<Oid> parameter_types_;
    std::vector<ArrayType> array_types_;
    std::optional<Parameters> with_arrays_;
    bool discarding_ = false;  // past a limit: the rest is read and dropped
    bool batch_full_ = false;
    bool batch_given_ = false;
    bool ended_ = false;
    std::optional<Failure> failure_;  // the first error of this round trip
    TransactionName transaction_;     // of a write
    bool committed_ = false;
    std::optional<std::int64_t> counted_before_;
    std::int64_t changed_rows_ = -1;
    nlohmann::json report_;
    std::optional<StableCursor> stable_;  // without its lease
    bool goes_on_ = false;
    std::optional<Session> session_;
    ResultPtr next_row_;  // of a stable cursor: beyond this page

    std::vector<howdah_column> columns_;
    std::vector<std::string> column_names_;
    bool columns_known_ = false;
    Batch batch_;
    ResultPtr held_;  // a row that did not fit into the last batch
    std::uint64_t rows_ = 0;
    std::uint64_t arrived_ = 0;  // rows of the statement, also those that are not given out
    std::uint64_t bytes_ = 0;
    std::uint32_t truncated_ = 0;
    std::int64_t affected_rows_ = -1;
    std::string command_tag_;
    std::uint64_t started_ns_ = 0;
    std::uint64_t last_row_ns_ = 0;
};

}  // namespace howdah::pool
