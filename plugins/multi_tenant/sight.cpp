#include "plugins/multi_tenant/sight.hpp"

#include <algorithm>
#include <array>

#include <howdah/host.hpp>

namespace howdah::multi_tenant {
namespace {

Error refusal(const char* rule, const char* text, const char* hint) {
    Error error = Error::refused(text).withHint(hint);
    error.rule = rule;
    return error;
}

// information_schema shows each role what it may use; the catalogs show everybody everything.
bool isCatalog(const howdah_name& table) {
    const std::string_view schema = fromAbi(table.schema), name = fromAbi(table.name);
    return schema == "pg_catalog" || schema.starts_with("pg_toast") || (schema.empty() && name.starts_with("pg_"));
}

// Functions that look a name or a number up in the catalogs, whoever's it is.
bool looksUp(const howdah_name& function) {
    const std::string_view name = fromAbi(function.name);
    constexpr std::array<std::string_view, 9> kBeginnings{"to_reg",    "has_",      "pg_has_role",
                                                          "pg_get_",   "pg_stat_",  "pg_relation",
                                                          "pg_table_", "pg_total_", "row_security_"};
    constexpr std::array<std::string_view, 13> kNames{
        "pg_database_size",      "pg_tablespace_size", "pg_describe_object",  "pg_identify_object",
        "pg_get_object_address", "col_description",    "obj_description",     "shobj_description",
        "pg_indexes_size",       "pg_lock_status",     "pg_table_is_visible", "pg_type_is_visible",
        "pg_function_is_visible"};
    return std::ranges::any_of(kBeginnings, [&](std::string_view start) { return name.starts_with(start); }) ||
           std::ranges::find(kNames, name) != kNames.end();
}

Result<void> keepsToItsOwn(const howdah_facts& facts, const Config& config) {
    if (config.catalogs_allowed) return {};
    bool outside = false;
    for (std::uint64_t i = 0; i < facts.table_count; ++i)
        outside = outside || isCatalog(facts.tables[i]);
    for (std::uint64_t i = 0; i < facts.function_count; ++i)
        outside = outside || looksUp(facts.functions[i]);
    if (!outside) return {};
    return refusal("tenant-catalog", "the system catalogs name what is other tenants', so a tenant does not read them",
                   "list_tables, describe_table and information_schema show what is yours");
}

}  // namespace

Result<void> mayRead(const howdah_facts* facts, const Config& config) {
    if (!facts)
        return refusal("tenant-unjudged", "no guard has judged this statement, so nothing keeps it in its tenant",
                       "the operator must let the plugin guard run with mode: enforce");
    if (facts->kind == HOWDAH_STATEMENT_EXPLAIN && !config.explain_allowed)
        return refusal("tenant-explain", "a plan counts the rows of all tenants, so a tenant does not see one",
                       "the operator can set multi_tenant.explain to allow");
    return keepsToItsOwn(*facts, config);
}

Result<void> mayWriteThat(const howdah_facts& facts, const Config& config) {
    if (facts.kind < HOWDAH_STATEMENT_INSERT || facts.kind > HOWDAH_STATEMENT_MERGE)
        return refusal("tenant-no-ddl", "a tenant changes rows, not the schema",
                       "ask the operator to make what is needed; INSERT, UPDATE, DELETE and MERGE work");
    return keepsToItsOwn(facts, config);
}

std::optional<Error> asTenantsSeeIt(const Error& error, bool from_client) {
    if (error.code != Code::database) return std::nullopt;
    const std::string_view state = error.sqlstate, text = error.message;
    const bool no_such_role = state == "22023" && text.starts_with("role \"");
    const bool no_right_to_it = state == "42501" && text.starts_with("permission denied to set role");
    if (no_such_role || no_right_to_it) {
        Error other = Error::unavailable("this tenant is not set up in the database")
                          .withHint("the operator sees with tenant_check what is missing, and tenant_create makes it");
        other.rule = "tenant-not-set-up";
        return other;
    }
    // Not a right, not a table, not a schema; of these the server tells a stranger which it is.
    constexpr std::array<std::string_view, 3> kHidden{"42501", "42P01", "3F000"};
    if (!from_client || std::ranges::find(kHidden, state) == kHidden.end()) return std::nullopt;
    // Of its own table, which it is about to write to.
    if (text.starts_with("new row violates row-level security policy")) return std::nullopt;
    return Error::database("42P01", "a relation or schema of the statement does not exist, or is not this tenant's")
        .withHint("list_tables shows what there is");
}

Error toolNotForTenants() {
    return refusal("tenant-tool", "this tool is not for tenants", "the operator can list it under multi_tenant.tools");
}

Error noDatabase(std::string_view name) {
    return Error::notFound("no database \"", name, "\"");
}

}  // namespace howdah::multi_tenant
