/* Howdah plugin ABI, part 6: the hooks (plugin interface "howdah.hooks/1"). docs/hooks.md has the state machine. */
#ifndef HOWDAH_ABI_HOOKS_H
#define HOWDAH_ABI_HOOKS_H

#include "call.h"
#include "query.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Anything else counts as a fault of the plugin. 0 is not a verdict, so that a forgotten return is found. */
#define HOWDAH_PROCEED 1u
#define HOWDAH_REPLY 2u /* with howdah_query_v1.reply */
#define HOWDAH_DENY 3u  /* with howdah_context_v1.fail */
#define HOWDAH_FAULT 4u /* the hook failed (it threw, a host call ended with an error); fail() says why */

#define HOWDAH_CONNECT_CLIENT 1u   /* a principal's first request or session; deny refuses the request */
#define HOWDAH_CONNECT_DATABASE 2u /* a new database connection before its first use; deny closes it */
typedef struct howdah_connect_event {
    uint32_t struct_size;
    uint32_t kind; /* HOWDAH_CONNECT_* */
    const howdah_principal* principal;
    howdah_str client_name; /* as the client says; never to be trusted */
    howdah_str client_version;
    howdah_str protocol;  /* MCP revision */
    howdah_str transport; /* "stdio", "http", "websocket" */
    howdah_str database;  /* kind DATABASE */
} howdah_connect_event;

#define HOWDAH_HOOKS_1 "howdah.hooks/1"
/* Offered by the plugin; only the events named in its manifest are called, a null member is never. All [shard]. */
typedef struct howdah_hooks_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* PROCEED, REPLY or DENY. */
    uint32_t (*before_query)(void* self, howdah_ctx* ctx, howdah_query* query);
    /* PROCEED, REPLY (replaces a result that is not streamed) or DENY (fails it). */
    uint32_t (*after_query)(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_result* result);
    /* PROCEED (keeps the error), DENY (maps it to another), REPLY (recovers with a result). */
    uint32_t (*on_error)(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_error* error);
    /* PROCEED or DENY. */
    uint32_t (*on_connect)(void* self, howdah_ctx* ctx, const howdah_connect_event* event);
    /* PROCEED or DENY. */
    uint32_t (*before_call)(void* self, howdah_ctx* ctx, howdah_call* call);
    /* Once for each before_call that proceeded; error is null on success. */
    void (*after_call)(void* self, howdah_ctx* ctx, howdah_call* call, const howdah_error* error);
    /* Each batch of a streamed result, for hooks with "rows": "observe" or "transform". out starts as in; a transform
     * may point it to memory of ctx's arena. PROCEED or DENY. */
    uint32_t (*on_rows)(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_batch* in, howdah_batch* out);
} howdah_hooks_v1;

#ifdef __cplusplus
}
#endif

#endif
