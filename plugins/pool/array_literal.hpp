// A JSON array as PostgreSQL writes an array: ["a b",null,[1]] is {"a b",NULL,{1}}.
//
// Threads: pure.
// Errors:  none; lists of unequal length become a literal that PostgreSQL refuses with a message of its own.
// Source:  PostgreSQL manual, "Array Input and Output Syntax".
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace howdah::pool {

// delimiter: between elements, pg_type.typdelim. of_json: elements are json or jsonb, so each is written as
// JSON and an inner array is an element, not a dimension.
std::string arrayLiteral(const nlohmann::json& array, char delimiter, bool of_json);

}  // namespace howdah::pool
