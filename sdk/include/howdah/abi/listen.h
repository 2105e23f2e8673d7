/* Howdah plugin ABI, part 14: hearing what NOTIFY tells (service "howdah.listen/1", offered by plugins/pool).
 *
 * A listener is a connection of its own, beside those the pool lends. What is told while it is down is lost, and next()
 * and catch_up() say so: whoever draws conclusions from silence has to begin anew. */
#ifndef HOWDAH_ABI_LISTEN_H
#define HOWDAH_ABI_LISTEN_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_LISTEN_1 "howdah.listen/1"
/* A listener serves one call at a time; after close, which may come beside one, it gives nothing more. */
typedef struct howdah_listen_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Connects and listens; the channel is 1 to 63 of a-z, 0-9 and _, no digit first. `server` (arena of ctx)
     * says what was reached: "<oid of the database> <date_part('epoch', pg_postmaster_start_time())>". REFUSED where a
     * connection string names several hosts or a transaction pooler: another server could be read than is heard.
     * UNAVAILABLE when all places for listeners are taken. */
    howdah_status (*open)(void* self, howdah_ctx* ctx, howdah_str database, howdah_str channel, uint64_t* listener,
                          howdah_str* server);
    /* [shard] 1 and the payload (borrowed until the next call with this listener) of what another session has told, in
     * the order of commits; 0 at deadline_ns. UNAVAILABLE: the connection has ended, close it. */
    howdah_status (*next)(void* self, howdah_ctx* ctx, uint64_t listener, uint64_t deadline_ns, howdah_str* payload);
    /* [shard] A round trip of its own NOTIFY: once it is OK, all that was committed before the call is there for
     * next() without waiting. It takes a transaction id. TIMEOUT at deadline_ns; UNAVAILABLE as above. */
    howdah_status (*catch_up)(void* self, howdah_ctx* ctx, uint64_t listener, uint64_t deadline_ns);
    /* [any] Never waits. */
    void (*close)(void* self, uint64_t listener);
} howdah_listen_v1;

#ifdef __cplusplus
}
#endif

#endif
