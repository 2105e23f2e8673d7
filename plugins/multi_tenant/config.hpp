// The plugin's section of the configuration. Types and ranges stand in plugin.json; the kernel checks them.
//
// Threads: immutable after configure().
// Errors:  invalid_argument naming the key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/names.hpp"

namespace howdah::multi_tenant {

// What keeps tenants apart: row security over one set of tables, by a setting or by the role; a schema or a database
// for each.
enum class Model : std::uint8_t { shared, role, schema, database };

std::string_view nameOf(Model model);

// What a tenant calls NAME is the configured database VALUE.
using DatabaseNames = std::map<std::string, NameTemplate, std::less<>>;

// In place of what the templates say, for one tenant.
struct TenantEntry {
    std::optional<NameTemplate> role;
    std::optional<std::vector<NameTemplate>> search_path;
    DatabaseNames databases;
};

struct AuditConfig {
    std::string key_file;
    std::size_t statement_bytes_max = 2048;           // 0..65536, of each statement's text
    std::uint64_t bytes_max = 1024ull * 1024 * 1024;  // 1 MiB..1 TiB, of one tenant's file; then calls are refused
    bool sync = false;                                // true: on the disk before the answer leaves
};

struct Config {
    Model model = Model::shared;
    std::optional<NameTemplate> role;  // none: the role of the dsn
    std::vector<NameTemplate> search_path;
    std::vector<std::pair<std::string, NameTemplate>> settings;
    bool claims = true;       // request.jwt.claims
    DatabaseNames databases;  // empty until the default database is known
    std::map<std::string, DatabaseNames, std::less<>> tiers;
    std::map<std::string, TenantEntry, std::less<>> tenants;
    bool listed_only = false;
    std::string default_tenant;  // of principals without one; empty = they are refused
    std::vector<std::string> operators;
    // What a tenant may call. Other tools may tell of the whole server, as health_check does.
    std::vector<std::string> tools{"query", "query_more", "execute", "list_tables", "describe_table", "tenant_audit"};
    bool catalogs_allowed = false;
    bool explain_allowed = false;
    std::string tenant_column = "tenant_id";
    std::optional<AuditConfig> audit;

    // Whether each tenant has a role of its own.
    bool hasOwnRoles() const { return model == Model::role || model == Model::schema; }
    // Whether a tenant's id makes the name of a role, in whichever model.
    bool hasRoleById() const { return role && !role->isShared(); }
    // The schemas made of the tenant's id, and the settings that tell tenants apart; the others are everybody's.
    std::vector<const NameTemplate*> ownSchemas() const;
    std::vector<const std::pair<std::string, NameTemplate>*> ownSettings() const;

    static Result<Config> parse(const nlohmann::json& section);
};

}  // namespace howdah::multi_tenant
