// A page of a stable cursor: opens it or goes on with it, and hands it back while there are more rows.
#include "cursor.hpp"

namespace howdah::pool {
namespace {

const std::string kBeginStable = "begin isolation level repeatable read read only";
// Longer than the pool's own limit, which is the one to end it.
const std::string kIdleLimit = "select pg_catalog.set_config('idle_in_transaction_session_timeout', $1, true)";
const std::string kTimeLimit = "select pg_catalog.set_config('statement_timeout', $1, true)";
constexpr milliseconds kIdleMargin{5000};

}  // namespace

Cursor::Cursor(std::shared_ptr<Database> database, std::shared_ptr<const Command> command, StableCursor stable)
    : Cursor(std::move(database), std::move(command), std::move(stable.lease)) {
    goes_on_ = stable.position > 0;
    held_ = std::move(stable.next_row);
    stable_ = std::move(stable);
}

// Not under prepared names: these texts do not come again.
bool Cursor::queueStable() {
    const auto add = [this](const std::string& text, const Parameters& parameters, StepKind kind) {
        steps_.push_back({kind, {}, {}});
        return lease_->execute(text, parameters);
    };
    if (!goes_on_) {
        const milliseconds idle = database_->config().stable_idle + kIdleMargin;
        const Command::Settings& set = settings();
        if (!add(kBeginStable, kNone, StepKind::quiet) ||
            !add(kIdleLimit, Parameters::ofTexts({std::to_string(idle.count())}), StepKind::quiet) ||
            (!set.sql.empty() && !add(set.sql, set.parameters, StepKind::quiet)) ||
            !add(command_->text.text(), parameters(), StepKind::quiet))
            return false;
    }
    // Each page may ask for a time of its own.
    const auto timeout = Parameters::ofTexts({std::to_string(command_->timeout.count())});
    if (!add(kTimeLimit, timeout, StepKind::quiet)) return false;
    // One more than is asked for tells whether there are more; going on, that one is here already.
    const std::uint64_t count = command_->rows_max + (goes_on_ ? 0 : 1);
    return add(concat("fetch forward ", count, " from ", kStableName), kNone, StepKind::statement) && queueSync();
}

void Cursor::finishStable() {
    if (next_row_) {
        stable_->lease = std::move(lease_);
        stable_->next_row = std::move(next_row_);
        stable_->position += rows_;
        StableCursors& all = *stable_->place.operator->();
        std::string name = all.keep(std::move(*stable_));
        if (!name.empty()) report_["cursor"] = std::move(name);
    } else {
        lease_.settleInBackground(false);  // rolls back
    }
    stable_.reset();
    command_tag_ = concat("SELECT ", rows_);
    finish();
}

}  // namespace howdah::pool
