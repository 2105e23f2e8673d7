/* Howdah plugin ABI, part 10: who asks (service "howdah.auth/1"), and small shared state (service "howdah.kv/1"). */
#ifndef HOWDAH_ABI_AUTH_H
#define HOWDAH_ABI_AUTH_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct howdah_credential {
    uint32_t struct_size;
    uint32_t reserved;
    howdah_str transport;     /* "http", "stdio" */
    howdah_str authorization; /* the Authorization header as it came; empty = none */
    howdah_str resource;      /* canonical URI of this server */
} howdah_credential;

#define HOWDAH_AUTH_1 "howdah.auth/1"
/* Offered by the plugin the operator names under transports.http.auth. */
typedef struct howdah_auth_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Before any hook, for every network request. HOWDAH_OK and a principal (arena of ctx), or REFUSED, which
     * becomes 401. */
    howdah_status (*verify)(void* self, howdah_ctx* ctx, const howdah_credential* credential, howdah_principal* out);
} howdah_auth_v1;

#define HOWDAH_KV_1 "howdah.kv/1"
/* Offered by the kernel (memory of this process); a plugin may offer a shared one. Keys are at most 512 bytes, values
 * 64 KiB; ttl_ms 0 = no expiry. */
typedef struct howdah_kv_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Value in the arena of ctx; NOT_FOUND when absent or expired. */
    howdah_status (*get)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str* value);
    howdah_status (*set)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, uint64_t ttl_ms);
    /* [shard] 1 if it was absent and is set now (a leased lock), 0 if present. */
    howdah_status (*set_if_absent)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, uint64_t ttl_ms);
    /* [shard] Adds to a counter (absent = 0); ttl_ms counts from its first use. */
    howdah_status (*add)(void* self, howdah_ctx* ctx, howdah_str key, int64_t delta, uint64_t ttl_ms, int64_t* value);
    howdah_status (*remove)(void* self, howdah_ctx* ctx, howdah_str key);
} howdah_kv_v1;

#ifdef __cplusplus
}
#endif

#endif
