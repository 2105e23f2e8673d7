/* Howdah plugin ABI, part 9: waiting. Sockets, events, tasks on fibers, and work on plain threads. */
#ifndef HOWDAH_ABI_RUNTIME_H
#define HOWDAH_ABI_RUNTIME_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_READABLE 1u
#define HOWDAH_WRITABLE 2u

#define HOWDAH_REACTOR_1 "howdah.reactor/1"
/* Offered by the kernel. A wait ends with HOWDAH_OK, TIMEOUT (its own deadline or the request's) or CANCELLED. */
typedef struct howdah_reactor_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] The shard this call runs on, 0..shard_count-1. */
    uint32_t (*shard)(howdah_ctx* ctx);
    uint32_t (*shard_count)(const howdah_host* host);

    /* [shard] Watches a non-blocking descriptor on this call's shard. The plugin keeps owning the descriptor. */
    howdah_status (*socket_adopt)(howdah_ctx* ctx, int32_t descriptor, uint64_t* socket);
    /* [shard] On the shard that adopted it. A positive result is the HOWDAH_READABLE / WRITABLE bits that are ready. */
    howdah_status (*socket_wait)(howdah_ctx* ctx, uint64_t socket, uint32_t mask, uint64_t deadline_ns);
    /* [any] Before the descriptor is closed or adopted by another shard. */
    void (*socket_release)(const howdah_host* host, uint64_t socket);

    /* [any] A flag that wakes one waiter. */
    howdah_status (*event_create)(const howdah_host* host, uint64_t* event);
    /* [shard] Until set (then it is reset) or the deadline. One waiter at a time. */
    howdah_status (*event_wait)(howdah_ctx* ctx, uint64_t event, uint64_t deadline_ns);
    /* [any] */
    void (*event_set)(const howdah_host* host, uint64_t event);
    void (*event_destroy)(const howdah_host* host, uint64_t event);

    /* [any] Runs howdah_jobs_v1.task(token) on a fiber of its own, outside any request; its context is cancelled before
     * stop(). */
    howdah_status (*spawn)(const howdah_host* host, uint64_t token);
} howdah_reactor_v1;

#define HOWDAH_OFFLOAD_BLOCKING 1u    /* may block: DNS, TLS handshakes, files */
#define HOWDAH_OFFLOAD_LARGE_STACK 2u /* recursion by input size: 64 MiB of stack */

#define HOWDAH_OFFLOAD_1 "howdah.offload/1"
/* Offered by the kernel: plain threads, bounded in number. */
typedef struct howdah_offload_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Runs howdah_jobs_v1.work(token) on a worker and waits for it. HOWDAH_OK when it has returned; UNAVAILABLE
     * when no worker takes it in time; TIMEOUT or CANCELLED when the wait ended first: the work then still runs, so
     * what the token names must outlive this call. */
    howdah_status (*run)(howdah_ctx* ctx, uint64_t token, uint32_t kind, uint64_t deadline_ns);
    /* [any] The same without waiting. */
    howdah_status (*start)(const howdah_host* host, uint64_t token, uint32_t kind);
} howdah_offload_v1;

#define HOWDAH_JOBS_1 "howdah.jobs/1"
/* Offered by a plugin that uses spawn, run or start. A token is the plugin's own number for the piece of work. */
typedef struct howdah_jobs_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    void (*task)(void* self, howdah_ctx* ctx, uint64_t token); /* [shard] host calls allowed */
    void (*work)(void* self, uint64_t token);                  /* a worker thread; no host calls but [any] ones */
    /* [any] The work will not run (queue full at stop, or the wait for a worker ended): free what the token names. */
    void (*drop)(void* self, uint64_t token);
} howdah_jobs_v1;

#ifdef __cplusplus
}
#endif

#endif
