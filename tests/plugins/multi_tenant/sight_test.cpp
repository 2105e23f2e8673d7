// What a tenant's statement may call and name: no function and no type of PostgreSQL's that shows what is others'.
#include "plugins/multi_tenant/sight.hpp"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include <howdah/host.hpp>

using namespace howdah;
using namespace howdah::multi_tenant;

namespace {

// The guard's list of PostgreSQL's own functions: c immutable, s and v let through as well, u and i not.
struct Known {
    const char* name;
    char kind;
};
constexpr Known kKnown[]{
#include "plugins/guard/catalog_functions.inc"
};

bool isRefused(std::string_view function, std::string_view schema = "") {
    const howdah_name name{toAbi(schema), toAbi(function)};
    howdah_facts facts{};
    facts.struct_size = sizeof facts;
    facts.kind = HOWDAH_STATEMENT_SELECT;
    facts.functions = &name;
    facts.function_count = 1;
    const auto may = mayRead(&facts, Config{});
    if (!may) CHECK(may.error().rule == "tenant-catalog");
    return !may;
}

bool names(std::string_view sql) {
    const auto may = mayName(sql, Config{});
    if (!may) CHECK(may.error().rule == "tenant-catalog");
    return !may;
}

// Not immutable, let through by the guard, and looked at: they depend on the clock, the session's settings, chance, the
// tenant's own objects or the text they are given.
const char* const kReviewed =
    " age any_value anyarray_send anycompatiblearray_send anytextcat array_reverse array_sample array_send "
    "array_shuffle "
    "array_sort array_to_json array_to_string bpcharsend brin_bloom_summary_send brin_minmax_multi_summary_send "
    "casefold "
    "clock_timestamp concat concat_ws convert convert_from convert_to crc32 crc32c current_database current_query "
    "current_schema current_schemas current_setting current_user currval date date_add date_cmp_timestamptz "
    "date_eq_timestamptz date_ge_timestamptz date_gt_timestamptz date_le_timestamptz date_lt_timestamptz "
    "date_ne_timestamptz date_part date_subtract date_trunc enum_first enum_last enum_range enum_send erf erfc extract "
    "format gamma gen_random_uuid generate_series getdatabaseencoding getpgusername in_range "
    "inet_client_addr inet_client_port inet_server_addr inet_server_port interval_pl_timestamptz json_agg "
    "json_build_array "
    "json_build_object json_object_agg json_populate_record json_populate_recordset json_scalar json_serialize "
    "json_to_record json_to_recordset json_to_tsvector jsonb_agg jsonb_build_array jsonb_build_object jsonb_object_agg "
    "jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_path_query_tz "
    "jsonb_populate_record jsonb_populate_recordset jsonb_to_record jsonb_to_recordset jsonb_to_tsvector lastval "
    "length "
    "lgamma make_timestamptz money multirange_send mxid_age namesend now numeric overlaps phraseto_tsquery "
    "plainto_tsquery "
    "quote_literal quote_nullable random random_normal range_send record_send row_to_json session_user "
    "statement_timestamp "
    "system_user textanycat textsend time timeofday timestamp timestamp_cmp_timestamptz timestamp_eq_timestamptz "
    "timestamp_ge_timestamptz timestamp_gt_timestamptz timestamp_le_timestamptz timestamp_lt_timestamptz "
    "timestamp_ne_timestamptz timestamptz timestamptz_cmp_date timestamptz_cmp_timestamp timestamptz_eq_date "
    "timestamptz_eq_timestamp timestamptz_ge_date timestamptz_ge_timestamp timestamptz_gt_date "
    "timestamptz_gt_timestamp "
    "timestamptz_le_date timestamptz_le_timestamp timestamptz_lt_date timestamptz_lt_timestamp timestamptz_mi_interval "
    "timestamptz_ne_date timestamptz_ne_timestamp timestamptz_pl_interval timetz timezone to_bin to_char to_date "
    "to_json "
    "to_jsonb to_number to_oct to_timestamp to_tsquery to_tsvector transaction_timestamp ts_headline ts_match_tq "
    "ts_match_tt "
    "txid_current_if_assigned txid_current_snapshot txid_status unicode_assigned unicode_version "
    "uuid_extract_timestamp "
    "uuid_extract_version uuidv4 uuidv7 varcharsend version websearch_to_tsquery xml xml_is_well_formed xml_send "
    "xmltext "
    "pg_char_to_encoding pg_client_encoding pg_collation_for pg_column_compression pg_column_size pg_current_snapshot "
    "pg_encoding_to_char pg_is_in_recovery pg_jit_available pg_timezone_abbrevs pg_timezone_names ";

}  // namespace

TEST_CASE(
    "sight: of the functions the guard lets through a tenant gets the immutable ones and those that were looked at") {
    const std::string_view reviewed = kReviewed;
    std::size_t refused = 0;
    for (const Known& known : kKnown) {
        const std::string name = known.name;
        if (known.kind != 's' && known.kind != 'v') continue;
        if (name.starts_with("information_schema.")) continue;
        const bool looked_at = reviewed.find(" " + name + " ") != std::string_view::npos;
        CHECK_MESSAGE(isRefused(name) != looked_at, name);
        CHECK_MESSAGE(isRefused(name, "pg_catalog") != looked_at, name);
        refused += isRefused(name);
    }
    CHECK(refused > 200);
}

TEST_CASE("sight: immutable functions that print a name by its number, or find one, are refused too") {
    for (const char* name :
         {"acldefault", "makeaclitem", "regrolesend", "regclasssend", "pg_partition_root", "hash_aclitem"})
        CHECK_MESSAGE(isRefused(name), name);
    for (const char* name : {"format_type", "pg_identify_object", "pg_describe_object", "pg_get_viewdef",
                             "pg_get_userbyid", "obj_description", "has_any_column_privilege", "pg_has_role",
                             "to_regrole", "to_regtypemod", "query_to_xml", "table_to_xml_and_xmlschema",
                             "pg_input_is_valid", "pg_basetype", "pg_get_acl", "pg_typeof", "get_current_ts_config"})
        CHECK_MESSAGE(isRefused(name), name);
    CHECK(isRefused("_pg_truetypid", "information_schema"));
    // One that no PostgreSQL has: the tenant's own, or the operator's, unless it says that it is PostgreSQL's.
    CHECK_FALSE(isRefused("has_discount"));
    CHECK_FALSE(isRefused("to_xml"));
    CHECK_FALSE(isRefused("pg_things", "shop"));
    CHECK(isRefused("pg_things"));
    for (const char* name :
         {"lower", "sum", "regexp_replace", "regr_slope", "jsonb_path_query", "pg_size_pretty", "int8"})
        CHECK_FALSE_MESSAGE(isRefused(name), name);
}

TEST_CASE("sight: a type that shows names is refused however it is written") {
    for (const char* sql : {"select g::oid::regrole::text from generate_series(1, 9) g",
                            "select cast(g as REGCLASS) from t",
                            "select 1::regtype",
                            "select 1::pg_catalog.regnamespace",
                            "select 1::\"regproc\"",
                            "select regprocedure '1'",
                            "select 1::_regclass",
                            "select '{1}'::regoper[]",
                            "select $1::regoperator",
                            "select $1::regcollation",
                            "select 1::regconfig",
                            "select 'a'::text, 1::regdictionary",
                            "select '=r/a'::aclitem",
                            "select x from json_to_record('{}') as t(x regrole)",
                            "select null::/* a */regclass",
                            "select $$a$$::regclass",
                            "select U&'\\0041', 1::regclass",
                            "select 1 as \"'\", 2::regclass --'",
                            "select U&\"\\0072egclass\" '1'",
                            "select 1::u&\"!0072egclass\" uescape '!'",
                            "select 1 /*'*/ ::regclass /*'*/",
                            "select json_populate_record(null::pg_aggregate, '{}')",
                            "select '(1)'::pg_catalog.pg_operator",
                            "select 1regclass",
                            "select array[null::_pg_class]",
                            "select E'\\'', 1::regclass, ''",
                            "select 'it''s', 1::regclass"})
        CHECK_MESSAGE(names(sql), sql);
}

TEST_CASE("sight: other words, and those within plain texts, are left alone") {
    for (const char* sql :
         {"select my_regclass, regclasses, register from t", "select 'pg_dump failed', 'regclass' from t",
          "select note from t where note like '%pg_class%' and id = $1", "select pg_sleep(1), pg_catalog.lower('A')",
          "select pg_column_size(1), pg_size_pretty (2)", "select 'it''s regclass'",
          "insert into t values ('pg_restore', 1)", "select '16/B374D848'::pg_lsn",
          "select regexp_replace('a', 'b', 'c')", "select u & 1 from t",
          "select pg_get_userbyid(1)"})  // a function is judged by what the guard has found
        CHECK_FALSE_MESSAGE(names(sql), sql);
    // Where a text does not end beyond doubt its words count.
    CHECK(names("select $a$ pg_dump $a$"));
    Config open;
    open.catalogs_allowed = true;
    CHECK(mayName("select 1::regclass", open));
}
