// How a statement fails: what the caller is told, what becomes of the connection, and whether it may be tried again.
#include <charconv>

#include "cursor.hpp"

namespace howdah::pool {

Failure Cursor::interrupted(const Context& context, Wait wait) {
    ended_ = true;
    if (wait == Wait::broken) return broken();
    if (wait == Wait::too_large) {
        lease_.close();
        return {Error::refused("a row this statement returns is larger than ", command_->bytes_max,
                               " bytes; nothing was changed")
                    .withHint("return fewer or smaller columns"),
                Outcome::answered};
    }
    const Error cancelled_by = context.lastError();  // the wait's
    const std::uint64_t waited_ms = (database_->host().nowNs() - started_ns_) / 1'000'000;
    const bool of_its_own = waited_ms >= static_cast<std::uint64_t>(command_->timeout.count()) || context.goOn();
    if (stage_ == Stage::commit) {
        lease_.settleInBackground(false);
        return {Error::timeout("COMMIT was not answered within ", waited_ms,
                               " ms: whether the change was made is not known")
                    .withHint("look at the data before you repeat it"),
                Outcome::commit_unknown};
    }
    lease_.settleInBackground(true);
    if (wait == Wait::cancelled) {
        return {Error::cancelled("the statement was cancelled after ", waited_ms, " ms: ", cancelled_by.message)};
    }
    return {Error::timeout("the statement ran ", waited_ms, " ms and was stopped at ",
                           of_its_own ? concat("its limit of ", command_->timeout.count(), " ms")
                                      : std::string("the deadline of the request"),
                           command_->writes ? "; nothing was changed" : "")
                .withHint(timeoutHint())};
}

Failure Cursor::broken(std::string_view state) {
    ended_ = true;
    bool fresh = lease_->isFresh();
    lease_.lost(state);
    Error lost = brokenConnection(database_->name(), database_->label());
    if (!command_->writes) return {std::move(lost), Outcome::sent_read, !fresh};
    if (stage_ == Stage::commit) {
        lost.message += " while COMMIT was under way: whether the change was made is not known";
        lost.hint = "look at the data before you repeat it";
        return {std::move(lost), Outcome::commit_unknown};
    }
    lost.message += " before COMMIT: nothing was changed";
    return {std::move(lost), Outcome::sent_write};
}

// The tag counts what the server has sent: an answer that lost rows on its way here may not pass for a complete one.
std::optional<Failure> Cursor::lacksRows(PGresult* result) {
    const std::string_view tag = PQcmdStatus(result);
    const bool gives_rows = tag.starts_with("SELECT ") || tag.starts_with("FETCH ");
    if (!gives_rows || PQresultStatus(result) != PGRES_TUPLES_OK) return std::nullopt;  // CREATE TABLE AS is a SELECT
    const std::string_view digits = PQcmdTuples(result);
    std::uint64_t sent = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), sent);
    if (read.ec != std::errc() || sent == arrived_) return std::nullopt;
    Failure failure = broken();
    failure.error.message =
        concat("of ", sent, " rows that the server sent ", arrived_, " arrived, so ", failure.error.message);
    return failure;
}

Failure Cursor::failed(const PGresult* result) {
    Failure failure{statementError(result, command_->text), Outcome::answered};
    const std::string& state = failure.error.sqlstate;
    if (state == "40001" || state == "40P01") failure.outcome = Outcome::rolled_back;
    if (command_->writes && lease_->isOnStandby() && (state == "25006" || state == "0A000")) onStandby(lease_, failure);
    failure.stale = used_cached_ && (state == "26000" || state == "0A000");
    if (command_->writes) judgeFailedWrite(failure);
    std::uint64_t ran_ns = database_->host().nowNs() - started_ns_;
    if (state == "57014" && ran_ns + ran_ns / 10 >= nanoseconds(command_->timeout)) {
        failure.error.code = Code::timeout;
        failure.error.message =
            concat("the statement was stopped by the server at its limit of ", command_->timeout.count(), " ms");
        failure.error.hint = timeoutHint();
    }
    return failure;
}

const char* Cursor::timeoutHint() const {
    return command_->timeout < database_->config().statement_timeout
               ? "narrow it down, or ask for more with timeout_ms"
               : "narrow it down, or raise pool.statement_timeout_ms";
}

}  // namespace howdah::pool
