#include "plugins/multi_tenant/sight.hpp"

#include <algorithm>
#include <iterator>
#include <string>

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

// PostgreSQL's own functions whose name begins with "pg_" are taken for readers of the catalogs but for these. Of the
// others it is the IMMUTABLE ones, which read nothing, and those that were looked at:
// tests/plugins/multi_tenant/sight_test.cpp holds that list against all names the guard lets through. None gives back a
// type that prints names: beside pg_typeof(1) a number becomes a regtype without anybody's naming it.
constexpr std::string_view kOwnFunctions[]{
    "pg_char_to_encoding", "pg_client_encoding",  "pg_collation_for",    "pg_column_compression",
    "pg_column_size",      "pg_current_snapshot", "pg_encoding_to_char", "pg_is_in_recovery",
    "pg_jit_available",    "pg_size_bytes",       "pg_size_pretty",      "pg_sleep",
    "pg_sleep_for",        "pg_sleep_until",      "pg_snapshot_xip",     "pg_snapshot_xmax",
    "pg_snapshot_xmin",    "pg_timezone_abbrevs", "pg_timezone_names",   "pg_visible_in_snapshot"};

// Without "pg_": those that find an object by its name or number, print one, or run SQL that is given as text.
constexpr std::string_view kReaders[]{"acldefault",        "aclexplode",       "aclcontains",
                                      "aclinsert",         "aclitemeq",        "aclremove",
                                      "hash_aclitem",      "makeaclitem",      "hash_aclitem_extended",
                                      "col_description",   "obj_description",  "shobj_description",
                                      "format_type",       "oidvectortypes",   "regclass",
                                      "ts_debug",          "ts_parse",         "ts_token_type",
                                      "ts_stat",           "ts_rewrite",       "row_security_active",
                                      "regclasssend",      "regcollationsend", "regconfigsend",
                                      "regdictionarysend", "regnamespacesend", "regoperatorsend",
                                      "regopersend",       "regproceduresend", "regprocsend",
                                      "regrolesend",       "regtypesend",      "satisfies_hash_partition",
                                      "amvalidate",        "currtid2",         "get_current_ts_config"};

bool isOf(const auto& names, std::string_view name) {
    return std::ranges::find(names, name) != std::end(names);
}

// table_to_xml, query_to_xml_and_xmlschema and the like.
bool isXmlMapping(std::string_view name) {
    const std::size_t at = name.find("_to_xml");
    if (at == std::string_view::npos) return false;
    constexpr std::string_view kWhat[]{"table", "schema", "database", "query", "cursor"};
    constexpr std::string_view kHow[]{"", "schema", "_and_xmlschema"};
    return isOf(kWhat, name.substr(0, at)) && isOf(kHow, name.substr(at + std::string_view("_to_xml").size()));
}

// A name without a schema may be one of PostgreSQL's own, so it is taken for that.
bool readsCatalogs(const howdah_name& function) {
    const std::string_view schema = fromAbi(function.schema), name = fromAbi(function.name);
    if (schema == "information_schema") return true;
    if (!schema.empty() && schema != "pg_catalog") return false;
    if (name.starts_with("pg_")) return !isOf(kOwnFunctions, name);
    return name.starts_with("to_reg") || (name.starts_with("has_") && name.ends_with("_privilege")) ||
           isOf(kReaders, name) || isXmlMapping(name);
}

constexpr std::string_view kNamingTypes[]{"regclass",     "regcollation", "regconfig", "regdictionary",
                                          "regnamespace", "regoper",      "regproc",   "regoperator",
                                          "regprocedure", "regrole",      "regtype",   "aclitem"};

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
bool isDigit(char c) {
    return c >= '0' && c <= '9';
}
bool isInWord(char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || isDigit(c) || c == '_' || c == '$' ||
           static_cast<signed char>(c) < 0;
}

// Whether each ' begins or ends a literal: there is nothing else that could hold one, or let one stand within a
// literal.
bool hasPlainLiterals(std::string_view sql) {
    if (sql.find_first_of("\\\"") != std::string_view::npos) return false;
    if (sql.find("--") != std::string_view::npos || sql.find("/*") != std::string_view::npos) return false;
    for (std::size_t at = sql.find('$'); at != std::string_view::npos; at = sql.find('$', at + 1))
        if (at + 1 == sql.size() || !isDigit(sql[at + 1])) return false;
    return true;
}

// `word` in lower case. An array's type is its element's behind "_". "pg_" alone is told by what it stands for: the row
// of a catalog is a type too.
bool namesCatalogType(std::string_view word, bool called) {
    while (word.starts_with('_'))
        word.remove_prefix(1);
    if (isOf(kNamingTypes, word)) return true;
    constexpr std::string_view kHarmless[]{"pg_catalog", "pg_lsn", "pg_snapshot", "pg_temp"};
    return word.starts_with("pg_") && !called && !isOf(kHarmless, word) && !isOf(kOwnFunctions, word);
}

Result<void> keepsToItsOwn(const howdah_facts& facts, const Config& config) {
    if (config.catalogs_allowed) return {};
    bool outside = false;
    for (std::uint64_t i = 0; i < facts.table_count; ++i)
        outside = outside || isCatalog(facts.tables[i]);
    for (std::uint64_t i = 0; i < facts.function_count; ++i)
        outside = outside || readsCatalogs(facts.functions[i]);
    if (!outside) return {};
    return refusal("tenant-catalog", "the system catalogs name what is other tenants', so a tenant does not read them",
                   "list_tables, describe_table and information_schema show what is yours");
}

}  // namespace

Result<void> mayName(std::string_view sql, const Config& config) {
    if (config.catalogs_allowed) return {};
    const bool plain = hasPlainLiterals(sql);
    std::string word;
    bool literal = false;
    for (std::size_t at = 0; at < sql.size();) {
        const char c = sql[at];
        if (c == '\'' && plain) literal = !literal;
        // An escaped name says anything: U&"\0072egclass".
        const bool escaped = lower(c) == 'u' && sql.substr(at + 1, 2) == "&\"";
        if (literal || !isInWord(c) || isDigit(c)) {
            ++at;
            continue;
        }
        word.clear();
        for (; at < sql.size() && isInWord(sql[at]); ++at)
            word += lower(sql[at]);
        const std::size_t next = sql.find_first_not_of(" \t\r\n", at);
        if (escaped || namesCatalogType(word, next != std::string_view::npos && sql[next] == '('))
            return refusal("tenant-catalog",
                           "types such as regclass, and rows of the system catalogs, name what is other tenants', so a "
                           "tenant does not use them; nor names that are written U&\"...\"",
                           "where the word is meant as a text, bring it as a parameter");
    }
    return {};
}

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
    // Not a right, not a table, not a schema; of these the server tells a stranger which it is. Nor that what was named
    // for a sequence is something else.
    constexpr std::string_view kHidden[]{"42501", "42P01", "3F000"};
    if (!from_client || (!isOf(kHidden, state) && !text.ends_with(" is not a sequence"))) return std::nullopt;
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
