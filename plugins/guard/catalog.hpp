// PostgreSQL's own names, as far as the guard must know them. The tables are generated: see catalog_names.sh.
//
// Threads: constant data.
#pragma once

#include <string_view>

namespace howdah::guard {

enum class FunctionClass {
    unknown,
    safe,
    safe_volatile,
    unsafe,
    internal,  // SQL cannot call it; aggregates, operators and types do
};

// Of a function written without a schema, as pg_catalog.name or as information_schema.name; unknown otherwise.
FunctionClass functionClass(std::string_view schema, std::string_view function);

// Those beside the safe ones that write what a write may: sequences, transaction ids, locks and messages that end with
// the transaction. None changes rows.
bool isSafeInWrites(std::string_view schema, std::string_view function);

// Whether each function of that name is safe and IMMUTABLE.
bool isImmutableFunction(std::string_view function);

// A column of the rows that one of PostgreSQL's own functions gives ("key" of jsonb_each), and no function's name.
bool isFunctionColumn(std::string_view name);

bool isBuiltinOperator(std::string_view op);

// Passwords, access rules, connection strings, raw large objects, samples of other people's rows, and what lies on the
// pooled connection from the caller before.
bool isSecretRelation(std::string_view schema, std::string_view relation);
bool isCatalogRelation(std::string_view schema, std::string_view relation);
bool isSecretSetting(std::string_view setting);

}  // namespace howdah::guard
