/* Howdah plugin ABI, part 5: one query on its way through the hooks, and how a plugin runs one. */
#ifndef HOWDAH_ABI_QUERY_H
#define HOWDAH_ABI_QUERY_H

#include "rows.h"
#include "statement.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_ACCESS_READ 1u  /* READ ONLY transaction, always rolled back */
#define HOWDAH_ACCESS_WRITE 2u /* committed; only where the operator allows it */

/* How it is run besides. A hook does not reply to a query with one of the first two, nor is its result cached. */
#define HOWDAH_RUN_DRY 1u     /* a write that is rolled back whatever comes of it: asking the client may follow */
#define HOWDAH_RUN_STABLE 2u  /* a read that can be gone on with in the same snapshot, on the connection it has */
#define HOWDAH_RUN_CEILING 4u /* a write that changes more than affected_max rows is rolled back and ends REFUSED */

/* The connection is reset before anybody else has it, as it is after a write. Set by the kernel for a read of client
 * text that no guard has judged, or whose facts say VOLATILE: its transaction ends, but not all it may have done
 * (advisory locks of the session). */
#define HOWDAH_RUN_RESET 8u

/* Where the text comes from. Client text (any byte of it from a client, a model or data) passes every stage; plugin
 * text was registered at start() and passes scope, not rewrite and guard. */
#define HOWDAH_PROVENANCE_CLIENT 1u
#define HOWDAH_PROVENANCE_PLUGIN 2u

/* Borrowed until the hook returns. Read members directly; change them through howdah_query_v1 only, which refuses what
 * the hook's stage may not change. */
typedef struct howdah_query {
    uint32_t struct_size;
    uint32_t access;     /* HOWDAH_ACCESS_* */
    uint32_t provenance; /* HOWDAH_PROVENANCE_* */
    uint32_t depth;      /* 0 for a tool's query, +1 for each query run inside a hook; at most 4 */
    howdah_str sql;
    howdah_str database; /* name in the configuration */
    howdah_str plugin;   /* whose query it is */
    howdah_str tool;     /* empty outside a tool call */
    const howdah_value* parameters;
    uint64_t parameter_count;
    uint64_t request_id;
    uint64_t scope_hash; /* of database, role, settings, tenant; 0 before stage scope has run */
    uint64_t rows_max;
    uint64_t bytes_max;
    uint64_t timeout_ms;
    const howdah_principal* principal;
    const howdah_facts* facts; /* null until the guard has attached them */
    uint64_t rows_skip;        /* rows left out at the beginning: part of what the answer depends on */
    uint32_t flags;            /* HOWDAH_RUN_* */
    uint32_t reserved;
} howdah_query;

/* A whole result (at most 256 KiB), or the trailer of a streamed one. */
#define HOWDAH_RESULT_STREAMED 1u /* batches have passed through on_rows already; batch_count is 0 */
#define HOWDAH_RESULT_REPLIED 2u  /* a hook replied; the database was not asked */
typedef struct howdah_result {
    uint32_t struct_size;
    uint32_t flags; /* HOWDAH_RESULT_* */
    const howdah_column* columns;
    uint64_t column_count;
    const howdah_batch* batches;
    uint64_t batch_count;
    howdah_trailer trailer;
} howdah_result;

typedef struct howdah_query_request {
    uint32_t struct_size;
    uint32_t access;     /* HOWDAH_ACCESS_* */
    uint32_t provenance; /* HOWDAH_PROVENANCE_* */
    uint32_t reserved;
    howdah_str database; /* empty = the only one, or "main" */
    howdah_str sql;
    const howdah_value* parameters;
    uint64_t parameter_count;
    uint64_t rows_max;   /* 0 = the executor's limit; never raised above it */
    uint64_t bytes_max;  /* likewise */
    uint64_t timeout_ms; /* likewise; of waiting for a connection, running and reading together */
    /* Rows to leave out at the beginning, for going on where an answer was cut; only of a statement that may stand as a
     * subquery, and in a new snapshot. */
    uint64_t rows_skip;
    uint32_t flags; /* HOWDAH_RUN_* */
    uint32_t reserved2;
    uint64_t affected_max; /* with HOWDAH_RUN_CEILING */
    /* With HOWDAH_RUN_STABLE: empty, or the "cursor" of the report whose rows these follow. The rest of the request is
     * what it was then, rows_skip the rows given so far; else, and once it is over, NOT_FOUND. */
    howdah_str cursor;
} howdah_query_request;

#define HOWDAH_QUERY_1 "howdah.query/1"
/* Offered by the kernel. */
typedef struct howdah_query_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    /* [shard] Runs a statement through every stage; waits for its first rows. HOWDAH_OK and rows, or an error. */
    howdah_status (*run)(howdah_ctx* ctx, const howdah_query_request* request, howdah_rows** rows);
    /* [control] In start(): declares a constant text of the plugin. Judged once against the manifest's permissions. */
    howdah_status (*register_statement)(howdah_ctx* ctx, howdah_str sql, uint32_t access);

    /* The setters: [shard], inside beforeQuery only. Kept only if the hook proceeds. */
    howdah_status (*set_sql)(howdah_ctx* ctx, howdah_query* query, howdah_str sql);                   /* rewrite */
    howdah_status (*set_parameters)(howdah_ctx* ctx, howdah_query* query, const howdah_value* values, /* rewrite */
                                    uint64_t count);
    /* May only lower. rewrite, admit, scope */
    howdah_status (*set_limits)(howdah_ctx* ctx, howdah_query* query, uint64_t rows_max, uint64_t bytes_max,
                                uint64_t timeout_ms);
    /* A setting of the transaction (set_config(name, value, true)), "role" and "search_path" included. scope */
    howdah_status (*set_setting)(howdah_ctx* ctx, howdah_query* query, howdah_str name, howdah_str value);
    howdah_status (*set_database)(howdah_ctx* ctx, howdah_query* query, howdah_str name);        /* scope */
    howdah_status (*set_facts)(howdah_ctx* ctx, howdah_query* query, const howdah_facts* facts); /* guard */
    howdah_status (*add_tag)(howdah_ctx* ctx, howdah_query* query, howdah_str tag);              /* any stage */
    /* [shard] 1 or 0; any hook. */
    howdah_status (*has_tag)(howdah_ctx* ctx, howdah_query* query, howdah_str tag);

    /* [shard] The result that goes with the verdict HOWDAH_REPLY: from beforeQuery (stage recall or later), onError, or
     * afterQuery (replaces). Copied. */
    howdah_status (*reply)(howdah_ctx* ctx, howdah_query* query, const howdah_result* result);

    /* [shard] For the executor: raises onConnect (kind database) for a connection before its first use. HOWDAH_OK, or
     * an error: then close the connection. */
    howdah_status (*connect_database)(howdah_ctx* ctx, howdah_str database);
} howdah_query_v1;

#ifdef __cplusplus
}
#endif

#endif
