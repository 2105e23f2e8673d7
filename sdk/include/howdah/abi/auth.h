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
#define HOWDAH_KV_LOCAL 1u /* nobody outside this process sees it */
#define HOWDAH_KV_MISSED 1 /* receive(): subscribed again; messages of the time in between may have been missed */
/* Offered by the kernel (memory of this process); a plugin may offer a shared one. Keys and channels are at most 512
 * bytes, values and messages 64 KiB; ttl_ms 0 = no expiry. */
typedef struct howdah_kv_v1 {
    uint32_t struct_size;
    uint32_t reserved; /* HOWDAH_KV_LOCAL, or 0 */
    /* [shard] Value in the arena of ctx; NOT_FOUND when absent or expired. */
    howdah_status (*get)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str* value);
    howdah_status (*set)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, uint64_t ttl_ms);
    /* [shard] 1 if it was absent and is set now (a leased lock), 0 if present. */
    howdah_status (*set_if_absent)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, uint64_t ttl_ms);
    /* [shard] Adds to a counter (absent = 0); ttl_ms counts from its first use. */
    howdah_status (*add)(void* self, howdah_ctx* ctx, howdah_str key, int64_t delta, uint64_t ttl_ms, int64_t* value);
    howdah_status (*remove)(void* self, howdah_ctx* ctx, howdah_str key);

    /* The rest is optional: all of it, or none (null, or outside struct_size). */
    /* [shard] Compare and set: 1 if the value was `expected` and is `value` now, for ttl_ms from now on; 0 if it is
     * another one or absent. With `value` equal to `expected` a lease is renewed. */
    howdah_status (*replace)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected, howdah_str value,
                             uint64_t ttl_ms);
    /* [shard] 1 if the value was `expected` and is gone now (a lease given back), else 0. */
    howdah_status (*remove_if)(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected);
    /* [shard] As add(), but ttl_ms counts from this use on (0 = no expiry from now on): a leased counter. A delta of 0
     * only renews it. */
    howdah_status (*add_leased)(void* self, howdah_ctx* ctx, howdah_str key, int64_t delta, uint64_t ttl_ms,
                                int64_t* value);
    /* [shard] To all who are subscribed at that moment, to each at most once and in order; nobody need be. Not sent a
     * second time after an error, which may have come when the message was out already. */
    howdah_status (*publish)(void* self, howdah_ctx* ctx, howdah_str channel, howdah_str message);
    /* [shard] From when this returns on, what is published is kept for receive(), within a bound: who falls behind
     * misses messages, and is told. UNAVAILABLE when nobody can be reached; a later try may succeed. */
    howdah_status (*subscribe)(void* self, howdah_ctx* ctx, howdah_str channel, uint64_t* subscription);
    /* [shard] Waits for the next message; one caller at a time. The message is borrowed until the next receive() of
     * this subscription. HOWDAH_OK, or
     * HOWDAH_KV_MISSED  no message: some may have been lost since the last call, but from now on they come again;
     * UNAVAILABLE       nothing is heard at the moment (told at once when it begins): what is published now is missed.
     *                   The next call tries to subscribe again until its deadline, and then ends with MISSED;
     * TIMEOUT           nothing came until deadline_ns (UINT64_MAX = none) or the request's;
     * CANCELLED         by the request;
     * NOT_FOUND         no such subscription. */
    howdah_status (*receive)(void* self, howdah_ctx* ctx, uint64_t subscription, uint64_t deadline_ns,
                             howdah_str* message);
    /* [any] Once for each subscription, before stop() returns; not while a receive() of it runs. */
    void (*unsubscribe)(void* self, uint64_t subscription);
} howdah_kv_v1;

#ifdef __cplusplus
}
#endif

#endif
