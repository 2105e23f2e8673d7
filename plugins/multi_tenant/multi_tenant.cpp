// The plugin: scopes every query of a tenant, keeps what is another's out of sight, and records each call.
//
// Threads: as plugin.hpp says; everything but calls_, scopes_, logins_ and the writer does not change after start().
// Owns:    the directory of tenants, the calls that run, the audit log.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <howdah/abi/statement.h>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "plugins/multi_tenant/audit/calls.hpp"
#include "plugins/multi_tenant/audit/writer.hpp"
#include "plugins/multi_tenant/checks/checks.hpp"
#include "plugins/multi_tenant/directory.hpp"
#include "plugins/multi_tenant/scopes.hpp"
#include "plugins/multi_tenant/sight.hpp"
#include "plugins/multi_tenant/tools.hpp"

namespace howdah::multi_tenant {
namespace {

class MultiTenant final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        config_ = std::move(*config);
        return {};
    }

    Result<void> start(Offer& offer) override {
        if (auto done = Tools::registerStatements(offer); !done) return done;
        auto statements = offer.acquire<howdah_statement_v1>(HOWDAH_STATEMENT_1);
        if (!statements) return statements.error();
        statements_ = *statements;
        const Context& context = offer.context();
        auto databases = configuredDatabases(context);
        if (!databases) return std::move(databases).error();
        auto folder = pathOf(context, HOWDAH_PATH_STATE);
        if (!folder) return std::move(folder).error();
        if (auto made = makeDirectory(*databases); !made) return made;
        jobs_.emplace(host());
        if (const auto& audit = directory_->config().audit) {
            auto keys = KeyRing::read(audit->key_file);
            if (!keys) return std::move(keys).error();
            log_ = std::make_shared<const AuditLog>(concat(*folder, "/audit"), std::move(*keys), audit->bytes_max,
                                                    audit->sync);
            writer_.emplace(host(), *jobs_, log_);
        }
        tools_.emplace(*directory_, databases_, *jobs_, log_);
        tools_->bind(offer);
        return {};
    }

    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override { jobs_->drop(token); }

    // --- around a call
    Verdict beforeCall(Call& call) override {
        auto asker = directory_->askerOf(call.principal());
        if (!asker) return Verdict::deny(std::move(asker).error());
        if (asker->is_operator) {
            calls_.begin(call.raw()->request_id, {});
            return proceed();
        }
        if (writer_) {
            if (auto may = writer_->mayCall(call.context(), asker->tenant); !may) return Verdict::deny(may.error());
        }
        Calls::Running running{asker->tenant, writer_ ? recordOf(call) : Json(), host().nowNs()};
        auto scope = scopes_->of(asker->tenant, call.principal());
        Result<void> seen = scope ? mayCall(call, **scope) : Result<void>(scope.error());
        if (!seen) {
            record(call.context(), std::move(running), &seen.error());
            return Verdict::deny(seen.error());
        }
        running.scope = std::move(*scope);
        calls_.begin(call.raw()->request_id, std::move(running));
        return proceed();
    }

    void afterCall(Call& call, const Error* error) override {
        if (auto ended = calls_.end(call.raw()->request_id)) record(call.context(), std::move(*ended), error);
    }

    // --- around a query
    Verdict beforeQuery(Query& query) override {
        if (isServersOwn(query)) return proceed();
        auto asker = directory_->askerOf(query.principal());
        if (!asker) return Verdict::deny(std::move(asker).error());
        if (asker->is_operator) return proceed();
        auto scope = calls_.scopeOf(query.requestId());
        if (!scope) {
            auto made = scopes_->of(asker->tenant, query.principal());
            if (!made) return Verdict::deny(std::move(made).error());
            scope = std::move(*made);
        }
        const std::string* database = scope->database(query.database());
        if (!database) return Verdict::deny(noDatabase(query.database()));
        // Before it is judged: what was refused is what a record is read for.
        if (writer_)
            calls_.addStatement(query.requestId(), recordOf(query, directory_->config().audit->statement_bytes_max));
        if (auto own = requireOwnRole(query.context(), *scope, *database); !own)
            return Verdict::deny(std::move(own).error());
        if (query.fromClient()) {
            if (auto may = mayAsk(query); !may) return Verdict::deny(std::move(may).error());
        }
        if (auto set = apply(query, *scope, *database); !set) return Verdict::fault(std::move(set).error());
        return proceed();
    }

    Verdict afterQuery(Query& query, const howdah_result& result) override {
        // Of a write there is nothing left to keep back; it was judged before it ran.
        if (!query.readOnly()) return proceed();
        // Nor of what is on its way to the client: streamed rows were judged as they came.
        if (result.flags & HOWDAH_RESULT_STREAMED) return proceed();
        if (auto verdict = judgeSight(query); verdict.kind() != HOWDAH_PROCEED) return verdict;
        return judgeLog(query);
    }

    Verdict onRows(Query& query, const howdah_batch&, howdah_batch&) override {
        return query.readOnly() ? judgeSight(query) : proceed();
    }

    Verdict onError(Query& query, const Error& error) override {
        if (!isTenants(query)) return proceed();
        // A statement whose answer would be kept back tells nothing by failing either.
        if (query.fromClient() && query.readOnly() && query.facts()) {
            if (auto may = mayRead(query.facts(), directory_->config()); !may) return Verdict::deny(may.error());
        }
        if (auto other = asTenantsSeeIt(error, query.fromClient())) return Verdict::deny(std::move(*other));
        return proceed();
    }

    Result<Json> report(Context& context) override {
        Json report{{"checks", Json::array()}};
        tools_->addToReport(context, report);
        if (writer_) {
            const Writer::Figures figures = writer_->figures();
            report["audit"] = {{"records", figures.records},
                               {"batches", figures.batches},
                               {"lost", figures.lost},
                               {"refused", figures.refused}};
            report["checks"].push_back(
                {{"name", "audit"},
                 {"status", figures.lost == 0 && figures.refused == 0 ? "ok" : "fail"},
                 {"text", concat(figures.records, " records written, ", figures.lost, " lost and ", figures.refused,
                                 " calls refused for want of one since the start")}});
        }
        report["status"] = "ok";
        for (const Json& check : report["checks"])
            if (check["status"] == "fail" || report["status"] == "ok") report["status"] = check["status"];
        return report;
    }

private:
    Result<void> makeDirectory(const Json& databases) {
        std::vector<std::string> names;
        for (const Json& database : databases) {
            names.push_back(database.value("name", ""));
            databases_.push_back({names.back(), database.value("access", "") == "read_write"});
        }
        // The default one first: what a call without a database means.
        if (const auto main = std::find(names.begin(), names.end(), "main"); main != names.end())
            std::rotate(names.begin(), main, main + 1);
        auto directory = Directory::make(std::move(config_), names);
        if (!directory) return std::move(directory).error();
        directory_.emplace(std::move(*directory));
        scopes_.emplace(*directory_);
        return {};
    }

    // What the server asks for itself, outside of every call: the guard's catalogs, the probes of health, doctor.
    bool isServersOwn(const Query& query) const {
        return query.principal().tenant.size == 0 && !query.fromClient() && !calls_.contains(query.requestId());
    }
    bool isTenants(const Query& query) const {
        if (isServersOwn(query)) return false;
        const auto asker = directory_->askerOf(query.principal());
        return asker && !asker->is_operator;
    }

    Result<void> mayCall(const Call& call, const Scope& scope) const {
        const auto& tools = directory_->config().tools;
        if (call.kind() == CallKind::tool && std::find(tools.begin(), tools.end(), call.name()) == tools.end())
            return toolNotForTenants();
        // A database the tenant has not is told apart from one that is not there by nobody, so before the kernel looks.
        const auto name = call.argument("database");
        if (!name || name->type() != HOWDAH_VALUE_TEXT || name->text().empty() || scope.database(name->text()))
            return {};
        return noDatabase(name->text());
    }

    // No tenant is the role the server logs in with, which can be any tenant. Asked once of each database.
    Result<void> requireOwnRole(const Context& context, const Scope& scope, const std::string& database) {
        if (!directory_->config().hasRoleById()) return {};
        std::string login;
        {
            const std::lock_guard lock(logins_mutex_);
            if (const auto known = logins_.find(database); known != logins_.end()) login = known->second;
        }
        if (login.empty()) {
            auto rows = ask(context, database, kServerStatement);
            if (!rows) return std::move(rows).error();
            auto row = rows->next();
            if (!row) return std::move(row).error();
            if (!*row) return Error::internal("the server did not say who logs in");
            login = rows->text(2);
            const std::lock_guard lock(logins_mutex_);
            logins_.insert_or_assign(database, login);
        }
        if (scope.role != login) return {};
        Error error = Error::refused("the tenant of your credential is called like something that is not its own")
                          .withHint("the operator can give it a role of its own under multi_tenant.tenants");
        error.rule = "tenant-reserved";
        return error;
    }

    // The role last: it may have no right to what is set before it.
    static Result<void> apply(Query& query, const Scope& scope, const std::string& database) {
        if (database != query.database()) {
            if (auto set = query.setDatabase(database); !set) return set;
        }
        for (const auto& [name, value] : scope.settings)
            if (auto set = query.setSetting(name, value); !set) return set;
        if (!scope.search_path.empty()) {
            if (auto set = query.setSetting("search_path", scope.search_path); !set) return set;
        }
        if (!scope.role.empty()) return query.setSetting("role", scope.role);
        return {};
    }

    // What can be said of a statement before it runs.
    Result<void> mayAsk(const Query& query) const {
        if (auto may = mayName(query.sql(), directory_->config()); !may) return may;
        return query.readOnly() ? Result<void>{} : mayWrite(query);
    }

    // A function that a tenant makes could give its role up, so tenants make none. What the guard refuses is refused
    // here and in its words: where its own hook lets things pass (mode: audit) nothing else would keep a write in its
    // tenant.
    Result<void> mayWrite(const Query& query) const {
        const howdah_facts* facts = nullptr;
        const howdah_status status = statements_.table->facts(statements_.self, query.context().raw(),
                                                              toAbi(query.sql()), HOWDAH_ACCESS_WRITE, &facts);
        if (status < 0) {
            Error error = query.context().lastError();
            // The guard's line in the server's log comes with its hook, which this statement does not reach.
            host().log(LogLevel::info, "refused a write of ", fromAbi(query.principal().subject), ", rule ",
                       error.rule.empty() ? "none" : error.rule);
            return error;
        }
        return facts ? mayWriteThat(*facts, directory_->config()) : mayRead(nullptr, directory_->config());
    }

    // Whether the tenant may see what came, by what the guard has found out about the statement.
    Verdict judgeSight(Query& query) const {
        if (!query.fromClient() || !isTenants(query)) return proceed();
        if (auto may = mayRead(query.facts(), directory_->config()); !may) return Verdict::deny(std::move(may).error());
        return proceed();
    }

    // An answer that is still at hand is not given when its record could not be written any more.
    Verdict judgeLog(const Query& query) {
        if (!writer_ || !query.fromClient()) return proceed();
        const auto asker = directory_->askerOf(query.principal());
        if (!asker || asker->is_operator) return proceed();
        if (auto may = writer_->mayAnswer(query.context(), asker->tenant); !may) return Verdict::deny(may.error());
        return proceed();
    }

    void record(const Context& context, Calls::Running call, const Error* error) {
        if (!writer_ || call.tenant.empty()) return;
        addOutcome(call.body, error, host().nowNs() - call.began_ns);
        (void)writer_->write(context, call.tenant, std::move(call.body));  // a loss is logged, and stops the next call
    }

    Config config_;  // until start()
    std::optional<Directory> directory_;
    std::optional<Scopes> scopes_;
    std::vector<Tools::Database> databases_;
    Offer::Acquired<howdah_statement_v1> statements_;
    std::optional<Jobs> jobs_;
    std::shared_ptr<const AuditLog> log_;
    std::optional<Writer> writer_;
    std::optional<Tools> tools_;
    Calls calls_;
    std::mutex logins_mutex_;
    std::map<std::string, std::string> logins_;  // by database: the role of its dsn
};

}  // namespace
}  // namespace howdah::multi_tenant

using MultiTenantPlugin = howdah::multi_tenant::MultiTenant;
HOWDAH_PLUGIN(MultiTenantPlugin)
