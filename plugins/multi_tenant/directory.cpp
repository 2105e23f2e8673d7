#include "plugins/multi_tenant/directory.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <howdah/host.hpp>

namespace howdah::multi_tenant {
namespace {

constexpr std::string_view kIssuersUser = "oauth:";

Error refusal(const char* rule, std::string text, std::string hint) {
    Error error = Error::refused(text).withHint(std::move(hint));
    error.rule = rule;
    return error;
}

Result<std::string> searchPathOf(const std::vector<NameTemplate>& schemas, std::string_view tenant) {
    std::string path;
    for (const NameTemplate& schema : schemas) {
        auto name = identifier(schema.of(tenant));
        if (!name) return name;
        path += sqlName(*name) + ", ";
    }
    // Last, else it would come first: nobody's temporary table takes the place of a tenant's own.
    return path.empty() ? path : path + "pg_temp";
}

}  // namespace

const std::string* Scope::database(std::string_view called) const {
    const auto found = databases.find(called);
    return found == databases.end() ? nullptr : &found->second;
}

Result<Directory> Directory::make(Config config, const std::vector<std::string>& databases) {
    Directory made(std::move(config));
    if (auto done = made.completeDatabases(databases); !done) return done.error();
    return made;
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
        auto name = identifier(role->of(tenant));
        if (!name) return std::move(name).error();
        scope.role = std::move(*name);
    }
    auto path = searchPathOf(entry && entry->search_path ? *entry->search_path : config_.search_path, tenant);
    if (!path) return std::move(path).error();
    scope.search_path = std::move(*path);
    for (const auto& [name, value] : config_.settings)
        scope.settings.emplace_back(name, value.of(tenant));
    if (config_.claims) scope.settings.emplace_back("request.jwt.claims", claimsOf(tenant, scope.role, principal));
    const auto take = [&](const DatabaseNames& names) {
        for (const auto& [called, is] : names)
            scope.databases.insert_or_assign(called, is.of(tenant));
    };
    take(config_.databases);
    if (const auto tier = config_.tiers.find(fromAbi(principal.tier)); tier != config_.tiers.end()) take(tier->second);
    if (entry) take(entry->databases);
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
