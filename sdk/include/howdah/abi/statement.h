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
} howdah_facts;

#define HOWDAH_STATEMENT_1 "howdah.statement/1"
/* Offered by the plugin guard. */
typedef struct howdah_statement_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Facts of a text (arena of ctx, or cached until stop()). REFUSED with rule, position and hint when policy
     * refuses it; access is HOWDAH_ACCESS_* of query.h. */
    howdah_status (*facts)(void* self, howdah_ctx* ctx, howdah_str sql, uint32_t access, const howdah_facts** out);
} howdah_statement_v1;

#ifdef __cplusplus
}
#endif

#endif
