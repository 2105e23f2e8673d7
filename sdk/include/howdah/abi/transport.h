/* Howdah plugin ABI, part 11: transports. A plugin that speaks a wire of its own (gRPC, a message bus) opens one
 * channel for each client: what the client says goes in with submit(), what the client is to hear comes out of
 * receive(). Each message is one JSON-RPC message (before 2026-07-28 a batch too), as over stdio. The kernel does the
 * rest: who asks, limits, sessions, cancellation, answers. The wire's own part is framing, its limits, and who may
 * connect to it at all (addresses, Host, Origin).
 *
 * Which thread: these calls wait, so they belong on fibers: two tasks of howdah.reactor/1 (spawn) for each channel, one
 * that submits and one that receives. A parked task holds a few KiB and no thread. A thread of a library's own has no
 * context and makes none of them but close(): it leaves what it has behind a mutex and sets an event (event_set, [any])
 * the task waits for. Work of howdah.offload/1 has no context either, and one worker for each client would use them up.
 *
 * A channel ends when the client is gone (close), when it has said all and heard all (finish), when the server drains
 * or the plugin is replaced, and when its credential is no longer good, which the kernel looks at from time to time. On
 * finish and drain what was asked before is still answered if it can be in time; when the credential ends it is
 * cancelled. So go on calling receive() until it says that the channel has ended, then end the wire's own stream with
 * the reason and close(). */
#ifndef HOWDAH_ABI_TRANSPORT_H
#define HOWDAH_ABI_TRANSPORT_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed for the call. */
typedef struct howdah_channel_peer {
    uint32_t struct_size;
    uint32_t reserved;
    howdah_str transport;     /* 1 to 16 of a-z, 0-9 and '-', what hooks and logs see; not one of the kernel's own */
    howdah_str authorization; /* as an Authorization header would say it, "Bearer ..."; empty = none */
    howdah_str address;       /* where the client is, for logs, e.g. "127.0.0.1:40312"; may be empty */
} howdah_channel_peer;

#define HOWDAH_TRANSPORT_1 "howdah.transport/1"
/* Offered by the kernel to plugins whose manifest permits "transport", in a process that serves the network; elsewhere
 * (howdah doctor, howdah call) it is not there, and such a plugin should not listen. */
typedef struct howdah_transport_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] Verifies the credential as the operator configured it for the network (transports.http.auth) and lets the
     * client in. REFUSED: the credential is not good, the message says what to do. UNAVAILABLE: the server starts or
     * ends, limits.connections_max channels are open, or nobody is there who could verify. INVALID_ARGUMENT: the name
     * of the transport. */
    howdah_status (*open)(howdah_ctx* ctx, const howdah_channel_peer* peer, uint64_t* channel);
    /* [shard] One message of the client, copied. Waits, at most until deadline_ns, while as many requests of this
     * channel are served and wait as may: stop reading meanwhile. INVALID_ARGUMENT: longer than
     * limits.message_bytes_max, the channel goes on. TIMEOUT: not taken, the channel goes on. UNAVAILABLE: the channel
     * has ended; receive() tells why. */
    howdah_status (*submit)(howdah_ctx* ctx, uint64_t channel, howdah_str message, uint64_t deadline_ns);
    /* [shard] The next message for the client; one caller at a time. Borrowed until the next receive() in this context.
     * While it is not called, little is kept for the client and its requests wait: a client that takes nothing for
     * long should be cut off (close). TIMEOUT: none came. When the channel has ended and all is told: NOT_FOUND after
     * finish(), REFUSED when the credential is no longer good, UNAVAILABLE with the reason in all other cases. */
    howdah_status (*receive)(howdah_ctx* ctx, uint64_t channel, uint64_t deadline_ns, howdah_str* message);
    /* [shard] The client has said its last word and still listens: the channel ends when nothing is in flight. */
    howdah_status (*finish)(howdah_ctx* ctx, uint64_t channel);
    /* [any] The client is gone, or the channel has ended: what is in flight is cancelled, waiting calls return, the
     * number names nothing any more. Once or more. Every channel must be closed. */
    void (*close)(const howdah_host* host, uint64_t channel);
} howdah_transport_v1;

#ifdef __cplusplus
}
#endif

#endif
