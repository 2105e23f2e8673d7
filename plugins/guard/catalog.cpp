#include "plugins/guard/catalog.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <howdah/result.hpp>

namespace howdah::guard {
namespace {

struct Function {
    std::string_view name;
    char kind;
};

constexpr Function kFunctions[] = {
#include "plugins/guard/catalog_functions.inc"
};
constexpr std::string_view kColumns[] = {
#include "plugins/guard/catalog_columns.inc"
};
constexpr std::string_view kOperators[] = {
#include "plugins/guard/catalog_operators.inc"
};
constexpr std::array<std::string_view, 17> kSecretRelations{
    "pg_authid",
    "pg_backend_memory_contexts",
    "pg_config",
    "pg_cursors",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_largeobject",
    "pg_prepared_statements",
    "pg_replication_origin_status",
    "pg_shadow",
    "pg_shmem_allocations",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_subscription",
    "pg_user_mapping",
    "pg_user_mappings",
};
constexpr std::array<std::string_view, 4> kSecretSettings{"primary_conninfo", "restore_command", "archive_command",
                                                          "ssl_passphrase_command"};

static_assert(std::ranges::is_sorted(kFunctions, {}, &Function::name));
static_assert(std::ranges::is_sorted(kColumns));
static_assert(std::ranges::is_sorted(kOperators));
static_assert(std::ranges::is_sorted(kSecretRelations));

constexpr bool isSystemSchema(std::string_view schema) {
    return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast";
}

// 0 is none of that name.
char kindOf(std::string_view function) {
    const auto* found = std::ranges::lower_bound(kFunctions, function, {}, &Function::name);
    return found == std::end(kFunctions) || found->name != function ? '\0' : found->kind;
}

}  // namespace

FunctionClass functionClass(std::string_view schema, std::string_view function) {
    std::string qualified;
    std::string_view wanted = function;
    if (schema == "information_schema") {
        qualified = concat(schema, '.', function);
        wanted = qualified;
    } else if (!schema.empty() && schema != "pg_catalog") {
        return FunctionClass::unknown;
    }
    switch (kindOf(wanted)) {
        case '\0': return FunctionClass::unknown;
        case 'c':
        case 's': return FunctionClass::safe;
        case 'v': return FunctionClass::safe_volatile;
        case 'i': return FunctionClass::internal;
        default: return FunctionClass::unsafe;
    }
}

bool isSafeInWrites(std::string_view schema, std::string_view function) {
    constexpr std::string_view kNames[] = {
        "nextval",     "pg_advisory_xact_lock",     "pg_advisory_xact_lock_shared",     "pg_current_xact_id",
        "pg_notify",   "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared", "setval",
        "txid_current"};
    return (schema.empty() || schema == "pg_catalog") && std::ranges::find(kNames, function) != std::end(kNames);
}

bool isImmutableFunction(std::string_view function) {
    return kindOf(function) == 'c';
}

bool isFunctionColumn(std::string_view name) {
    return std::ranges::binary_search(kColumns, name);
}

bool isBuiltinOperator(std::string_view op) {
    return std::ranges::binary_search(kOperators, op);
}

bool isSecretRelation(std::string_view schema, std::string_view relation) {
    if (schema == "pg_toast") return true;  // the raw bytes of any table, pg_authid included
    if (schema == "information_schema") return relation == "user_mapping_options" || relation == "_pg_user_mappings";
    if (!schema.empty() && schema != "pg_catalog") return false;
    return relation.starts_with("pg_") && std::ranges::binary_search(kSecretRelations, relation);
}

bool isCatalogRelation(std::string_view schema, std::string_view relation) {
    return isSystemSchema(schema) || (schema.empty() && relation.starts_with("pg_"));
}

bool isSecretSetting(std::string_view setting) {
    std::string lower(setting);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return std::ranges::find(kSecretSettings, lower) != kSecretSettings.end();
}

}  // namespace howdah::guard
