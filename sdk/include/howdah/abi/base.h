/* Howdah plugin ABI, part 1: the words every other header is written in.
 *
 * Laws (docs/plugin-guide.md explains each):
 *   - C11, fixed-width types only; no bool, enum, long, bitfield, or member that depends on a build flag.
 *   - A struct that may grow starts with struct_size (bytes the writer filled in). Members are appended, never moved or
 *     retyped; a reader touches a member only if it lies inside struct_size. Unmarked structs are fixed forever.
 *   - Nothing throws across, nobody frees the other's memory. In-arguments are borrowed for the call; results live in
 *     the context's arena until the request ends, unless a function says otherwise.
 *   - Message law: every call can be carried as bytes. No callback without a handle, no memory borrowed past a call.
 *   - Cancel law: every host call may end with CANCELLED or TIMEOUT; the plugin then returns promptly.
 * Thread tags: [control] the control thread, one call at a time; [shard] a fiber or a worker that runs a request, may
 * wait; [any] any thread, never waits. */
#ifndef HOWDAH_ABI_BASE_H
#define HOWDAH_ABI_BASE_H

#include <stdint.h>

#define HOWDAH_ABI_MAJOR 1
#define HOWDAH_ABI_MINOR 0

/* UTF-8, not NUL-terminated, may be {0, 0}; borrowed for the call unless stated. */
typedef struct howdah_str {
    const char* data;
    uint64_t size;
} howdah_str;

/* What a call returns: HOWDAH_OK or a positive number of its own, or one of these. */
typedef int32_t howdah_status;
#define HOWDAH_OK 0
#define HOWDAH_ERROR_INVALID_ARGUMENT (-1)
#define HOWDAH_ERROR_NOT_FOUND (-2)
#define HOWDAH_ERROR_REFUSED (-3)
#define HOWDAH_ERROR_UNAVAILABLE (-4)
#define HOWDAH_ERROR_TIMEOUT (-5)
#define HOWDAH_ERROR_CANCELLED (-6)
#define HOWDAH_ERROR_DATABASE (-7)
#define HOWDAH_ERROR_INTERNAL (-8)

/* The whole of an error; texts may be empty. Handed over with howdah_context.fail, which copies it. */
typedef struct howdah_error {
    uint32_t struct_size;
    int32_t code;        /* HOWDAH_ERROR_* */
    howdah_str message;  /* what was met, the limit, the next step; lower case, no full stop */
    howdah_str rule;     /* policy rule that refused */
    howdah_str hint;     /* what to do next */
    howdah_str detail;   /* PostgreSQL's DETAIL */
    howdah_str sqlstate; /* five characters with HOWDAH_ERROR_DATABASE */
    uint32_t position;   /* 1-based character offset into the statement, 0 = none */
    uint32_t reserved;
    uint64_t retry_after_ms; /* 0 = not known */
} howdah_error;

/* A tool argument or a statement parameter. */
#define HOWDAH_VALUE_NULL 0u
#define HOWDAH_VALUE_BOOL 1u    /* integer: 0 or 1 */
#define HOWDAH_VALUE_INTEGER 2u /* integer */
#define HOWDAH_VALUE_NUMBER 3u  /* number */
#define HOWDAH_VALUE_TEXT 4u    /* text */
#define HOWDAH_VALUE_JSON 5u    /* text: an array or object as JSON */
typedef struct howdah_value {
    uint32_t type;     /* HOWDAH_VALUE_* */
    uint32_t type_oid; /* parameters only: PostgreSQL type, 0 = inferred by the server */
    int64_t integer;
    double number;
    howdah_str text;
} howdah_value;

/* Who asks. Texts are final: verified before any hook runs. */
typedef struct howdah_principal {
    uint32_t struct_size;
    uint32_t reserved;
    howdah_str subject; /* "local" on stdio and with auth: none */
    howdah_str tenant;
    howdah_str tier;
    const howdah_str* scopes;
    uint64_t scope_count;
} howdah_principal;

/* One request as one plugin sees it: deadline, cancellation, arena, last error, and who is billed for the time.
 * Opaque; valid only inside the call that handed it over and only on that call's thread. */
typedef struct howdah_ctx howdah_ctx;

/* Rows on their way from the database to a tool; see rows.h. Opaque; valid until closed or the request ends. */
typedef struct howdah_rows howdah_rows;

#endif
