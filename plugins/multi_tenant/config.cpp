#include "plugins/multi_tenant/config.hpp"

#include <algorithm>

namespace howdah::multi_tenant {
namespace {

using Json = nlohmann::json;

constexpr const char* kByDefault = "tenant_{tenant}";

Result<std::vector<NameTemplate>> pathOf(const std::string& key, const Json& list) {
    std::vector<NameTemplate> path;
    for (const Json& item : list) {
        auto name = NameTemplate::parse(key, item.get<std::string>(), true);
        if (!name) return std::move(name).error();
        path.push_back(std::move(*name));
    }
    return path;
}

Result<DatabaseNames> databasesOf(const std::string& key, const Json& map) {
    DatabaseNames names;
    for (const auto& [called, is] : map.items()) {
        // Only configured databases are ever reached, so a name without a prefix gives nothing away.
        auto name = NameTemplate::parse(concat(key, ".", called), is.get<std::string>(), false);
        if (!name) return std::move(name).error();
        names.emplace(called, std::move(*name));
    }
    return names;
}

Result<TenantEntry> entryOf(const std::string& key, const Json& json) {
    TenantEntry entry;
    if (json.contains("role")) {
        auto role = NameTemplate::parse(key + ".role", json["role"].get<std::string>(), true);
        if (!role) return std::move(role).error();
        entry.role = std::move(*role);
    }
    if (json.contains("search_path")) {
        auto path = pathOf(key + ".search_path", json["search_path"]);
        if (!path) return std::move(path).error();
        entry.search_path = std::move(*path);
    }
    auto databases = databasesOf(key + ".databases", json.value("databases", Json::object()));
    if (!databases) return std::move(databases).error();
    entry.databases = std::move(*databases);
    return entry;
}

Result<void> readTenants(const Json& section, Config& config) {
    const Json tenants = section.value("tenants", Json::object());
    for (const auto& [tenant, json] : tenants.items()) {
        if (!isTenantId(tenant))
            return Error::invalidArgument("multi_tenant.tenants: \"", tenant,
                                          "\" is no tenant id: 1 to 63 of a-z, 0-9, _ and -, a letter or digit first");
        auto entry = entryOf("tenants." + tenant, json);
        if (!entry) return std::move(entry).error();
        config.tenants.emplace(tenant, std::move(*entry));
    }
    const Json tiers = section.value("tiers", Json::object());
    for (const auto& [tier, json] : tiers.items()) {
        auto databases = databasesOf(concat("tiers.", tier, ".databases"), json.value("databases", Json::object()));
        if (!databases) return std::move(databases).error();
        config.tiers.emplace(tier, std::move(*databases));
    }
    config.listed_only = section.value("listed_only", false);
    config.operators = section.value("operators", config.operators);
    config.tools = section.value("tools", config.tools);
    config.default_tenant = section.value("default", "");
    if (!config.default_tenant.empty() && !isTenantId(config.default_tenant))
        return Error::invalidArgument("multi_tenant.default is no tenant id");
    return {};
}

Result<void> readScope(const Json& section, Config& config) {
    const bool by_role = config.hasOwnRoles();
    const std::string role = section.value("role", by_role ? kByDefault : "");
    if (!role.empty()) {
        auto made = NameTemplate::parse("role", role, true);
        if (!made) return std::move(made).error();
        if (by_role && made->isShared())
            return Error::invalidArgument("multi_tenant.role: in model ", nameOf(config.model),
                                          " each tenant has a role of its own, so {tenant} must stand in it");
        config.role = std::move(*made);
    }
    const Json by_default = config.model == Model::schema ? Json::array({kByDefault}) : Json::array();
    auto path = pathOf("search_path", section.value("search_path", by_default));
    if (!path) return std::move(path).error();
    config.search_path = std::move(*path);
    if (config.model == Model::schema && config.ownSchemas().empty())
        return Error::invalidArgument(
            "multi_tenant.search_path: in model schema each tenant has a schema of its own, so "
            "{tenant} must stand in one");
    const Json settings = section.value("settings", Json{{"app.tenant_id", "{tenant}"}});
    for (const auto& [name, value] : settings.items()) {
        auto made = NameTemplate::parse("settings." + name, value.get<std::string>(), false);
        if (!made) return std::move(made).error();
        config.settings.emplace_back(name, std::move(*made));
    }
    auto databases = databasesOf("databases", section.value("databases", Json::object()));
    if (!databases) return std::move(databases).error();
    config.databases = std::move(*databases);
    return {};
}

}  // namespace

std::string_view nameOf(Model model) {
    switch (model) {
        case Model::shared: return "shared";
        case Model::role: return "role";
        case Model::schema: return "schema";
        case Model::database: return "database";
    }
    return "shared";
}

std::vector<const NameTemplate*> Config::ownSchemas() const {
    std::vector<const NameTemplate*> own;
    for (const NameTemplate& schema : search_path)
        if (!schema.isShared()) own.push_back(&schema);
    return own;
}

std::vector<const std::pair<std::string, NameTemplate>*> Config::ownSettings() const {
    std::vector<const std::pair<std::string, NameTemplate>*> own;
    for (const auto& setting : settings)
        if (!setting.second.isShared()) own.push_back(&setting);
    return own;
}

Result<Config> Config::parse(const nlohmann::json& section) {
    Config config;
    const auto model = section.at("model").get<std::string>();
    for (const Model known : {Model::shared, Model::role, Model::schema, Model::database})
        if (nameOf(known) == model) config.model = known;
    if (auto read = readScope(section, config); !read) return read.error();
    if (auto read = readTenants(section, config); !read) return read.error();
    config.claims = section.value("claims", config.claims);
    const bool role_tells = config.role && !config.role->isShared();
    if (config.model == Model::shared && config.ownSettings().empty() && !config.claims && !role_tells)
        return Error::invalidArgument(
            "multi_tenant.settings: in model shared a policy must be able to tell who asks, so {tenant} must stand in "
            "a "
            "setting or in role, or claims must be true");
    config.catalogs_allowed = section.value("catalogs", "refuse") == "allow";
    // Where tenants share tables an estimate is made of everybody's rows.
    const bool apart = config.model == Model::schema || config.model == Model::database;
    config.explain_allowed = section.value("explain", apart ? "allow" : "refuse") == "allow";
    config.tenant_column = section.value("tenant_column", config.tenant_column);
    if (section.contains("audit")) {
        const Json& audit = section["audit"];
        AuditConfig made;
        made.key_file = audit.at("key_file").get<std::string>();
        made.statement_bytes_max = audit.value("statement_bytes_max", made.statement_bytes_max);
        made.bytes_max = audit.value("bytes_max", made.bytes_max);
        made.sync = audit.value("sync", made.sync);
        config.audit = std::move(made);
    }
    return config;
}

}  // namespace howdah::multi_tenant
