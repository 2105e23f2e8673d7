// What PostgreSQL's own grammar (libpg_query) makes of a text, as JSON, and words for the parts of it that are read
// here. It recurses by the size of the text: call it where the stack is large.
//
// Threads: any.
// Errors:  invalid_argument for a text that does not parse.
// Source:  libpg_query 15, "JSON output"; PostgreSQL's nodes/parsenodes.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/result.hpp>

namespace howdah::optimizer {

using Json = nlohmann::json;

// The statement: {"SelectStmt":{...}}.
Result<Json> parseStatement(std::string_view sql);
// One expression: {"A_Expr":{...}}. As EXPLAIN writes them, with names of subplans in place of their values.
Result<Json> parseExpression(std::string_view text);

// A node is an object with one member, named by its type.
std::string_view typeOf(const Json& node);
const Json& bodyOf(const Json& node);  // an empty object where there is none

// Every node of that type below, itself included; `visit` gets its body.
template <typename Visit>
void eachOf(const Json& tree, std::string_view type, const Visit& visit) {
    if (tree.is_object()) {
        for (const auto& [key, value] : tree.items()) {
            if (key == type) visit(value);
            eachOf(value, type, visit);
        }
    } else if (tree.is_array()) {
        for (const Json& entry : tree)
            eachOf(entry, type, visit);
    }
}

// "a.b" of a ColumnRef: {"a","b"}; empty for one with a star.
std::vector<std::string> namesOf(const Json& column_ref);
// The last part of a name that may be qualified: of an operator, a function, a type.
std::string lastName(const Json& list);

// The text of an expression with the columns named without their table, so that it may stand in an index; nothing for
// what is not written anew here. All of its columns are of one table, which is told.
struct ExpressionText {
    std::string text;
    std::string alias;
    std::vector<std::string> columns;
};
std::optional<ExpressionText> expressionText(const Json& node);

}  // namespace howdah::optimizer
