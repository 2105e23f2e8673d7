#include "plugins/multi_tenant/tools.hpp"

#include <algorithm>
#include <set>

#include "plugins/multi_tenant/checks/checks.hpp"
#include "plugins/multi_tenant/provision.hpp"

namespace howdah::multi_tenant {
namespace {

using Document = nlohmann::ordered_json;

constexpr std::size_t kReportedMax = 20;  // findings of one database in `howdah doctor`

Result<void> reply(ToolCall& call, const Document& document) {
    const std::string json = document.dump(-1, ' ', false, Document::error_handler_t::replace);
    if (auto done = call.writeText(json); !done) return done;
    return call.structuredWanted() ? call.writeStructured(json) : Result<void>{};
}

// Where a template fits the names of one kind, what it stands for.
void addTenantsIn(Rows& rows, const std::vector<const NameTemplate*>& schemas, const Config& config,
                  std::set<std::string>& tenants, Result<void>& failed) {
    const auto add = [&](const NameTemplate& name) {
        if (const auto tenant = name.tenantOf(rows.text(1))) tenants.emplace(*tenant);
    };
    for (;;) {
        auto more = rows.next();
        if (!more) failed = more.error();
        if (!more || !*more) return;
        if (rows.text(0) != "role") {
            for (const NameTemplate* schema : schemas)
                add(*schema);
        } else if (config.role) {
            add(*config.role);
        }
    }
}

std::string prefixOf(const NameTemplate* names) {
    return names && !names->isShared() ? names->prefix() : std::string{};
}

}  // namespace

Result<void> Tools::registerStatements(Offer& offer) {
    for (const Statement* statement : {&kServerStatement, &kTenantsStatement})
        if (auto done = offer.statement(*statement); !done) return done;
    for (const Check* check : allChecks()) {
        for (const Check::Source& source : check->sources)
            if (auto done = offer.statement(*source.statement); !done) return done;
    }
    return {};
}

void Tools::bind(Offer& offer) {
    offer.bind("tenant_check", [this](ToolCall& call) { return checkTenancy(call); });
    offer.bind("tenant_list", [this](ToolCall& call) { return list(call); });
    offer.bind("tenant_create", [this](ToolCall& call) { return create(call); });
    offer.bind("tenant_audit", [this](ToolCall& call) { return audit(call); });
}

Result<void> Tools::requireOperator(const ToolCall& call) const {
    auto asker = directory_.askerOf(call.principal());
    if (!asker) return std::move(asker).error();
    if (asker->is_operator) return {};
    Error error = Error::refused("this tool is an operator's, and your credential is a tenant's")
                      .withHint("subjects without a tenant become operators under multi_tenant.operators");
    error.rule = "tenant-operator-only";
    return error;
}

std::vector<std::string> Tools::tenantDatabases() const {
    std::set<std::string> names;
    const Config& config = directory_.config();
    const auto add = [&](const DatabaseNames& all) {
        for (const auto& [called, is] : all) {
            for (const Database& known : databases_)
                if (is.isShared() ? known.name == is.of("") : is.tenantOf(known.name).has_value())
                    names.insert(known.name);
        }
    };
    add(config.databases);
    for (const auto& [tier, all] : config.tiers)
        add(all);
    for (const auto& [tenant, entry] : config.tenants)
        add(entry.databases);
    return {names.begin(), names.end()};
}

Result<const Tools::Database*> Tools::databaseOf(std::string_view name) const {
    const auto of_tenants = tenantDatabases();
    const std::string wanted = name.empty() && !of_tenants.empty() ? of_tenants.front() : std::string(name);
    const auto found = std::ranges::find(databases_, wanted, &Database::name);
    if (found != databases_.end()) return &*found;
    std::string names;
    for (const Database& known : databases_)
        names += concat(names.empty() ? "" : ", ", known.name);
    return Error::notFound("no database \"", wanted, "\"; configured: ", names);
}

Result<void> Tools::checkTenancy(ToolCall& call) const {
    if (auto may = requireOperator(call); !may) return may;
    auto database = databaseOf(call.text("database"));
    if (!database) return std::move(database).error();
    auto findings = check(call.context(), (*database)->name, directory_.config());
    if (!findings) return std::move(findings).error();
    const auto count = [&](Severity severity) {
        return std::ranges::count(findings->all, severity, &Finding::severity);
    };
    const auto max = static_cast<std::size_t>(call.integer("max", 100));
    Document answer{{"database", (*database)->name},         {"model", nameOf(directory_.config().model)},
                    {"critical", count(Severity::critical)}, {"warnings", count(Severity::warning)},
                    {"notices", count(Severity::notice)},    {"findings", findings->toJson(max)}};
    if (findings->all.size() > max) answer["left_out"] = findings->all.size() - max;
    if (!findings->reasons.empty()) answer["not_checked"] = findings->reasons;
    return reply(call, answer);
}

Result<void> Tools::list(ToolCall& call) const {
    if (auto may = requireOperator(call); !may) return may;
    auto database = databaseOf(call.text("database"));
    if (!database) return std::move(database).error();
    const Config& config = directory_.config();
    std::set<std::string> tenants;
    for (const auto& [tenant, entry] : config.tenants)
        tenants.insert(tenant);
    if (!config.listed_only) {
        // Once for each schema of a tenant's own, and for the roles if there is none.
        auto schemas = config.ownSchemas();
        if (schemas.empty()) schemas.push_back(nullptr);
        for (const NameTemplate* schema : schemas) {
            auto rows = ask(call.context(), (*database)->name, kTenantsStatement,
                            {Value(prefixOf(config.role ? &*config.role : nullptr)), Value(prefixOf(schema))});
            if (!rows) return std::move(rows).error();
            Result<void> failed;
            addTenantsIn(*rows, schema ? std::vector{schema} : std::vector<const NameTemplate*>{}, config, tenants,
                         failed);
            if (!failed) return failed;
        }
        for (const auto& [called, is] : config.databases) {
            for (const Database& known : databases_)
                if (const auto tenant = is.tenantOf(known.name)) tenants.emplace(*tenant);
        }
    }
    Document list = Document::array();
    howdah_principal nobody{};
    nobody.struct_size = sizeof nobody;
    for (const std::string& tenant : tenants) {
        auto scope = directory_.scopeOf(tenant, nobody);
        Document one{{"tenant", tenant}, {"listed", config.tenants.contains(tenant)}};
        if (scope) {
            if (!scope->role.empty()) one["role"] = scope->role;
            if (!scope->search_path.empty()) one["search_path"] = scope->search_path;
            one["databases"] = scope->databases;
        } else {
            one["problem"] = scope.error().message;
        }
        list.push_back(std::move(one));
    }
    return reply(call, {{"database", (*database)->name},
                        {"model", nameOf(config.model)},
                        {"only_listed_are_served", config.listed_only},
                        {"tenants", std::move(list)}});
}

Result<void> Tools::create(ToolCall& call) const {
    if (auto may = requireOperator(call); !may) return may;
    const std::string_view tenant = call.text("tenant");
    if (!isTenantId(tenant))
        return Error::invalidArgument("a tenant's id is 1 to 63 of a-z, 0-9, _ and -, with a letter or digit first");
    if (auto may = directory_.mayBeCalled(tenant); !may) return may;
    auto database = databaseOf(call.text("database"));
    if (!database) return std::move(database).error();
    auto server = ask(call.context(), (*database)->name, kServerStatement);
    if (!server) return std::move(server).error();
    auto row = server->next();
    if (!row) return std::move(row).error();
    if (!*row) return Error::internal("the server did not say what it is");
    auto sql = provisioning(directory_, tenant,
                            {(*database)->name, std::string(server->text(2)),
                             static_cast<int>(server->integer(0) / 10000), (*database)->writable});
    if (!sql) return std::move(sql).error();
    return reply(call, {{"tenant", tenant}, {"database", (*database)->name}, {"sql", *sql}});
}

Result<void> Tools::audit(ToolCall& call) const {
    auto asker = directory_.askerOf(call.principal());
    if (!asker) return std::move(asker).error();
    std::string tenant(call.text("tenant", asker->tenant));
    // Another tenant's log is as if it were not there, whether it is or not.
    if (!asker->is_operator && tenant != asker->tenant)
        return Error::notFound("tenant ", tenant, " has no audit log yet");
    if (!isTenantId(tenant)) return Error::invalidArgument("tenant must be the id of a tenant");
    if (!log_) return Error::unavailable("no audit log is kept").withHint("the operator can set multi_tenant.audit");
    const auto newest = static_cast<std::size_t>(call.integer("last", 0));
    auto reader = this->reader(asker->is_operator);
    if (!reader) return std::move(reader).error();
    const auto verified = jobs_.made(call.context(), [log = log_, tenant, newest, held = std::move(*reader)] {
        return log->verify(tenant, newest);
    });
    if (!verified) return verified.error();
    if (!*verified) return verified->error();
    const Verified& found = **verified;
    Document answer{{"tenant", tenant},
                    {"sound", found.problem.empty()},
                    {"first", found.first},
                    {"last", found.last},
                    {"last_hash", found.last_hash}};
    if (!found.problem.empty()) {
        answer["broken_record"] = found.broken_record;
        answer["problem"] = found.problem;
    }
    if (found.first > 1)
        answer["note"] = concat("records 1 to ", found.first - 1, " are in a file that was moved away");
    if (newest > 0) answer["newest"] = found.newest;
    return reply(call, answer);
}

Result<std::shared_ptr<void>> Tools::reader(bool for_operator) const {
    const auto& reading = reading_[for_operator ? 1 : 0];
    if (reading->exchange(true))
        return Error::unavailable("a log is being verified already").withHint("try again in a moment");
    return std::shared_ptr<void>(nullptr, [reading](void*) { reading->store(false); });
}

void Tools::addToReport(Context& context, Json& report) const {
    const auto names = tenantDatabases();
    report["checks"].push_back(
        {{"name", "model"},
         {"status", names.empty() ? "fail" : "ok"},
         {"text", concat(nameOf(directory_.config().model), ", ", names.size(), " databases with tenants, ",
                         directory_.config().tenants.size(), " tenants listed")}});
    for (const std::string& name : names) {
        auto found = check(context, name, directory_.config());
        if (!found) {
            report["checks"].push_back({{"name", concat(name, ": tenancy")},
                                        {"status", "warn"},
                                        {"text", concat("could not be checked: ", found.error().message)}});
            continue;
        }
        std::size_t shown = 0, left = 0;
        for (const Finding& finding : found->all) {
            if (finding.severity == Severity::notice) continue;
            if (++shown > kReportedMax) {
                ++left;
                continue;
            }
            Json entry{{"name", concat(name, ": ", finding.rule)},
                       {"status", finding.severity == Severity::critical ? "fail" : "warn"},
                       {"text", concat(finding.object, finding.object.empty() ? "" : ": ", finding.text)}};
            if (!finding.sql.empty()) entry["remedy"] = finding.sql;
            report["checks"].push_back(std::move(entry));
        }
        for (const std::string& reason : found->reasons)
            report["checks"].push_back({{"name", concat(name, ": not checked")}, {"status", "warn"}, {"text", reason}});
        const std::string text = shown == 0
                                     ? std::string("no way past the tenants' bounds is known")
                                     : concat(shown, " findings", left > 0 ? concat(", ", left, " not shown") : "");
        report["checks"].push_back(
            {{"name", concat(name, ": tenancy")}, {"status", shown == 0 ? "ok" : "warn"}, {"text", text}});
    }
}

}  // namespace howdah::multi_tenant
