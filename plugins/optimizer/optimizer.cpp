// The plugin: the tools explain_query, suggest_indexes and optimize_query, and the memory of what was asked of late.
//
// Threads: as plugin.hpp says; only recent_ and jobs_ change after start(), behind locks of their own.
#include <functional>
#include <optional>

#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "plugins/optimizer/tokens.hpp"
#include "plugins/optimizer/tools.hpp"
#include "plugins/optimizer/workload.hpp"

namespace howdah::optimizer {
namespace {

class Optimizer final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return std::move(config).error();
        config_ = *config;
        recent_.emplace(config_);
        return {};
    }

    Result<void> start(Offer& offer) override {
        for (const Statement* statement : Catalog::statements())
            if (auto done = offer.statement(*statement); !done) return done;
        if (auto done = offer.statement(HypopgJudge::statement()); !done) return done;
        for (const Statement* statement : workloadStatements())
            if (auto done = offer.statement(*statement); !done) return done;
        auto sessions = offer.acquire<howdah_session_v1>(HOWDAH_SESSION_1);
        if (!sessions) return sessions.error();
        auto statements = offer.acquire<howdah_statement_v1>(HOWDAH_STATEMENT_1);
        if (!statements) return statements.error();
        auto database = defaultDatabase(offer.context());
        if (!database) return database.error();
        jobs_.emplace(host());
        shared_.emplace(Shared{config_, *jobs_, *recent_, *sessions, *statements, *database});
        offer.bind("explain_query", [this](ToolCall& call) { return explainQuery(call, *shared_); });
        offer.bind("suggest_indexes", [this](ToolCall& call) { return suggestIndexes(call, *shared_); });
        offer.bind("optimize_query", [this](ToolCall& call) { return optimizeQuery(call, *shared_); });
        return {};
    }

    Verdict afterQuery(Query& query, const howdah_result& result) override {
        if (!query.fromClient() || query.depth() > 0 || query.plugin() == HOWDAH_PLUGIN_ID || !query.readOnly())
            return proceed();
        if (config_.recent_max == 0 || query.sql().size() > Recent::kTextMax) return proceed();
        const std::string principal = principalKey(query.principal());
        RecentStatement statement;
        statement.text_hash = std::hash<std::string_view>{}(query.sql());
        statement.values_hash = hashOf(statement.text_hash, query.parameters());
        auto known = recent_->textOf(principal, statement.text_hash);
        statement.sql = known ? std::move(*known) : withoutConstants(query.sql());
        statement.at_ns = host().nowNs();
        statement.took_ms = static_cast<double>(result.trailer.elapsed_ns) / 1e6;
        statement.rows = static_cast<double>(result.trailer.row_count);
        recent_->note(principal, std::move(statement));
        return proceed();
    }

    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override { jobs_->drop(token); }

    Result<Json> report(Context&) override {
        return Json{{"status", "ok"},
                    {"principals_remembered", recent_->principalCount()},
                    {"bytes_remembered", recent_->bytes()}};
    }

private:
    static std::uint64_t hashOf(std::uint64_t text_hash, std::span<const howdah_value> values) {
        std::uint64_t hash = text_hash ^ values.size();
        const auto mix = [&hash](std::uint64_t part) { hash = (hash ^ part) * 1099511628211U; };
        for (const howdah_value& value : values) {
            mix(value.type);
            mix(static_cast<std::uint64_t>(value.integer));
            mix(std::hash<double>{}(value.number));
            mix(std::hash<std::string_view>{}(fromAbi(value.text)));
        }
        return hash;
    }

    // "main", or the first there is: what an empty name means to the kernel.
    Result<std::string> defaultDatabase(const Context& context) const {
        const auto databases = configuredDatabases(context);
        if (!databases) return databases.error();
        std::string first;
        for (const Json& database : *databases) {
            const std::string name = database.value("name", "");
            if (name == "main") return name;
            if (first.empty()) first = name;
        }
        return first;
    }

    Config config_;
    std::optional<Jobs> jobs_;
    std::optional<Recent> recent_;
    std::optional<Shared> shared_;
};

}  // namespace
}  // namespace howdah::optimizer

using OptimizerPlugin = howdah::optimizer::Optimizer;
HOWDAH_PLUGIN(OptimizerPlugin)
