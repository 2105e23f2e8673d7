/* Howdah plugin ABI, part 13: a connection kept for several statements (service "howdah.session/1", offered by
 * plugins/pool).
 *
 * Statements still go through howdah_query_v1.run, so every hook, the guard among them, sees each of them: the name of
 * a session stands in howdah_query_request.cursor, with HOWDAH_RUN_STABLE and HOWDAH_ACCESS_READ. Each is a READ ONLY
 * transaction of its own that is rolled back; what they share is what a backend keeps outside of transactions. Nobody
 * else ever gets that connection: it is closed at the end. */
#ifndef HOWDAH_ABI_SESSION_H
#define HOWDAH_ABI_SESSION_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_SESSION_1 "howdah.session/1"
typedef struct howdah_session_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Never waits. A place for a connection to that database, for that principal; its first statement takes the
     * connection. The name (arena of ctx) is for its statements, one at a time. UNAVAILABLE when the places for stable
     * cursors and sessions are taken. A session that nobody uses ends after the pool's stable_idle_ms; one whose
     * statement was cut off ends with it: NOT_FOUND from then on. */
    howdah_status (*open)(void* self, howdah_ctx* ctx, howdah_str database, const howdah_principal* principal,
                          howdah_str* name);
    /* [any] Never waits. From the next statement on, plans are made with these hypothetical indexes and no others, by
     * the extension HypoPG: a JSON array of definitions, "create index on ...". That statement fails with the error of
     * a definition the server refuses, or without the extension (SQLSTATE 42883); its report has
     * "supposed": [{"name","bytes"}], in their order. NOT_FOUND for a session that has ended. */
    howdah_status (*suppose)(void* self, howdah_str name, howdah_str definitions);
    /* [any] Closes the connection. Once or more, and for a session that has ended; works when the request is over. */
    void (*close)(void* self, howdah_str name);
} howdah_session_v1;

#ifdef __cplusplus
}
#endif

#endif
