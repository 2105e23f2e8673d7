#include "cursor.hpp"

#include <algorithm>
#include <charconv>

namespace howdah::pool {
namespace {

constexpr std::uint64_t kGraceNs = kSecondNs;   // for the server to say itself that time is over
constexpr std::uint64_t kRowSlack = 64 * 1024;  // bytes libpq may hold of rows already complete

}  // namespace

Cursor::Cursor(std::shared_ptr<Database> database, std::shared_ptr<const Command> command, Lease lease)
    : database_(std::move(database)), command_(std::move(command)), lease_(std::move(lease)) {}

std::optional<Failure> Cursor::begin(const Context& context) {
    started_ns_ = database_->host().nowNs();
    steps_.reserve(8);
    stage_ = needsHypopg() ? Stage::learn_hypopg : firstStage();
    if (!queueStage()) return broken();
    if (auto failure = send(context)) return failure;
    return fill(context);
}

bool Cursor::queueStatement() {
    if (command_->resets && lease_->ownsSession()) lease_->setNeedsReset(true);
    if (command_->writes) return queueWrite();
    if (stable_) return queueStable();
    return queue(kBeginRead, kNone, StepKind::quiet) && queueSettings() && queueSupposed() &&
           queue(command_->text.text(), parameters(), StepKind::statement) &&
           queue(kRollback, kNone, StepKind::quiet) && queueSync();
}

bool Cursor::queueSettings() {
    const Command::Settings& set = settings();
    return set.sql.empty() || queue(set.sql, set.parameters, StepKind::quiet);
}

const Command::Settings& Cursor::settings() {
    if (lease_->ownsSession()) return command_->settings;
    if (!without_session_) without_session_ = command_->settingsWithoutSession();
    return *without_session_;
}

// Under its prepared name if it has one, prepared on the way if it may have one.
bool Cursor::queue(const std::string& text, const Parameters& parameters, StepKind kind) {
    // Where the session is reset, a name would be forgotten before it is of use.
    if (!lease_->namesStatements() || command_->resets) {
        steps_.push_back({kind, {}, {}});
        return lease_->execute(text, parameters);
    }
    std::string text_and_types;
    std::string_view key = text;
    if (parameters.anyTyped()) {
        text_and_types = text + '\0';
        text_and_types.append(reinterpret_cast<const char*>(parameters.types()),
                              static_cast<std::size_t>(parameters.count()) * sizeof(Oid));
        key = text_and_types;
    }
    StatementCache& cache = lease_->statements();
    if (const std::string* name = cache.find(key)) {
        used_cached_ = true;
        steps_.push_back({kind, {}, {}});
        return lease_->executePrepared(*name, parameters);
    }
    if (kind == StepKind::statement && !cache.metBefore(key)) {
        steps_.push_back({kind, {}, {}});
        return lease_->execute(text, parameters);
    }
    if (std::string old = cache.evictForOne(); !old.empty()) {
        steps_.push_back({StepKind::quiet, {}, {}});
        if (!lease_->execute("deallocate " + old, kNone)) return false;
    }
    std::string name = cache.newName();
    if (!lease_->prepare(name, text, parameters)) return false;
    steps_.push_back({StepKind::prepare, std::string(key), name});
    steps_.push_back({kind, {}, {}});
    return lease_->executePrepared(name, parameters);
}

bool Cursor::queueSync() {
    steps_.push_back({StepKind::sync, {}, {}});
    return lease_->sync();
}

std::optional<Failure> Cursor::send(const Context& context) {
    Wait sent = lease_->flush(context, waitLimit(context));
    if (sent != Wait::ready) return interrupted(context, sent);
    return std::nullopt;
}

// The server's own timeout plus a grace; a caller that was slow to ask for more gets at least the grace.
std::uint64_t Cursor::waitLimit(const Context& context) const {
    std::uint64_t now_ns = database_->host().nowNs();
    std::uint64_t limit = std::max(started_ns_ + nanoseconds(command_->timeout), now_ns) + kGraceNs;
    return std::min(limit, context.deadlineNs());
}

Cursor::Next Cursor::next(const Context& context) {
    if (batch_given_ && !ended_) {
        batch_.clear();
        batch_given_ = false;
        if (auto failure = fill(context)) return {std::nullopt, std::move(failure)};
    }
    bool has_rows = !batch_given_ && !batch_.empty();
    batch_given_ = true;
    return {has_rows ? std::optional(batch_.view()) : std::nullopt, std::nullopt};
}

std::optional<Failure> Cursor::fill(const Context& context) {
    auto failure = read(context);
    if (failure && failure->outcome == Outcome::commit_unknown) return settled(context, std::move(*failure));
    return failure;
}

// Reads results until a batch is full or everything has come.
std::optional<Failure> Cursor::read(const Context& context) {
    batch_full_ = false;
    if (held_) takeRow(std::move(held_));
    std::uint64_t limit = waitLimit(context);
    while (!ended_ && !batch_full_) {
        if (at_ == steps_.size()) {
            if (auto failure = afterSteps(context)) return failure;
            continue;
        }
        std::uint64_t row_bytes_max = discarding_ ? UINT64_MAX : command_->bytes_max - bytes_ + kRowSlack;
        Wait wait = lease_->await(context, limit, row_bytes_max);
        if (wait != Wait::ready) {
            if (wait != Wait::too_large || command_->writes) return interrupted(context, wait);
            truncated_ |= HOWDAH_TRUNCATED_BYTES;
            lease_.close();  // the rest of that row is on its way; reading it would cost more than a connection
            finish();
            break;
        }
        if (auto failure = take(lease_->take())) return failure;
    }
    return std::nullopt;
}

std::optional<Failure> Cursor::take(ResultPtr result) {
    StepKind kind = steps_[at_].kind;
    if (!result) {
        if (kind == StepKind::sync || PQstatus(lease_->raw()) != CONNECTION_OK) return broken();
        nextStep();
        return std::nullopt;
    }
    switch (PQresultStatus(result.get())) {
        case PGRES_PIPELINE_SYNC: nextStep(); return std::nullopt;
        case PGRES_PIPELINE_ABORTED: return std::nullopt;
        case PGRES_SINGLE_TUPLE:
            ++arrived_;
            takeRow(std::move(result));
            return std::nullopt;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
            if (kind == StepKind::prepare) lease_->statements().add(steps_[at_].key, steps_[at_].name);
            if (kind == StepKind::statement) {
                keepColumns(result.get());
                keepTag(result.get());
                if (auto failure = lacksRows(result.get())) return failure;
            }
            if (kind == StepKind::hypopg) keepHypopg(result.get());
            if (kind == StepKind::supposed) keepSupposed(result.get());
            if (kind == StepKind::describe) keepParameterTypes(result.get());
            if (kind == StepKind::array_types) keepArrayTypes(result.get());
            if (command_->writes) keepOfWrite(kind, result.get());
            return std::nullopt;
        case PGRES_EMPTY_QUERY:
            failure_ = Failure{Error::invalidArgument("the statement is empty"), Outcome::answered};
            return std::nullopt;
        case PGRES_COPY_IN:
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            lease_.close();
            return Failure{Error::invalidArgument("COPY from or to the client cannot be run as a statement"),
                           Outcome::answered};
        default: break;
    }
    std::string_view state = sqlstateOf(result.get());
    if (PQstatus(lease_->raw()) != CONNECTION_OK || endsConnection(result.get())) return broken(state);
    if (!failure_) failure_ = failed(result.get());
    return std::nullopt;
}

void Cursor::nextStep() {
    ++at_;
    if (at_ == steps_.size() || steps_[at_].kind != StepKind::statement) return;
    arrived_ = 0;
    lease_->takeRowsSingly();
}

void Cursor::takeRow(ResultPtr row) {
    keepColumns(row.get());
    if (discarding_) return;
    if (rows_ == command_->rows_max) {
        truncated_ |= HOWDAH_TRUNCATED_ROWS;
        // A bounded statement ends with this very row.
        discarding_ = true;
        if (stable_) next_row_ = std::move(row);
        if (!command_->text.isBounded()) endEarly();
        return;
    }
    Batch::RowSize size = Batch::measure(row.get());
    const bool cell_too_large = size.largest_cell > command_->cell_bytes_max;
    if (cell_too_large || bytes_ + size.bytes > command_->bytes_max) {
        truncated_ |= cell_too_large ? HOWDAH_TRUNCATED_CELL : HOWDAH_TRUNCATED_BYTES;
        endEarly();
        return;
    }
    if (!batch_.hasRoomFor(size.bytes)) {
        held_ = std::move(row);
        batch_full_ = true;
        return;
    }
    batch_.add(row.get(), size.bytes);
    ++rows_;
    bytes_ += size.bytes;
}

// Enough has come. A read is cancelled in the background; a write must run to its end to take effect.
void Cursor::endEarly() {
    discarding_ = true;
    if (command_->writes) return;
    lease_.settleInBackground(true);
    finish();
}

void Cursor::finish() {
    ended_ = true;
    last_row_ns_ = database_->host().nowNs();
}

// Every result of this round trip has come.
std::optional<Failure> Cursor::afterSteps(const Context& context) {
    if (!failure_ && stage_ == Stage::run) failure_ = beyondCeiling();
    if (failure_) return rolledBack(context, std::move(*failure_));
    auto next = nextStage();
    if (!next) return rolledBack(context, {std::move(next).error(), Outcome::answered});
    if (*next) {
        stage_ = **next;
        if (!queueStage()) return broken();
        return send(context);
    }
    if (stable_) {
        finishStable();
        return std::nullopt;
    }
    // A statement that left the transaction in another state than it should be (a COMMIT inside it) costs its
    // connection.
    lease_->isIdle() ? release() : lease_.close();
    finish();
    return std::nullopt;
}

// After an error the transaction is still open: ended here, while the caller waits for one short round trip.
Failure Cursor::rolledBack(const Context& context, Failure failure) {
    ended_ = true;
    if (failure.stale) {
        // Whichever name was meant: the server may have forgotten all of them (DEALLOCATE ALL).
        lease_->statements().clear();
        if (failure.error.sqlstate == "0A000") {  // it has not: then drop what it holds
            (void)(lease_->execute(kRollback, kNone) && lease_->execute("deallocate all", kNone) && lease_->sync());
        }
    }
    if (!lease_->isIdle() && PQtransactionStatus(lease_->raw()) != PQTRANS_IDLE) {
        (void)(lease_->execute(kRollback, kNone) && lease_->sync());  // a broken connection shows in the wait below
    }
    std::uint64_t limit = std::min(context.deadlineNs(), database_->host().nowNs() + kGraceNs);
    Wait wait = lease_->flush(context, limit);
    if (wait == Wait::ready) wait = lease_->drain(context, limit);
    if (wait == Wait::ready && lease_->isIdle()) {
        release();
    } else if (wait == Wait::timeout || wait == Wait::cancelled) {
        lease_.settleInBackground(false);
    } else {
        lease_.close();
    }
    return failure;
}

void Cursor::close() {
    if (lease_) lease_.settleInBackground(true);
    ended_ = true;
}

void Cursor::keepColumns(const PGresult* result) {
    if (columns_known_) return;
    columns_known_ = true;
    int count = PQnfields(result);
    for (int i = 0; i < count; ++i)
        column_names_.emplace_back(PQfname(result, i));
    for (int i = 0; i < count; ++i) {
        const std::string& name = column_names_[static_cast<std::size_t>(i)];
        columns_.push_back({{name.data(), name.size()}, PQftype(result, i), PQfmod(result, i)});
    }
}

void Cursor::keepTag(PGresult* result) {
    command_tag_ = PQcmdStatus(result);
    std::string_view digits = PQcmdTuples(result);
    std::string_view verb = std::string_view(command_tag_).substr(0, command_tag_.find(' '));
    bool changes = verb == "INSERT" || verb == "UPDATE" || verb == "DELETE" || verb == "MERGE";
    if (changes) std::from_chars(digits.data(), digits.data() + digits.size(), affected_rows_);
    if (verb == "SELECT" && truncated_) command_tag_ = concat("SELECT ", rows_);
}

howdah_trailer Cursor::trailer() const {
    howdah_trailer trailer{};
    trailer.struct_size = sizeof trailer;
    trailer.truncated = truncated_;
    trailer.row_count = rows_;
    trailer.affected_rows = affected_rows_;
    trailer.elapsed_ns = last_row_ns_ - started_ns_;
    trailer.command_tag = toAbi(command_tag_);
    return trailer;
}

}  // namespace howdah::pool
