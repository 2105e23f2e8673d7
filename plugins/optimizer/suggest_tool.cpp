#include <algorithm>
#include <map>

#include "plugins/optimizer/tools.hpp"
#include "plugins/optimizer/workload.hpp"

namespace howdah::optimizer {
namespace {

struct Skipped {
    std::string sql;
    std::string why;
};

bool endsCall(const Error& error) {
    return error.code == Code::cancelled || error.code == Code::unavailable;
}

bool readsTables(const Target& target) {
    return std::any_of(target.uses.begin(), target.uses.end(), [](const TableUse& use) {
        return use.schema != "pg_catalog" && use.schema != "information_schema";
    });
}

class Suggest {
public:
    Suggest(ToolCall& call, const Shared& shared)
        : call_(call), shared_(shared), advisor_(call, shared.jobs, shared.sessions) {}

    Result<void> run() {
        const AdviceOptions options = adviceOptions(call_, shared_.config);
        auto gathered = call_.has("sql") ? one() : call_.has("queries") ? several() : workload();
        if (!gathered) return gathered;
        if (targets_.empty())
            return Error::notFound("there is no statement to find indexes for",
                                   skipped_.empty() ? "" : concat("; the first was left out: ", skipped_.front().why));
        auto catalog = advisor_.catalogOf(targets_);
        if (!catalog) return std::move(catalog).error();
        auto advice = advisor_.advise(targets_, std::move(*catalog), options);
        if (!advice) return std::move(advice).error();
        Document answer;
        answer["database"] = targets_.front().ask.database;
        answer.update(adviceJson(*advice, targets_, options));
        for (const Skipped& skipped : skipped_)
            answer["left_out"].push_back({{"sql", skipped.sql.substr(0, 160)}, {"why", skipped.why}});
        return replyWith(call_, answer);
    }

private:
    Result<void> one() {
        Target target{askOf(call_, shared_)};
        if (auto planned = advisor_.plan(target, {}); !planned) return planned;
        targets_.push_back(std::move(target));
        return {};
    }

    Result<void> several() {
        for (const Json& entry : call_.json("queries")) {
            Target target{askOf(call_, shared_)};
            target.ask.sql = trimmed(entry.value("sql", ""));
            target.ask.params = entry.value("params", Json());
            target.weight = entry.value("weight", 1.0);
            if (auto added = add(std::move(target)); !added) return added;
        }
        return {};
    }

    // One that cannot be planned says nothing of the others.
    Result<void> add(Target target) {
        auto planned = advisor_.plan(target, {});
        if (!planned && (endsCall(planned.error()) || !call_.context().goOn())) return planned;
        if (!planned) {
            skipped_.push_back({target.ask.sql, planned.error().message});
        } else if (!readsTables(target)) {
            skipped_.push_back({target.ask.sql, "it reads no table of the user's"});
        } else {
            targets_.push_back(std::move(target));
        }
        return {};
    }

    Result<void> workload() {
        if (isTenant(call_)) return Error::refused("what other tenants ask is not shown: pass sql or queries");
        const Ask ask = askOf(call_, shared_);
        auto statements = readWorkload(call_, ask.database, shared_.config.workload_max);
        if (!statements) return std::move(statements).error();
        for (const WorkloadStatement& statement : *statements) {
            if (auto added = addNormalized(ask, statement); !added) return added;
        }
        return {};
    }

    // Its values are guessed, as numbers where nothing is known of them, then as text.
    Result<void> addNormalized(const Ask& ask, const WorkloadStatement& statement) {
        std::vector<Catalog::Name> names;
        for (const NamedTable& named : tablesIn(tokensOf(statement.sql)))
            names.emplace_back(named.schema, named.table);
        auto catalog = catalogOf(ask.database, names);
        if (!catalog) return std::move(catalog).error();
        Error last;
        for (const bool number_first : {true, false}) {
            Target target{ask, statement.calls};
            target.ask.sql = trimmed(withValues(statement.sql, **catalog, number_first));
            target.written = statement.sql;
            auto planned = advisor_.plan(target, {});
            if (planned) {
                if (readsTables(target)) targets_.push_back(std::move(target));
                return {};
            }
            if (endsCall(planned.error()) || !call_.context().goOn()) return planned;
            last = planned.error();
        }
        skipped_.push_back({statement.sql, last.message});
        return {};
    }

    // Many statements of a workload are about the same tables.
    Result<const Catalog*> catalogOf(const std::string& database, const std::vector<Catalog::Name>& names) {
        if (const auto found = catalogs_.find(names); found != catalogs_.end()) return &found->second;
        auto catalog = Catalog::read(call_, database, names);
        if (!catalog) return std::move(catalog).error();
        return &catalogs_.emplace(names, std::move(*catalog)).first->second;
    }

    ToolCall& call_;
    const Shared& shared_;
    Advisor advisor_;
    std::map<std::vector<Catalog::Name>, Catalog> catalogs_;  // of the names as statements write them
    std::vector<Target> targets_;
    std::vector<Skipped> skipped_;
};

}  // namespace

// A search may be given more time than a connection lasts.
Result<void> suggestIndexes(ToolCall& call, const Shared& shared) {
    if (auto task = call.continueAsTask(); !task) return task;
    return Suggest(call, shared).run();
}

}  // namespace howdah::optimizer
