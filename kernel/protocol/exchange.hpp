// The seam between transports and protocol: one message in, answers out.
//
// A transport frames messages, checks Origin, Host, credentials and limits, and calls MessageHandler::handle() on a
// fiber for each message. It implements ReplySink, once per message, and PeerLink, once per duplex connection (stdio,
// WebSocket) or open event stream. Protocol implements MessageHandler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/runtime/cancellation.hpp"

namespace howdah::kernel {

struct Principal;

// How an answer leaves, one object per incoming message. Fiber only.
class ReplySink {
public:
    virtual ~ReplySink() = default;

    // HTTP: status line and headers before the first byte of the body; elsewhere without effect. Default 200.
    virtual void status(int http_status) = 0;
    virtual void header(std::string_view name, std::string_view value) = 0;

    // The answer is a refusal because the principal lacks scopes; these are all that the request needs. HTTP says so in
    // WWW-Authenticate; elsewhere without effect.
    virtual void needScopes(std::span<const std::string> /*scopes*/) {}

    // A whole message that belongs to this exchange but is not its answer (progress). HTTP switches to an event stream
    // on the first one, if the client accepts it; else it is dropped.
    virtual Result<void> notify(std::string_view json) = 0;

    // Bytes of the answer, in order. Small answers stay buffered until finish(); larger ones are streamed and may park
    // the fiber. cancelled when the client is gone.
    virtual Result<void> write(std::string_view bytes) = 0;

    // This answer may wait for longer than a request is given: it ends, cancelled (credential), when its client's
    // credential is no longer good. HTTP; a duplex channel ends as a whole.
    virtual void standsUntil(const std::shared_ptr<Cancellation>& cancelled) { (void)cancelled; }

    // From here on this exchange only waits for what happens elsewhere: a duplex channel gives its place among the
    // requests in flight to the next one. An error when it may not; nothing has changed then.
    virtual Result<void> stands() { return {}; }

    // HTTP: the client may come back for the rest of this answer. Its events then bear the ids <stream>-1, -2, ... in
    // the order of notify(), the answer last. `primes`: an answer that takes its time becomes an event stream, which
    // begins with <stream>-0, an event without a message.
    virtual void resumable(const std::string& stream, bool primes) { (void)stream, (void)primes; }
    // The client has been given an id that it can come back with.
    virtual bool primed() const { return false; }

    // The answer is whole. Without any write() before: no answer (HTTP 202, nothing on stdio).
    virtual Result<void> finish() = 0;
};

// A way to reach the peer outside an exchange: the stdio pipe, a WebSocket, an open GET stream.
class PeerLink {
public:
    virtual ~PeerLink() = default;
    // [any thread] Queues a whole message; false when the peer is gone or its queue (1 MiB) is full.
    virtual bool push(std::string json) = 0;
    // The same on an event stream, with the id of the event; an empty message only tells the id.
    virtual bool pushEvent(std::string json, std::string_view id) {
        (void)id;
        return json.empty() || push(std::move(json));
    }
};

struct HeaderField {
    std::string_view name;
    std::string_view value;
};

// What the transport knows of a message. Views are valid until handle() returns.
struct Inbound {
    std::string_view transport;         // "stdio", "http", "websocket"
    std::string_view body;              // the raw message; at least 64 readable bytes follow it (simdjson padding)
    std::string_view authorization;     // header values; data() == nullptr when the header is absent
    std::string_view protocol_version;  // MCP-Protocol-Version
    std::string_view mcp_method;        // Mcp-Method
    std::string_view mcp_name;          // Mcp-Name
    std::span<const HeaderField> mcp_params;  // Mcp-Param-<name>
    std::string_view session_id;              // Mcp-Session-Id
    std::string_view last_event_id;           // Last-Event-ID
    std::string_view host;
    std::string_view resource;    // canonical URI of this server, the audience of tokens
    std::int64_t peer_uid = -1;   // user at the other end of a Unix socket, -1 = none
    bool accepts_events = false;  // Accept names text/event-stream
    // One per message, made with Cancellation::create(); the transport cancels it (client_gone) when the connection
    // goes away and the protocol decides what that means. nullptr: the peer cannot be seen going away.
    Cancellation* cancellation = nullptr;
    const Principal* principal = nullptr;  // whom the transport authenticated; null: the local user (stdio, auth: none)
    // Duplex channels: the way back to this client, the same object for each of its messages. HTTP: null.
    std::shared_ptr<PeerLink> peer;
};

// What a transport calls, each function on a fiber of the shard the message came to, concurrently for many messages.
class MessageHandler {
public:
    virtual ~MessageHandler() = default;

    // Answers one message through the sink. The exchange is over when this returns; what was written is then sent even
    // without finish(), which is a fault of the handler.
    virtual void handle(Inbound& message, ReplySink& reply) = 0;

    // HTTP GET (revisions with sessions): true keeps the stream open for as long as the peer stays and somebody holds
    // the link; false after refusing through the sink.
    virtual bool openEventStream(Inbound& request, ReplySink& refusal, std::shared_ptr<PeerLink> link) = 0;

    // HTTP DELETE: ends the session named in the request and says so through the sink.
    virtual void endSession(Inbound& request, ReplySink& reply) = 0;
};

}  // namespace howdah::kernel
