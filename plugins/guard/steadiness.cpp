#include "plugins/guard/steadiness.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "plugins/guard/catalog.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

// STABLE because of TimeZone, DateStyle, text search configuration, encoding or an enum's definition. Not age(), whose
// form of one argument is counted from today.
constexpr auto kSteady = std::to_array<std::string_view>({
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "date_part",
    "date_trunc",
    "enum_first",
    "enum_last",
    "enum_range",
    "extract",
    "format",
    "generate_series",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "json_to_tsvector",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "jsonb_path_exists_tz",
    "jsonb_path_match_tz",
    "jsonb_path_query_array_tz",
    "jsonb_path_query_first_tz",
    "jsonb_path_query_tz",
    "jsonb_to_tsvector",
    "length",
    "make_timestamptz",
    "overlaps",
    "phraseto_tsquery",
    "plainto_tsquery",
    "quote_literal",
    "quote_nullable",
    "row_to_json",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "ts_headline",
    "websearch_to_tsquery",
});
static_assert(std::ranges::is_sorted(kSteady));

// From one moment to another: in code the argument is no text.
constexpr auto kSteadyInCode = std::to_array<std::string_view>(
    {"anytextcat", "date", "in_range", "money", "numeric", "textanycat", "time", "timestamp", "timestamptz", "timetz"});
static_assert(std::ranges::is_sorted(kSteadyInCode));

// Types whose texts never name a moment by a word. Every other may be made of one that does.
constexpr auto kTimeless = std::to_array<std::string_view>(
    {"bit",  "bool", "bpchar",   "bytea",    "char",  "cidr",     "float4",  "float8", "inet", "int2",
     "int4", "int8", "interval", "json",     "jsonb", "jsonpath", "macaddr", "money",  "name", "numeric",
     "oid",  "text", "tsquery",  "tsvector", "uuid",  "varbit",   "varchar", "xml"});
static_assert(std::ranges::is_sorted(kTimeless));

// What gives a moment and never a text.
constexpr std::string_view kGiveMoments[] = {
    "date_bin", "date_trunc", "generate_series", "make_date", "make_time",        "make_timestamp",
    "max",      "min",        "timezone",        "to_date",   "make_timestamptz", "to_timestamp"};

bool hasMomentWord(std::string_view text) {
    constexpr std::string_view kWords[] = {"now", "today", "tomorrow", "yesterday"};
    for (const std::string_view word : kWords) {
        const auto found = std::ranges::search(text, word, [](char a, char b) { return (a | 0x20) == b; });
        if (!found.empty()) return true;
    }
    return false;
}

// Whether the value that is cast may be a text that is put together when the statement runs.
bool mayBeMadeText(NodeView value) {
    while (value.tag() == Tag::TypeCast)
        value = value.child(Field::arg);
    switch (value.tag()) {
        case Tag::A_Const:
        case Tag::ColumnRef:
        case Tag::ParamRef: return false;
        case Tag::FuncCall:
            return std::ranges::find(kGiveMoments, nameOf(value.list(Field::funcname)).name) == std::end(kGiveMoments);
        case Tag::A_Expr: {
            const std::string_view op = nameOf(value.list(Field::name)).name;
            return op != "+" && op != "-";
        }
        default: return true;
    }
}

bool castsToMoment(const NodeView& cast) {
    const NameView type = nameOf(cast.child(Field::typeName).list(Field::names));
    const bool own = type.schema.empty() || type.schema == "pg_catalog";
    if (own && std::ranges::binary_search(kTimeless, type.name)) return false;
    return mayBeMadeText(cast.child(Field::arg));
}

// Types that a row's text is read by, whatever they are made of.
bool readsRowsFromText(std::string_view function) {
    return function.starts_with("json_populate_") || function.starts_with("jsonb_populate_") ||
           function.starts_with("json_to_record") || function.starts_with("jsonb_to_record");
}

}  // namespace

bool dependsOnMoment(const NodeView& node) {
    switch (node.tag()) {
        case Tag::SQLValueFunction:
        case Tag::RangeTableFunc: return true;
        case Tag::A_Const: return hasMomentWord(node.child(Field::val).text(Field::sval));
        case Tag::TypeCast: return castsToMoment(node);
        case Tag::FuncCall: return readsRowsFromText(nameOf(node.list(Field::funcname)).name);
        default: return false;
    }
}

bool isSteadyFunction(std::string_view schema, std::string_view name) {
    if (!schema.empty() && schema != "pg_catalog") return false;
    return isImmutableFunction(name) || std::ranges::binary_search(kSteady, name);
}

bool isSteadyInCode(std::string_view name, bool immutable, bool in_policy) {
    return immutable || std::ranges::binary_search(kSteady, name) || std::ranges::binary_search(kSteadyInCode, name) ||
           (in_policy && name == "current_setting");
}

}  // namespace howdah::guard
