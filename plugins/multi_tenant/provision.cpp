#include "plugins/multi_tenant/provision.hpp"

namespace howdah::multi_tenant {
namespace {

// A role that can do nothing by itself, and that the login role may take without having its rights all the time.
std::string roleSql(const std::string& role, const Place& place) {
    return concat("create role ", role,
                  " nologin noinherit nosuperuser nobypassrls nocreatedb nocreaterole noreplication;\n", "grant ", role,
                  " to ", sqlName(place.login), place.major >= 16 ? " with inherit false, set true;\n" : ";\n");
}

std::string schemaSql(const std::string& schema, const std::string& role, const Place& place) {
    const std::string rights = place.writable ? "select, insert, update, delete" : "select";
    std::string sql =
        concat("create schema ", schema, ";\nrevoke all on schema ", schema, " from public;\ngrant usage on schema ",
               schema, " to ", role, ";\n", "grant ", rights, " on all tables in schema ", schema, " to ", role, ";\n",
               "alter default privileges in schema ", schema, " grant ", rights, " on tables to ", role, ";\n");
    if (place.writable)
        sql += concat("alter default privileges in schema ", schema, " grant usage on sequences to ", role, ";\n");
    return sql;
}

std::string databaseSql(const Scope& scope, const Place& place) {
    std::string sql;
    for (const auto& [called, is] : scope.databases) {
        sql += concat("create database ", sqlName(is), ";\nrevoke connect, temporary on database ", sqlName(is),
                      " from public;\ngrant connect on database ", sqlName(is), " to ", sqlName(place.login),
                      ";\n-- howdah.yaml, databases:\n--   ", is,
                      ": {dsn: \"...\", access: ", place.writable ? "read_write" : "restricted", "}\n");
    }
    return sql;
}

}  // namespace

Result<std::string> provisioning(const Directory& directory, std::string_view tenant, const Place& place) {
    const Config& config = directory.config();
    howdah_principal nobody{};
    nobody.struct_size = sizeof nobody;
    auto scope = directory.scopeOf(tenant, nobody);
    if (!scope) return std::move(scope).error();
    std::string sql = concat("-- tenant ", tenant, " of model ", nameOf(config.model),
                             "; run it as an administrator of ", sqlName(place.database), "\n");
    if (config.model == Model::database) sql += databaseSql(*scope, place);
    if (scope->role.empty()) {
        if (config.model == Model::shared)
            sql +=
                "-- nothing to make: its rows are those whose policies let its settings through; tenant_check "
                "tells whether they do\n";
        return sql;
    }
    const std::string role = sqlName(scope->role);
    const bool own_role = config.model == Model::role || config.model == Model::schema;
    if (!own_role) sql += concat("-- once for all tenants:\n");
    sql += roleSql(role, place);
    if (config.model == Model::schema) {
        for (const NameTemplate& schema : config.search_path)
            if (!schema.isShared()) sql += schemaSql(sqlName(schema.of(tenant)), role, place);
    } else if (config.model != Model::database) {
        sql += concat("-- and what it may read, table by table, each with row security:\n-- grant select on ... to ",
                      role, ";\n");
    }
    return sql;
}

}  // namespace howdah::multi_tenant
