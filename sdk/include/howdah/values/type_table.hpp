// What is known about PostgreSQL's built-in types: name, array type, and the form their values take in JSON.
//
// Source: pg_type.dat of PostgreSQL 15 (numbers below 10000 never change); docs/types.md is the table for users.
#pragma once

#include <cstdint>
#include <string_view>

namespace howdah {

// How one value is written. Arrays have the form of their elements.
enum class Form : std::uint8_t {
    string,     // JSON string, PostgreSQL's text as it is
    opaque,     // the same, for values with inner structure that is left alone: ranges, records, unknown types
    integer,    // number within +-(2^53 - 1), else string
    floating,   // number, "NaN", "Infinity", "-Infinity"
    boolean,    // true, false
    timestamp,  // "2024-01-31T12:34:56.789"
    zoned,      // "2024-01-31T12:34:56.789+00:00"
    bytes,      // base64 or \x hex
    json,       // spliced where that loses nothing, else its text
    nothing,    // void: null
};

struct TypeEntry {
    std::uint32_t oid;
    std::uint32_t array_oid;      // 0: the type has no array type
    std::string_view array_name;  // "int4[]"; the type's own name is this without the brackets
    Form form = Form::string;
    char delimiter = ',';  // between the elements of its arrays

    constexpr std::string_view name() const { return array_name.substr(0, array_name.size() - 2); }
};

inline constexpr TypeEntry kTypes[] = {
    {16, 1000, "bool[]", Form::boolean},
    {17, 1001, "bytea[]", Form::bytes},
    {18, 1002, "char[]"},
    {19, 1003, "name[]"},
    {20, 1016, "int8[]", Form::integer},
    {21, 1005, "int2[]", Form::integer},
    {22, 1006, "int2vector[]"},
    {23, 1007, "int4[]", Form::integer},
    {24, 1008, "regproc[]"},
    {25, 1009, "text[]"},
    {26, 1028, "oid[]", Form::integer},
    {27, 1010, "tid[]"},
    {28, 1011, "xid[]", Form::integer},
    {29, 1012, "cid[]", Form::integer},
    {30, 1013, "oidvector[]"},
    {114, 199, "json[]", Form::json},
    {142, 143, "xml[]"},
    {194, 0, "pg_node_tree[]"},
    {600, 1017, "point[]"},
    {601, 1018, "lseg[]"},
    {602, 1019, "path[]"},
    {603, 1020, "box[]", Form::string, ';'},
    {604, 1027, "polygon[]"},
    {628, 629, "line[]"},
    {650, 651, "cidr[]"},
    {700, 1021, "float4[]", Form::floating},
    {701, 1022, "float8[]", Form::floating},
    {705, 0, "unknown[]"},
    {718, 719, "circle[]"},
    {774, 775, "macaddr8[]"},
    {790, 791, "money[]"},
    {829, 1040, "macaddr[]"},
    {869, 1041, "inet[]"},
    {1033, 1034, "aclitem[]"},
    {1042, 1014, "bpchar[]"},
    {1043, 1015, "varchar[]"},
    {1082, 1182, "date[]"},
    {1083, 1183, "time[]"},
    {1114, 1115, "timestamp[]", Form::timestamp},
    {1184, 1185, "timestamptz[]", Form::zoned},
    {1186, 1187, "interval[]"},
    {1266, 1270, "timetz[]"},
    {1560, 1561, "bit[]"},
    {1562, 1563, "varbit[]"},
    {1700, 1231, "numeric[]"},
    {1790, 2201, "refcursor[]"},
    {2202, 2207, "regprocedure[]"},
    {2203, 2208, "regoper[]"},
    {2204, 2209, "regoperator[]"},
    {2205, 2210, "regclass[]"},
    {2206, 2211, "regtype[]"},
    {2249, 2287, "record[]", Form::opaque},
    {2275, 1263, "cstring[]"},
    {2277, 0, "anyarray[]", Form::opaque},  // pg_stats shows it; the element type is not told
    {2278, 0, "void[]", Form::nothing},
    {2950, 2951, "uuid[]"},
    {2970, 2949, "txid_snapshot[]"},
    {3220, 3221, "pg_lsn[]"},
    {3361, 0, "pg_ndistinct[]"},
    {3402, 0, "pg_dependencies[]"},
    {3614, 3643, "tsvector[]"},
    {3615, 3645, "tsquery[]"},
    {3642, 3644, "gtsvector[]"},
    {3734, 3735, "regconfig[]"},
    {3769, 3770, "regdictionary[]"},
    {3802, 3807, "jsonb[]", Form::json},
    {3904, 3905, "int4range[]", Form::opaque},
    {3906, 3907, "numrange[]", Form::opaque},
    {3908, 3909, "tsrange[]", Form::opaque},
    {3910, 3911, "tstzrange[]", Form::opaque},
    {3912, 3913, "daterange[]", Form::opaque},
    {3926, 3927, "int8range[]", Form::opaque},
    {4072, 4073, "jsonpath[]"},
    {4089, 4090, "regnamespace[]"},
    {4096, 4097, "regrole[]"},
    {4191, 4192, "regcollation[]"},
    {4451, 6150, "int4multirange[]", Form::opaque},
    {4532, 6151, "nummultirange[]", Form::opaque},
    {4533, 6152, "tsmultirange[]", Form::opaque},
    {4534, 6153, "tstzmultirange[]", Form::opaque},
    {4535, 6155, "datemultirange[]", Form::opaque},
    {4536, 6157, "int8multirange[]", Form::opaque},
    {4600, 0, "pg_brin_bloom_summary[]"},
    {4601, 0, "pg_brin_minmax_multi_summary[]"},
    {5017, 0, "pg_mcv_list[]"},
    {5038, 5039, "pg_snapshot[]"},
    {5069, 271, "xid8[]", Form::integer},
};

inline constexpr std::uint32_t kJsonbOid = 3802;
inline constexpr std::uint32_t kJsonbArrayOid = 3807;

// A type looked up: what it is, or what its elements are.
struct TypeShape {
    std::string_view name;  // "int4", "text[]", "" when the type is not built in
    Form form = Form::opaque;
    bool is_array = false;
    char delimiter = ',';
};

constexpr TypeShape typeShape(std::uint32_t oid) {
    if (oid == 0) return {};
    for (const TypeEntry& entry : kTypes) {  // once per column, so no index
        if (entry.oid == oid) return {entry.name(), entry.form, false, entry.delimiter};
        if (entry.array_oid == oid) return {entry.array_name, entry.form, true, entry.delimiter};
    }
    return {};
}

// "int4", "timestamptz", "text[]"; "" for types that are not built in.
constexpr std::string_view typeName(std::uint32_t oid) {
    return typeShape(oid).name;
}

}  // namespace howdah
