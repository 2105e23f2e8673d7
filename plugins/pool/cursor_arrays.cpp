// The round trips of a Cursor that find out which parameters are arrays to the server, and what comes after which.
#include <charconv>

#include "cursor.hpp"

namespace howdah::pool {
namespace {

const std::string kCommit = "commit";
const std::string kUnnamed;
const std::string kWhichAreArrays =
    "select oid, typdelim from pg_catalog.pg_type where oid = any ($1::pg_catalog.oid[]) and typcategory = 'A'";

}  // namespace

// The types depend on the settings (search_path), so these are made here too. Nothing is executed.
bool Cursor::queueDescription() {
    const Command::Settings& set = settings();
    if (!queue(kBeginRead, kNone, StepKind::quiet)) return false;
    if (!set.sql.empty() && !queue(set.sql, set.parameters, StepKind::quiet)) return false;
    steps_.push_back({StepKind::quiet, {}, {}});
    if (!lease_->prepare(kUnnamed, command_->text.text(), command_->parameters)) return false;
    steps_.push_back({StepKind::describe, {}, {}});
    return lease_->describe(kUnnamed) && queue(kRollback, kNone, StepKind::quiet) && queueSync();
}

bool Cursor::queueArrayTypes() {
    std::string oids = "{";
    for (Oid oid : command_->parameters.unknownOf(parameter_types_))
        oids += concat(oids.size() > 1 ? "," : "", oid);
    return queue(kBeginRead, kNone, StepKind::quiet) &&
           queue(kWhichAreArrays, Parameters::ofTexts({oids + "}"}), StepKind::array_types) &&
           queue(kRollback, kNone, StepKind::quiet) && queueSync();
}

void Cursor::keepParameterTypes(const PGresult* result) {
    for (int i = 0; i < PQnparams(result); ++i)
        parameter_types_.push_back(PQparamtype(result, i));
}

void Cursor::keepArrayTypes(const PGresult* result) {
    for (int row = 0; row < PQntuples(result); ++row) {
        const std::string_view digits = PQgetvalue(result, row, 0);
        Oid oid = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), oid);
        array_types_.push_back({oid, *PQgetvalue(result, row, 1)});
    }
}

Cursor::Stage Cursor::firstStage() const {
    return command_->parameters.hasArrays() && !goes_on_ ? Stage::learn_types : Stage::run;
}

bool Cursor::queueStage() {
    steps_.clear();
    at_ = 0;
    switch (stage_) {
        case Stage::learn_hypopg: return queueHypopg();
        case Stage::learn_types: return queueDescription();
        case Stage::learn_arrays: return queueArrayTypes();
        case Stage::run: return queueStatement();
        case Stage::commit: return queue(kCommit, kNone, StepKind::commit) && queueSync();
    }
    return false;
}

// What comes after a round trip that went well; nothing after the last one.
Result<std::optional<Cursor::Stage>> Cursor::nextStage() {
    if (stage_ == Stage::learn_hypopg) {
        if (session_->kept.hypopg_schema.empty()) return withoutHypopg();
        return std::optional(firstStage());
    }
    if (stage_ == Stage::learn_types && !command_->parameters.unknownOf(parameter_types_).empty()) {
        return std::optional(Stage::learn_arrays);
    }
    if (stage_ == Stage::learn_types || stage_ == Stage::learn_arrays) {
        auto with_arrays = command_->parameters.withArrays(parameter_types_, array_types_);
        if (!with_arrays) return std::move(with_arrays).error();
        with_arrays_ = std::move(*with_arrays);
        return std::optional(Stage::run);
    }
    if (stage_ == Stage::run && command_->writes && !command_->dry_run) return std::optional(Stage::commit);
    return std::optional<Stage>{};
}

}  // namespace howdah::pool
