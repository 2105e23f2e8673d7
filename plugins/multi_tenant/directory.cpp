#include "plugins/multi_tenant/directory.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <howdah/host.hpp>

namespace howdah::multi_tenant {
namespace {

constexpr std::string_view kIssuersUser = "oauth:";

Error refusal(const char* rule, const std::string& text, std::string hint) {
    Error error = Error::refused(text).withHint(std::move(hint));
    error.rule = rule;
    return error;
}

}  // namespace

const std::string* Scope::database(std::string_view called) const {
    const auto found = databases.find(called);
    return found == databases.end() ? nullptr : &found->second;
}

Result<Directory> Directory::make(Config config, const std::vector<std::string>& databases) {
    Directory made(std::move(config));
    if (auto done = made.completeDatabases(databases); !done) return done.error();
    if (auto done = made.findOwners(databases); !done) return done.error();
    return made;
}

Result<void> Directory::findOwners(const std::vector<std::string>& databases) {
    const Model model = config_.model;
    const auto shared = [](Owners& owners, const NameTemplate& name) {
        if (name.isShared()) owners.emplace(name.of(""), "");
    };
    // Else a query would meet it, and each tenant be told that it is called wrongly.
    const auto mayBeRole = [](std::string_view key, const std::string& name) -> Result<void> {
        if (identifier(name)) return {};
        return Error::invalidArgument("multi_tenant.", key, ": ", name,
                                      " is a name that PostgreSQL keeps for itself, or cuts");
    };
    if (config_.role) {
        shared(roles_, *config_.role);
        if (config_.role->isShared()) {
            if (auto may = mayBeRole("role", config_.role->of("")); !may) return may;
        }
    }
    // Two that begin alike would be one.
    const auto mayBeSchema = [](std::string_view key, const NameTemplate& schema) -> Result<void> {
        if (!schema.isShared() || schema.of("").size() <= kIdentifierMax) return {};
        return Error::invalidArgument("multi_tenant.", key, ": ", schema.of(""), " has more than the ", kIdentifierMax,
                                      " bytes that PostgreSQL keeps of a name");
    };
    for (const NameTemplate& schema : config_.search_path) {
        if (auto may = mayBeSchema("search_path", schema); !may) return may;
        shared(schemas_, schema);
    }
    for (const auto& [called, is] : config_.databases)
        shared(databases_, is);
    for (const auto& [tier, names] : config_.tiers)
        for (const auto& [called, is] : names)
            shared(databases_, is);
    // What calls that name none, and what the server asks for itself, run in.
    if (!databases.empty()) databases_.emplace(databases.front(), "");

    if (auto may = mayBeCalled(config_.default_tenant); !may)
        return Error::invalidArgument("multi_tenant.default: ", may.error().message, ": ", may.error().hint);
    for (const auto& [tenant, entry] : config_.tenants) {
        if (auto may = mayBeCalled(tenant); !may)
            return Error::invalidArgument("multi_tenant.tenants.", tenant, ": ", may.error().message, ": ",
                                          may.error().hint);
        // `apart`: what keeps tenants apart in this model, so that no two may have it.
        const auto own = [&, tenant = tenant](const char* key, Owners& owners, const NameTemplate& is,
                                              const NameTemplate* by_default, bool apart) -> Result<void> {
            const std::string name = is.of(tenant);
            const auto [at, added] = owners.emplace(name, tenant);
            const auto other = by_default ? by_default->tenantOf(name) : std::nullopt;
            const bool taken = (!added && at->second != tenant) || (other && *other != tenant);
            if (apart && taken)
                return Error::invalidArgument("multi_tenant.tenants.", tenant, ".", key, ": ", name,
                                              " is another tenant's as well, or everybody's");
            return {};
        };
        const bool by_role = model == Model::role || model == Model::schema;
        if (entry.role) {
            if (auto may = mayBeRole(concat("tenants.", tenant, ".role"), entry.role->of(tenant)); !may) return may;
            const NameTemplate* by_default = config_.role ? &*config_.role : nullptr;
            if (auto done = own("role", roles_, *entry.role, by_default, by_role); !done) return done;
        }
        if (entry.search_path) {
            // Schemas that are listed for all may stand behind a tenant's own.
            for (const NameTemplate& schema : *entry.search_path) {
                if (auto may = mayBeSchema(concat("tenants.", tenant, ".search_path"), schema); !may) return may;
                const auto known = schemas_.find(schema.of(tenant));
                if (known != schemas_.end() && known->second.empty()) continue;
                for (const NameTemplate& by_default : config_.search_path)
                    if (auto done = own("search_path", schemas_, schema, &by_default, model == Model::schema); !done)
                        return done;
            }
        }
        for (const auto& [called, is] : entry.databases)
            if (auto done = own("databases", databases_, is, nullptr, model == Model::database); !done) return done;
    }
    return {};
}

// A name made of the tenant's id must not be one that is spelled out for others.
Result<std::string> Directory::nameOf(const NameTemplate& name, std::string_view tenant, const Owners& owners) const {
    // Spelled out for all: the operator's choice, looked at once (findOwners) and never the tenant's fault.
    if (name.isShared()) return name.of(tenant);
    auto made = identifier(name.of(tenant));
    if (!made) return made;
    const auto owner = owners.find(*made);
    if (owner == owners.end() || owner->second == tenant) return made;
    return refusal("tenant-reserved", "the tenant of your credential is called like something that is not its own",
                   "the operator can give it names of its own under multi_tenant.tenants");
}

Result<std::string> Directory::searchPathOf(const std::vector<NameTemplate>& schemas, std::string_view tenant) const {
    std::string path;
    for (const NameTemplate& schema : schemas) {
        auto name = nameOf(schema, tenant, schemas_);
        if (!name) return name;
        path += sqlName(*name) + ", ";
    }
    // Last, else it would come first: nobody's temporary table takes the place of a tenant's own.
    return path.empty() ? path : path + "pg_temp";
}

Result<void> Directory::completeDatabases(const std::vector<std::string>& databases) {
    const auto known = [&](std::string_view key, const DatabaseNames& names) -> Result<void> {
        for (const auto& [called, is] : names) {
            // What a tenant may say must be a name the kernel knows, since it looks there first.
            for (const std::string& name : {called, is.isShared() ? is.of("") : called}) {
                if (std::ranges::find(databases, name) == databases.end())
                    return Error::invalidArgument("multi_tenant.", key, ": there is no database ", name);
            }
        }
        return {};
    };
    if (config_.databases.empty() && !databases.empty()) {
        auto name =
            NameTemplate::parse("databases", config_.model == Model::database ? "{tenant}" : databases.front(), false);
        config_.databases.emplace(databases.front(), std::move(*name));
    }
    if (auto done = known("databases", config_.databases); !done) return done;
    for (const auto& [tier, names] : config_.tiers)
        if (auto done = known(concat("tiers.", tier, ".databases"), names); !done) return done;
    for (const auto& [tenant, entry] : config_.tenants)
        if (auto done = known(concat("tenants.", tenant, ".databases"), entry.databases); !done) return done;
    return {};
}

Result<void> Directory::mayBeCalled(std::string_view tenant) const {
    if (config_.model == Model::shared || !isReserved(tenant)) return {};
    return refusal("tenant-reserved", "the tenant is called like something that all use",
                   "public, postgres, information_schema, names that begin with pg_ and the like are no tenants");
}

const TenantEntry* Directory::entryOf(std::string_view tenant) const {
    const auto found = config_.tenants.find(tenant);
    return found == config_.tenants.end() ? nullptr : &found->second;
}

Result<Asker> Directory::askerOf(const howdah_principal& principal) const {
    std::string_view tenant = fromAbi(principal.tenant);
    if (tenant.empty()) {
        if (std::ranges::find(config_.operators, fromAbi(principal.subject)) != config_.operators.end())
            return Asker{true, {}};
        tenant = config_.default_tenant;
    }
    if (tenant.empty())
        return refusal("tenant-missing", "your credential names no tenant, and this server serves tenants only",
                       "come with a credential of a tenant; the operator can name a tenant for all others under "
                       "multi_tenant.default, or list operators");
    if (!isTenantId(tenant))
        return refusal("tenant-malformed", "the tenant of your credential is not one this server takes",
                       "a tenant's id is 1 to 63 of a-z, 0-9, _ and -, with a letter or digit first");
    if (auto may = mayBeCalled(tenant); !may) return std::move(may).error();
    if (config_.listed_only && !entryOf(tenant))
        return refusal("tenant-unknown", "the tenant of your credential is not served here",
                       "the operator can list it under multi_tenant.tenants");
    return Asker{false, std::string(tenant)};
}

Result<Scope> Directory::scopeOf(std::string_view tenant, const howdah_principal& principal) const {
    const TenantEntry* entry = entryOf(tenant);
    Scope scope;
    const auto& role = entry && entry->role ? entry->role : config_.role;
    if (role) {
        auto name = nameOf(*role, tenant, roles_);
        if (!name) return std::move(name).error();
        scope.role = std::move(*name);
    }
    auto path = searchPathOf(entry && entry->search_path ? *entry->search_path : config_.search_path, tenant);
    if (!path) return std::move(path).error();
    scope.search_path = std::move(*path);
    for (const auto& [name, value] : config_.settings)
        scope.settings.emplace_back(name, value.of(tenant));
    if (config_.claims) scope.settings.emplace_back("request.jwt.claims", claimsOf(tenant, scope.role, principal));
    std::map<std::string_view, const NameTemplate*> databases;
    const auto take = [&](const DatabaseNames& names) {
        for (const auto& [called, is] : names)
            databases.insert_or_assign(called, &is);
    };
    take(config_.databases);
    if (const auto tier = config_.tiers.find(fromAbi(principal.tier)); tier != config_.tiers.end()) take(tier->second);
    if (entry) take(entry->databases);
    for (const auto& [called, is] : databases) {
        auto name = nameOf(*is, tenant, databases_);
        if (!name) return std::move(name).error();
        scope.databases.emplace(called, std::move(*name));
    }
    return scope;
}

std::string claimsOf(std::string_view tenant, std::string_view role, const howdah_principal& principal) {
    const std::string_view subject = fromAbi(principal.subject);
    nlohmann::json claims{{"tenant", tenant}, {"subject", subject}, {"scopes", nlohmann::json::array()}};
    if (subject.starts_with(kIssuersUser)) claims["sub"] = subject.substr(kIssuersUser.size());
    if (!role.empty()) claims["role"] = role;
    if (principal.tier.size > 0) claims["tier"] = fromAbi(principal.tier);
    for (std::uint64_t i = 0; i < principal.scope_count; ++i)
        claims["scopes"].push_back(fromAbi(principal.scopes[i]));
    return claims.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace howdah::multi_tenant
