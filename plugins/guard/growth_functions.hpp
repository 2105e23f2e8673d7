// PostgreSQL's own functions by what they make of their arguments, as far as growth_calls.cpp tells them apart.
//
// Threads: constant data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace howdah::guard {

// What a function makes of its arguments.
enum class Makes : std::uint8_t {
    anything,
    bits,
    bucket,
    character,
    count,
    document,  // of JSON
    escaped,
    filled,
    fitted,
    formatted,
    gathered,
    grouped,  // by a pattern with groups
    indented,
    joined,
    length,
    logarithm,
    marked,
    matched,
    moment,
    outlined,
    overlaid,
    padded,
    pathed,  // found by a path
    power,
    quotient,
    remainder,
    repeated,
    replaced,
    root,
    same,  // one of them, or a number like them
    sum,
    text,  // no longer than they are
};
// What can be much larger than what it is made of.
constexpr bool isGrowth(Makes makes) {
    switch (makes) {
        case Makes::filled:
        case Makes::fitted:
        case Makes::formatted:
        case Makes::indented:
        case Makes::joined:
        case Makes::marked:
        case Makes::matched:
        case Makes::outlined:
        case Makes::overlaid:
        case Makes::padded:
        case Makes::repeated:
        case Makes::replaced: return true;
        default: return false;
    }
}
struct Maker {
    std::string_view name;
    Makes makes;
};
inline constexpr Maker kMakers[] = {
    {"abs", Makes::same},
    {"age", Makes::same},
    {"array_agg", Makes::gathered},
    {"array_fill", Makes::filled},
    {"array_length", Makes::length},
    {"array_replace", Makes::replaced},
    {"array_to_json", Makes::document},
    {"array_to_string", Makes::joined},
    {"ascii", Makes::character},
    {"avg", Makes::same},
    {"bit", Makes::fitted},
    {"bit_length", Makes::bits},
    {"bpchar", Makes::fitted},
    {"btrim", Makes::text},
    {"cardinality", Makes::length},
    {"cbrt", Makes::root},
    {"ceil", Makes::same},
    {"ceiling", Makes::same},
    {"char", Makes::fitted},
    {"char_length", Makes::length},
    {"character_length", Makes::length},
    {"concat", Makes::text},
    {"concat_ws", Makes::text},
    {"count", Makes::count},
    {"cume_dist", Makes::root},
    {"date_bin", Makes::same},
    {"date_part", Makes::moment},
    {"date_trunc", Makes::same},
    {"dense_rank", Makes::count},
    {"div", Makes::quotient},
    {"encode", Makes::escaped},
    {"exp", Makes::power},
    {"extract", Makes::moment},
    {"factorial", Makes::power},
    {"first_value", Makes::same},
    {"floor", Makes::same},
    {"format", Makes::formatted},
    {"generate_series", Makes::same},
    {"initcap", Makes::text},
    {"json_agg", Makes::gathered},
    {"json_build_array", Makes::document},
    {"json_build_object", Makes::document},
    {"json_object", Makes::document},
    {"json_object_agg", Makes::document},
    {"jsonb_agg", Makes::gathered},
    {"jsonb_build_array", Makes::document},
    {"jsonb_build_object", Makes::document},
    {"jsonb_object", Makes::document},
    {"jsonb_object_agg", Makes::document},
    {"jsonb_path_exists", Makes::pathed},
    {"jsonb_path_exists_tz", Makes::pathed},
    {"jsonb_path_match", Makes::pathed},
    {"jsonb_path_match_tz", Makes::pathed},
    {"jsonb_path_query", Makes::pathed},
    {"jsonb_path_query_array", Makes::pathed},
    {"jsonb_path_query_array_tz", Makes::pathed},
    {"jsonb_path_query_first", Makes::pathed},
    {"jsonb_path_query_first_tz", Makes::pathed},
    {"jsonb_path_query_tz", Makes::pathed},
    {"jsonb_pretty", Makes::indented},
    {"jsonb_set", Makes::document},
    {"justify_days", Makes::same},
    {"justify_hours", Makes::same},
    {"justify_interval", Makes::same},
    {"lag", Makes::same},
    {"last_value", Makes::same},
    {"lead", Makes::same},
    {"left", Makes::text},
    {"length", Makes::length},
    {"ln", Makes::logarithm},
    {"log", Makes::logarithm},
    {"log10", Makes::logarithm},
    {"lower", Makes::text},
    {"lpad", Makes::padded},
    {"ltrim", Makes::text},
    {"max", Makes::same},
    {"md5", Makes::text},
    {"min", Makes::same},
    {"mod", Makes::remainder},
    {"mode", Makes::same},
    {"nth_value", Makes::same},
    {"ntile", Makes::count},
    {"octet_length", Makes::length},
    {"overlay", Makes::overlaid},
    {"percent_rank", Makes::root},
    {"percentile_cont", Makes::root},
    {"percentile_disc", Makes::same},
    {"polygon", Makes::outlined},
    {"position", Makes::length},
    {"pow", Makes::power},
    {"power", Makes::power},
    {"quote_ident", Makes::escaped},
    {"quote_literal", Makes::escaped},
    {"quote_nullable", Makes::escaped},
    {"rank", Makes::count},
    {"regexp_count", Makes::count},
    {"regexp_match", Makes::grouped},
    {"regexp_matches", Makes::grouped},
    {"regexp_replace", Makes::matched},
    {"regexp_split_to_array", Makes::grouped},
    {"regexp_split_to_table", Makes::grouped},
    {"repeat", Makes::repeated},
    {"replace", Makes::replaced},
    {"reverse", Makes::text},
    {"right", Makes::text},
    {"round", Makes::same},
    {"row_number", Makes::count},
    {"row_to_json", Makes::document},
    {"rpad", Makes::padded},
    {"rtrim", Makes::text},
    {"sign", Makes::same},
    {"split_part", Makes::text},
    {"sqrt", Makes::root},
    {"stddev", Makes::root},
    {"stddev_pop", Makes::root},
    {"stddev_samp", Makes::root},
    {"string_agg", Makes::gathered},
    {"strpos", Makes::length},
    {"substr", Makes::text},
    {"substring", Makes::text},
    {"sum", Makes::sum},
    {"to_json", Makes::document},
    {"to_jsonb", Makes::document},
    {"translate", Makes::text},
    {"trim", Makes::text},
    {"trunc", Makes::same},
    {"ts_headline", Makes::marked},
    {"unnest", Makes::same},
    {"upper", Makes::text},
    {"varbit", Makes::text},
    {"varchar", Makes::text},
    {"width_bucket", Makes::bucket},
    {"xmlagg", Makes::gathered},
};
static_assert(std::ranges::is_sorted(kMakers, {}, &Maker::name));

inline Makes makesOf(std::string_view function) {
    const auto* found = std::ranges::lower_bound(kMakers, function, {}, &Maker::name);
    return found == std::end(kMakers) || found->name != function ? Makes::anything : found->makes;
}

}  // namespace howdah::guard
