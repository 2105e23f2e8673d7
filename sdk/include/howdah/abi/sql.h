/* Howdah plugin ABI, part 8: the executor (service "howdah.sql/1", offered by plugins/pool, called by the kernel at the
 * end of the query pipeline). */
#ifndef HOWDAH_ABI_SQL_H
#define HOWDAH_ABI_SQL_H

#include "query.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct howdah_setting {
    howdah_str name;
    howdah_str value;
} howdah_setting;

typedef struct howdah_execution {
    uint32_t struct_size;
    uint32_t access; /* HOWDAH_ACCESS_* */
    howdah_str database;
    howdah_str sql;
    const howdah_value* parameters;
    uint64_t parameter_count;
    const howdah_setting* settings; /* transaction-local, in order */
    uint64_t setting_count;
    const howdah_facts* facts; /* null = nothing known: not wrapped, the row limit acts on this side */
    uint64_t rows_max;         /* 0 = the executor's own limit */
    uint64_t bytes_max;
    uint64_t timeout_ms;               /* statement_timeout; the context's deadline rules besides */
    const howdah_principal* principal; /* for fairness of the wait queue */
    uint64_t rows_skip;                /* as in howdah_query_request */
    howdah_str plugin;                 /* whose statement it is, for messages */
    howdah_str tool;                   /* the tool that runs it; empty outside a call */
    uint32_t flags;                    /* HOWDAH_RUN_*; this and what follows as in howdah_query_request */
    uint32_t reserved;
    uint64_t affected_max;
    howdah_str cursor;
} howdah_execution;

#define HOWDAH_SQL_1 "howdah.sql/1"
typedef struct howdah_sql_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Leases a connection, sends, waits for the first row or the end. HOWDAH_OK and a cursor (never 0), which
     * must be closed; or an error and no cursor. */
    howdah_status (*execute)(void* self, howdah_ctx* ctx, const howdah_execution* execution, uint64_t* cursor);
    /* [shard] Valid until close. */
    howdah_status (*columns)(void* self, howdah_ctx* ctx, uint64_t cursor, const howdah_column** columns,
                             uint64_t* count);
    /* [shard] 1 and a batch (borrowed until the next call with this cursor), 0 at the end, or an error. */
    howdah_status (*next)(void* self, howdah_ctx* ctx, uint64_t cursor, howdah_batch* batch);
    /* [shard] After the end; trailer->struct_size says how much of it is wanted. */
    howdah_status (*trailer)(void* self, howdah_ctx* ctx, uint64_t cursor, howdah_trailer* trailer);
    /* [shard] Never waits for the client; a statement still running is cancelled. Works in a context that is over. */
    void (*close)(void* self, howdah_ctx* ctx, uint64_t cursor);
    /* [control, shard] How the connections to a database stand, without making one: {"open","idle","waiting",
     * "connecting","max","breaker","last_error"?,"leaks":[{"owner","held_ms"}], counts since the start}; arena of ctx.
     */
    howdah_status (*state)(void* self, howdah_ctx* ctx, howdah_str database, howdah_str* json);
    /* [shard] After the end: what else there is to tell, as howdah_rows_v1.report gives it; arena of ctx. */
    howdah_status (*report)(void* self, howdah_ctx* ctx, uint64_t cursor, howdah_str* json);
} howdah_sql_v1;

#define HOWDAH_SOURCE_1 "howdah.source/1"
/* Offered by a plugin that makes databases (embedded). A database with `source: <plugin id>` gets its DSN here. */
typedef struct howdah_source_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control, shard] The connection string (URI or keyword form) of that database; arena of ctx. */
    howdah_status (*dsn)(void* self, howdah_ctx* ctx, howdah_str database, howdah_str* out);
} howdah_source_v1;

#ifdef __cplusplus
}
#endif

#endif
