/* Howdah plugin ABI, part 4: what is known about a statement's text (service "howdah.statement/1"). */
#ifndef HOWDAH_ABI_STATEMENT_H
#define HOWDAH_ABI_STATEMENT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_STATEMENT_UNKNOWN 0u
#define HOWDAH_STATEMENT_SELECT 1u /* SELECT, VALUES, TABLE, WITH ... SELECT */
#define HOWDAH_STATEMENT_SHOW 2u
#define HOWDAH_STATEMENT_EXPLAIN 3u
#define HOWDAH_STATEMENT_INSERT 4u
#define HOWDAH_STATEMENT_UPDATE 5u
#define HOWDAH_STATEMENT_DELETE 6u
#define HOWDAH_STATEMENT_MERGE 7u
#define HOWDAH_STATEMENT_DDL 8u
#define HOWDAH_STATEMENT_OTHER 9u

#define HOWDAH_FACT_READ_ONLY 1u  /* nothing in the text can write */
#define HOWDAH_FACT_WRAPPABLE 2u  /* [body_begin, body_end) may stand as a subquery in FROM */
#define HOWDAH_FACT_VOLATILE 4u   /* calls a volatile function, or one whose volatility is not known */
#define HOWDAH_FACT_CATALOG 8u    /* reads system catalogs */
#define HOWDAH_FACT_UNLIMITED 16u /* has no LIMIT of its own: one may follow behind body_end */
/* Of a read: equal texts, parameters, settings and roles give equal answers as long as schema_version stays and no row
 * of `relations` changes. Parameters that name a moment by a word ("now", "today") are the reader's to look for. */
#define HOWDAH_FACT_CACHEABLE 32u
/* Of a write: the rows of `relations` are all that it can change, what triggers, rules and foreign keys do included. */
#define HOWDAH_FACT_REACH_KNOWN 64u

typedef struct howdah_name {
    howdah_str schema; /* empty = not qualified */
    howdah_str name;
} howdah_name;

typedef struct howdah_facts {
    uint32_t struct_size;
    uint32_t kind;            /* HOWDAH_STATEMENT_* */
    uint32_t flags;           /* HOWDAH_FACT_* */
    uint32_t parameter_count; /* highest $n */
    uint64_t body_begin;      /* byte range of the statement without semicolon and outer comments */
    uint64_t body_end;
    uint64_t fingerprint; /* equal for texts that differ in constants only; 0 = not computed */
    const howdah_name* tables;
    uint64_t table_count;
    const howdah_name* functions;
    uint64_t function_count;
    /* With one of the last two flags: pg_class.oid of each table read or changed, ascending; views and policies are
     * followed, a partition or a child table stands as the root of its tree. */
    const uint32_t* relations;
    uint64_t relation_count;
    uint64_t schema_version; /* equal as long as no definition of this database has changed; 0 = not known */
} howdah_facts;

/* A text without its constants. */
typedef struct howdah_pattern {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t fingerprint; /* as in howdah_facts, computed */
    howdah_str text;      /* $n in place of each constant */
} howdah_pattern;

#define HOWDAH_STATEMENT_1 "howdah.statement/1"
/* Offered by the plugin guard. */
typedef struct howdah_statement_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Facts of a text (arena of ctx, or cached until stop()). REFUSED with rule, position and hint when policy
     * refuses it; access is HOWDAH_ACCESS_* of query.h. */
    howdah_status (*facts)(void* self, howdah_ctx* ctx, howdah_str sql, uint32_t access, const howdah_facts** out);
    /* [shard] (arena of ctx). Costs as much as parsing it does; INVALID_ARGUMENT for a text that does not parse. */
    howdah_status (*pattern)(void* self, howdah_ctx* ctx, howdah_str sql, howdah_pattern* out);
} howdah_statement_v1;

#ifdef __cplusplus
}
#endif

#endif
