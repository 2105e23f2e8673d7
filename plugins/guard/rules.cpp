#include "plugins/guard/rules.hpp"

#include <array>
#include <cstddef>

namespace howdah::guard {
namespace {

struct Text {
    Rule rule;
    std::string_view id;
    std::string_view reason;
    std::string_view remedy;
};

constexpr std::string_view kUseExecute = "use the execute tool if the operator has opened it; this path only reads";
constexpr std::string_view kListFunction = "ask the operator to list it, as written, under guard.functions_allowed";
constexpr std::string_view kNoRemedy = "leave it out; no setting opens it on this path";

constexpr std::array kTexts{
    Text{Rule::nul_byte, "text-nul-byte", "the statement contains a NUL byte", "remove the NUL byte"},
    Text{Rule::not_utf8, "text-not-utf8", "the statement is not valid UTF-8", "send the statement as UTF-8"},
    Text{Rule::byte_order_mark, "text-byte-order-mark", "the statement starts with a byte order mark",
         "send the statement without it"},
    Text{Rule::text_too_long, "text-too-long", "the statement is too long",
         "shorten it; send long lists of values as one array parameter ($1)"},
    Text{Rule::too_many_tokens, "text-too-many-tokens", "the statement has too many tokens",
         "shorten it; send long lists of values as one array parameter ($1)"},
    Text{Rule::too_deep, "text-too-deep", "the statement is nested too deeply",
         "use WITH queries instead of nesting, and drop needless parentheses"},
    Text{Rule::empty_statement, "empty-statement", "there is no statement in the text", "send one SQL statement"},
    Text{Rule::several_statements, "several-statements", "the text holds more than one statement",
         "send one statement per call, without text after the semicolon"},
    Text{Rule::syntax, "syntax", "the statement cannot be parsed",
         "correct it; syntax newer than PostgreSQL 15 is not understood and therefore refused"},
    Text{Rule::not_classified, "not-classified", "the statement could not be classified", "write it in a simpler form"},
    Text{Rule::node_not_allowed, "node-not-allowed",
         "the statement contains a construct that is not known to only read", kUseExecute},
    Text{Rule::data_modification, "data-modification", "the statement changes rows", kUseExecute},
    Text{Rule::schema_change, "schema-change", "the statement changes the schema or its privileges", kUseExecute},
    Text{Rule::select_into, "select-into", "SELECT INTO creates a table", "leave INTO out, or use the execute tool"},
    Text{Rule::row_lock, "row-lock", "FOR UPDATE, FOR SHARE and their kin lock rows", "leave the locking clause out"},
    Text{Rule::table_lock, "table-lock", "LOCK holds a table against others", kNoRemedy},
    Text{Rule::copy, "copy", "COPY leaves the normal protocol and can reach files and programs",
         "use SELECT to read and INSERT through the execute tool to write"},
    Text{Rule::anonymous_code, "anonymous-code", "DO runs code that cannot be judged", kNoRemedy},
    Text{Rule::procedure_call, "procedure-call", "CALL runs a procedure, which may do anything", kNoRemedy},
    Text{Rule::transaction_control, "transaction-control", "the server owns the transaction",
         "send the statement alone; each call is its own transaction"},
    Text{Rule::session_state, "session-state", "the statement changes the session, which is shared with other callers",
         "leave it out; settings come from the configuration"},
    Text{Rule::server_administration, "server-administration", "the statement administers the server",
         "ask the operator to run it with psql"},
    Text{Rule::temporary_object, "temporary-object", "temporary objects stay on the shared connection",
         "use a WITH query instead"},
    Text{Rule::explain_option, "explain-option", "EXPLAIN does not take this option here",
         "use ANALYZE, VERBOSE, COSTS, SETTINGS, GENERIC_PLAN, BUFFERS, SERIALIZE, WAL, TIMING, SUMMARY, MEMORY or "
         "FORMAT"},
    Text{Rule::function_unsafe, "function-unsafe", "this built-in function does more than read rows",
         "leave it out; only an operator can open it, by its exact name, under guard.functions_allowed"},
    Text{Rule::function_not_allowed, "function-not-allowed", "the function is not known to only read", kListFunction},
    Text{
        Rule::attribute_not_allowed, "attribute-not-allowed",
        "value.name is a call of name(value) where name is a function, and this one is not known to only read",
        "name the columns of a function, f(...) as v(a, b), and write them without v; for a field of a composite value "
        "write select field from (select (value).* from ...) s; or ask the operator to list the name under "
        "guard.functions_allowed"},
    Text{Rule::operator_not_allowed, "operator-not-allowed", "the operator is not one of PostgreSQL's own",
         "ask the operator to list it, as written, under guard.operators_allowed"},
    Text{Rule::relation_secret, "relation-secret",
         "the relation holds secrets, or what other callers left on the shared connection",
         "leave it out; pg_roles, pg_settings and information_schema show what is public"},
    Text{Rule::setting_secret, "setting-secret", "the setting holds a secret", "leave it out"},
    Text{Rule::sample_method, "sample-method", "the sampling method is not known to only read",
         "use SYSTEM or BERNOULLI"},
    Text{Rule::parameter_number, "parameter-number", "the parameter number is out of range",
         "number the parameters from $1 to at most $1000; send long lists as one array parameter"},
    Text{Rule::function_shadowed, "function-shadowed",
         "a user's function of this name may be meant instead of PostgreSQL's own",
         "write pg_catalog.name(...) to mean PostgreSQL's own, or ask the operator to list the user's under "
         "guard.functions_allowed"},
    Text{Rule::operator_shadowed, "operator-shadowed",
         "a user's operator of this name may be meant instead of PostgreSQL's own",
         "write a operator(pg_catalog.=) b to mean PostgreSQL's own, or ask the operator of this server to list the "
         "function behind it under guard.functions_allowed"},
    Text{Rule::relation_not_allowed, "relation-not-allowed",
         "reading this relation runs or reaches something that is not known to only read",
         "read the tables behind it, or ask the operator to list the function under guard.functions_allowed or the "
         "relation, with its schema, under guard.relations_allowed"},
    Text{Rule::type_not_allowed, "type-not-allowed",
         "a value of this type runs something that is not known to only read",
         "cast to the type it is made of instead, or ask the operator to list the function under "
         "guard.functions_allowed"},
    Text{
        Rule::cast_not_allowed, "cast-not-allowed",
        "an implicit cast between two of PostgreSQL's own types runs something that is not known to only read, and any "
        "expression may use it",
        "ask the operator to list the function under guard.functions_allowed or to drop the cast"},
    Text{Rule::value_too_large, "value-too-large",
         "this may make a value of more than 1 MiB, more than 32 MiB in all, or work on large ones where no time limit "
         "acts",
         "use smaller numbers, or bound a computed one: repeat('#', least(n, 100))"},
    Text{Rule::expression_too_large, "expression-too-large",
         "with columns of subqueries and WITH queries written out, as the planner does it, the expressions have more "
         "than "
         "100,000 parts, or they are nested too deeply to be counted",
         "write WITH ... AS MATERIALIZED (...), or OFFSET 0 into the subquery, so that its columns are made once"},
    Text{Rule::catalog_unread, "catalog-unread",
         "the catalog of this database cannot be read, so it is not known what this name may stand for",
         "name only what is PostgreSQL's own, with pg_catalog before it; `howdah doctor` tells the operator why the "
         "catalog "
         "cannot be read, and guard.unresolved_allowed lets names be judged as they are written"},
};

const Text& text(Rule rule) {
    static_assert(kTexts.size() == static_cast<std::size_t>(Rule::catalog_unread) + 1);
    return kTexts[static_cast<std::size_t>(rule)];
}

static_assert([] {
    for (std::size_t i = 0; i < kTexts.size(); ++i)
        if (static_cast<std::size_t>(kTexts[i].rule) != i) return false;
    return true;
}());

}  // namespace

std::string_view id(Rule rule) {
    return text(rule).id;
}

Error refusal(Rule rule, std::string_view what, std::uint32_t position) {
    const Text& found = text(rule);
    Error error = what.empty() ? Error::refused(found.reason) : Error::refused(found.reason, ": ", what);
    error.rule = found.id;
    error.hint = found.remedy;
    error.position = position;
    return error;
}

}  // namespace howdah::guard
