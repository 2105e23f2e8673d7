#!/bin/sh
# Writes parse_nodes.inc: where PostgreSQL's raw parse nodes keep the fields that libpg_query's JSON shows.
#
#   usage: ./parse_nodes.sh SOURCE      an unpacked libpg_query, of the release that is linked (15-4.0.0); needs cc
#
# The rule: the nodes that the grammar can make (makeNode in gram.c and makefuncs.c, and the values), each with the fields
# that pg_query_outfuncs_defs.c writes, in its order, at the offsets that a C compiler gives them. Its macros are given
# another meaning here, so nothing is copied by hand but the nodes that pg_query_outfuncs_json.c writes by hand.
set -eu
source=$(cd "${1:?usage: $0 SOURCE}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
    grep -oh 'makeNode([A-Za-z_]*)' "$source/src/postgres/src_backend_parser_gram.c" \
        "$source/src/postgres/src_backend_nodes_makefuncs.c" | sed 's/makeNode(//; s/)//'
    printf '%s\n' Integer Float Boolean String BitString List
} | LC_ALL=C sort -u > "$work/made"
# The writer's function of a node: T_SelectStmt -> _outSelectStmt, T_A_Expr -> _outAExpr.
sed -n 's/.*OUT_NODE(\([A-Za-z_]*\), \([A-Za-z_]*\),.*/\1 \2/p' "$source/src/pg_query_outfuncs_conds.c" > "$work/writers"
while read -r node; do
    awk -v node="$node" '$1 == node { print "NODE(" $1 ", " $2 ")" }' "$work/writers"
done < "$work/made" > "$work/nodes.inc"

cat > "$work/print.c" <<'C'
#include <stddef.h>
#include <stdio.h>
#include "postgres.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "nodes/value.h"

#undef printf  // PostgreSQL has one of its own
static const char* current;
#define OUT_TYPE(typename, typename_c) void*
#define ROW(json, kind, fldname) printf("FIELD(%s, %s, %s, %d)\n", current, #json, kind, (int)offsetof(__typeof__(*node), fldname))
#define NUMBER(json, fldname) \
    ROW(json, _Generic(node->fldname, short: "int16", int: "int32", unsigned: "uint32", long: "int64", unsigned long: "int64", \
                       unsigned short: "int16"), fldname)
#define WRITE_INT_FIELD(outname, json, fldname) NUMBER(json, fldname)
#define WRITE_UINT_FIELD(outname, json, fldname) NUMBER(json, fldname)
#define WRITE_LONG_FIELD(outname, json, fldname) NUMBER(json, fldname)
#define WRITE_CHAR_FIELD(outname, json, fldname) ROW(json, "character", fldname)
#define WRITE_BOOL_FIELD(outname, json, fldname) ROW(json, "flag", fldname)
#define WRITE_STRING_FIELD(outname, json, fldname) ROW(json, "text", fldname)
#define WRITE_LIST_FIELD(outname, json, fldname) ROW(json, "list", fldname)
#define WRITE_NODE_PTR_FIELD(outname, json, fldname) ROW(json, "node", fldname)
#define WRITE_SPECIFIC_NODE_PTR_FIELD(typename, typename_underscore, outname, json, fldname) \
    printf("FIXED(%s, %s, fixed, %d, %s)\n", current, #json, (int)offsetof(__typeof__(*node), fldname), #typename)
#define WRITE_SPECIFIC_NODE_FIELD(typename, typename_underscore, outname, json, fldname) \
    printf("FIXED(%s, %s, embedded, %d, %s)\n", current, #json, (int)offsetof(__typeof__(*node), fldname), #typename)
#define WRITE_ENUM_FIELD(typename, outname, json, fldname)                                                            \
    do {                                                                                                               \
        _Static_assert(sizeof node->fldname == 4, "an enum is an int");                                                \
        printf("ENUM(%s, %s, %d, %s)\n", current, #json, (int)offsetof(__typeof__(*node), fldname), #typename);         \
    } while (0)
// Not in a node that the grammar makes.
#define WRITE_FLOAT_FIELD(outname, json, fldname) abort()
#define WRITE_BITMAPSET_FIELD(outname, json, fldname) abort()
#define WRITE_NODE_FIELD(outname, json, fldname) abort()

#include "pg_query_enum_defs.c"
#include "pg_query_outfuncs_defs.c"

#define BY_HAND(type, typename_c, field, kind)                  \
    static void _out##typename_c(void* out, const type* node) { \
        ROW(field, kind, field);                                \
    }
BY_HAND(Integer, Integer, ival, "int32")
BY_HAND(Float, Float, fval, "text")
BY_HAND(Boolean, Boolean, boolval, "flag")
BY_HAND(String, String, sval, "text")
BY_HAND(BitString, BitString, bsval, "text")
static void _outList(void* out, const List* node) {
    printf("FIELD(List, items, items, 0)\n");
}
static void _outAConst(void* out, const A_Const* node) {
    ROW(isnull, "flag", isnull);
    ROW(val, "value", val);
    ROW(location, "int32", location);
}

#define NAMES(type)                                                                             \
    for (int value = 0; value < 100; ++value)                                                   \
        if (_enumToString##type((type)value)) printf("NAME(%s, %d, %s)\n", #type, value, _enumToString##type((type)value))

int main(void) {
    _Static_assert(sizeof(void*) == 8 && sizeof(long) == 8, "the table is for LP64");
    _Static_assert(offsetof(List, length) == 4 && offsetof(List, elements) == 16 && sizeof(ListCell) == 8, "as NodeList reads it");
    _Static_assert(sizeof(NodeTag) == 4 && sizeof(bool) == 1, "as NodeView reads them");
#define NODE(name, writer) printf("TAG(%s, %d)\n", #name, (int)T_##name);
#include "nodes.inc"
#undef NODE
#define NODE(name, writer) current = #name, _out##writer(NULL, (const name*)NULL);
#include "nodes.inc"
    NAMES(ObjectType);
    NAMES(MinMaxOp);
    return 0;
}
C
cc -w -I"$work" -I"$source" -I"$source/src" -I"$source/src/postgres/include" -o "$work/print" "$work/print.c"
# A field for a type that the grammar never makes (CallStmt.funcexpr) points to nothing in a raw tree.
"$work/print" | awk '
    /^TAG/ { split($0, part, /[(,]/); made[part[2]] = 1 }
    /^FIXED/ { type = $NF; sub(/\)/, "", type); if (!(type in made)) sub(type "\\)$", "unknown)") }
    { print }' > "$work/rows"

{
    echo "// PostgreSQL 15's raw parse nodes: what libpg_query's JSON shows of them, and where it lies."
    echo "// Generated by plugins/guard/parse_nodes.sh from libpg_query $(sed -n 's/^## \([0-9.-]*\) .*/\1/p' "$source/CHANGELOG.md" | head -1); do not edit."
    echo "#ifdef TAG"
    grep '^TAG' "$work/rows"
    echo "#endif"
    echo "#ifdef FIELD_NAME"
    sed -n 's/^\(FIELD\|FIXED\|ENUM\)([A-Za-z_]*, \([A-Za-z_]*\),.*/FIELD_NAME(\2)/p' "$work/rows" | LC_ALL=C sort -u
    echo "#endif"
    echo "#ifdef ENUM_TYPE"
    sed -n 's/^ENUM(.*, \([A-Za-z_]*\))/ENUM_TYPE(\1)/p' "$work/rows" | LC_ALL=C sort -u
    echo "#endif"
    echo "#ifdef FIELD"
    grep '^\(FIELD\|FIXED\|ENUM\)' "$work/rows"
    echo "#endif"
    echo "#ifdef NAME  // of the enumerations whose values the guard looks at"
    grep '^NAME' "$work/rows"
    echo "#endif"
} > "$here/parse_nodes.inc"
