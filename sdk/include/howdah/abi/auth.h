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
    howdah_str transport;     /* "http", "websocket", "stdio" */
    howdah_str authorization; /* the Authorization header as it came; empty = none */
    howdah_str resource;      /* canonical URI of this server */
    int64_t peer_uid;         /* user at the other end of a Unix socket, as the operating system says; -1 = none */
} howdah_credential;

/* Why a request is not served as it came. */
#define HOWDAH_CHALLENGE_MISSING 0u   /* 401: no credential */
#define HOWDAH_CHALLENGE_REJECTED 1u  /* 401: one that is not valid */
#define HOWDAH_CHALLENGE_MALFORMED 2u /* 400: no credential of any kind known */
#define HOWDAH_CHALLENGE_SCOPE 3u     /* 403: valid, and lacks scopes */
typedef struct howdah_challenge {
    uint32_t struct_size;
    uint32_t reason; /* HOWDAH_CHALLENGE_* */
    howdah_str resource;
    howdah_str metadata_url; /* where metadata() is served */
    howdah_str description;  /* for people; may be empty */
    const howdah_str* scopes;
    uint64_t scope_count; /* all that the request needs, not only what is missing */
} howdah_challenge;

#define HOWDAH_AUTH_1 "howdah.auth/1"
/* Offered by the plugin the operator names under transports.http.auth. */
typedef struct howdah_auth_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Before any hook, for every network request. HOWDAH_OK and a principal (arena of ctx); REFUSED becomes
     * 401, INVALID_ARGUMENT (malformed) 400, anything else 503. */
    howdah_status (*verify)(void* self, howdah_ctx* ctx, const howdah_credential* credential, howdah_principal* out);
    /* Both optional: null, or outside struct_size. */
    /* [shard] The WWW-Authenticate header that tells the client how to get in (arena of ctx). */
    howdah_status (*challenge)(void* self, howdah_ctx* ctx, const howdah_challenge* challenge, howdah_str* header);
    /* [shard] The Protected Resource Metadata (RFC 9728) as JSON; NOT_FOUND when there is no authorization server. */
    howdah_status (*metadata)(void* self, howdah_ctx* ctx, howdah_str resource, howdah_str* json);
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
