/* Howdah plugin ABI, part 3: rows. A result is columns, then batches, then a trailer. Values are PostgreSQL's text
 * format; docs/types.md says how they become JSON. */
#ifndef HOWDAH_ABI_ROWS_H
#define HOWDAH_ABI_ROWS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct howdah_column {
    howdah_str name;       /* may be empty or equal to another's */
    uint32_t type_oid;     /* pg_type.oid */
    int32_t type_modifier; /* pg_attribute.atttypmod, -1 = none */
} howdah_column;

/* At most 64 KiB of whole rows (one larger row stands alone). A row is its cells in column order; a cell is an int32 in
 * the machine's byte order, its size in bytes or -1 for NULL, then that many bytes, unpadded. */
typedef struct howdah_batch {
    const uint8_t* bytes;
    uint64_t size;
    uint64_t row_count;
} howdah_batch;

#define HOWDAH_TRUNCATED_ROWS 1u  /* there are more rows than the row limit */
#define HOWDAH_TRUNCATED_BYTES 2u /* the byte limit was reached; the rows given are whole */
#define HOWDAH_TRUNCATED_CELL 4u  /* the next row has a value that is larger than one may be */

/* Where the rows come from. A hook that replies says so; a reader takes a number it does not know for a store. */
#define HOWDAH_FROM_DATABASE 0u /* or from a hook that keeps nothing */
#define HOWDAH_FROM_MEMORY 1u
#define HOWDAH_FROM_DISK 2u
#define HOWDAH_FROM_SHARED 3u /* a store that several instances share */

/* Ends a howdah_result, so it may grow there too: what lies beyond its struct_size is not there. Whoever is given one
 * to fill in fills in what its struct_size has room for. */
typedef struct howdah_trailer {
    uint32_t struct_size;
    uint32_t truncated;     /* HOWDAH_TRUNCATED_* */
    uint64_t row_count;     /* rows delivered */
    int64_t affected_rows;  /* of INSERT, UPDATE, DELETE, MERGE; -1 = not applicable */
    uint64_t elapsed_ns;    /* from sending the statement to its last row */
    howdah_str command_tag; /* e.g. "SELECT 5" */
    uint32_t source;        /* HOWDAH_FROM_* */
    uint32_t reserved;
    uint64_t age_ns; /* since before the rows were read; 0 from the database */
    uint64_t bytes;  /* of the rows delivered, as in howdah_batch.size; the kernel counts them */
} howdah_trailer;

#define HOWDAH_ROWS_1 "howdah.rows/1"
/* Offered by the kernel: reads what howdah_query_v1.run gave. */
typedef struct howdah_rows_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Valid until close. */
    howdah_status (*columns)(howdah_ctx* ctx, howdah_rows* rows, const howdah_column** columns, uint64_t* count);
    /* [shard] 1 and the next batch (borrowed until the next call on these rows), 0 at the end, or an error; after an
     * error the rows already given must not be taken for a whole answer. */
    howdah_status (*next)(howdah_ctx* ctx, howdah_rows* rows, howdah_batch* batch);
    /* [shard] After the end only; trailer->struct_size says how much of it is wanted. */
    howdah_status (*trailer)(howdah_ctx* ctx, howdah_rows* rows, howdah_trailer* trailer);
    /* [shard] 1 when the whole result is in memory (at most 256 KiB), else 0: it streams. */
    howdah_status (*complete)(howdah_ctx* ctx, howdah_rows* rows);
    /* [shard] Ends the statement if it still runs. Also done when the request ends. */
    void (*close)(howdah_ctx* ctx, howdah_rows* rows);
    /* [shard] After the end: what the executor tells besides, as a JSON object; empty for nothing. Valid until close.
     *   "changed_rows"  of a dry run or a write with HOWDAH_RUN_CEILING: with those of WITH, triggers and foreign keys
     *   "locks", "plan" of a dry run: [{"relation","mode"}] it took; lines of text, where the statement has a plan
     *   "cursor"        of HOWDAH_RUN_STABLE, while there are more rows: what goes on with them */
    howdah_status (*report)(howdah_ctx* ctx, howdah_rows* rows, howdah_str* json);
} howdah_rows_v1;

#ifdef __cplusplus
}
#endif

#endif
