// The second half of HttpConnection: what is answered, and by whom.
#include <utility>

#include <howdah/abi/health.h>

#include "kernel/pipeline/scopes.hpp"
#include "kernel/protocol/errors.hpp"
#include "kernel/transport/framing.hpp"
#include "kernel/transport/http_connection.hpp"
#include "kernel/transport/http_reply.hpp"
#include "kernel/transport/websocket_upgrade.hpp"

namespace howdah::kernel {

namespace {
constexpr std::string_view kAllow = "Allow: POST, GET, DELETE, OPTIONS\r\n";
constexpr std::size_t kWebSocketReadBytes = 16 * 1024;
}  // namespace

std::string_view HttpConnection::corsOrigin() const {
    if (!parser_ || parser_->head().origins != 1) return {};
    return endpoint_ == HttpChecks::Endpoint::metadata ? "*" : parser_->head().origin;
}

bool HttpConnection::route() {
    const HttpHead& request = head();
    keep_alive_ = request.keep_alive && !home_->draining;
    using Method = HttpHead::Method;
    endpoint_ = settings_.checks->endpoint(request);
    switch (endpoint_) {
        case HttpChecks::Endpoint::none:
            refuse(404, concat("nothing is served here; the MCP endpoint is ", settings_.path));
            return false;
        case HttpChecks::Endpoint::health:
        case HttpChecks::Endpoint::ready:
            if (request.method == Method::get || request.method == Method::head) {
                answerHealth();
            } else {
                refuse(405, "only GET is understood here", "Allow: GET, HEAD\r\n");
            }
            return false;
        case HttpChecks::Endpoint::metadata:
            accepted_.json = true;
            if (request.method == Method::get) return true;
            if (request.method == Method::options && request.cors_method.data()) {
                answerPreflight();
            } else {
                refuse(405, "only GET is understood here", "Allow: GET, OPTIONS\r\n");
            }
            return false;
        case HttpChecks::Endpoint::mcp: break;
    }
    std::optional<HttpRefusal> refusal;
    accepted_ = Accepted::parse(request.accept);
    switch (request.method) {
        case Method::post: refusal = HttpChecks::post(request); break;
        case Method::get:
            if (request.websocket) {
                refusal = settings_.websocket ? checkUpgrade(request)
                                              : HttpRefusal{403, "transports.http.websocket is false here; use POST"};
                break;
            }
            if (!accepted_.events) refusal = HttpRefusal{406, "Accept must allow text/event-stream"};
            accepted_.json = true;  // a refusal is JSON in any case
            break;
        case Method::del: break;
        case Method::options:
            if (request.origins == 1 && request.cors_method.data()) {
                answerPreflight();
                return false;
            }
            [[fallthrough]];
        default: refuse(405, "the MCP endpoint understands POST, GET and DELETE", kAllow); return false;
    }
    if (refusal) {
        refuse(refusal->status, refusal->message, refusal->status == 426 ? kUpgradeRequired : std::string_view());
        return false;
    }
    return true;
}

// One word, since whoever asks is not known. Alive is whoever answers: starting anew mends no database. Ready is who
// should be given work.
void HttpConnection::answerHealth() {
    const std::uint32_t health = settings_.health ? settings_.health() : HOWDAH_HEALTH_OK;
    if (endpoint_ == HttpChecks::Endpoint::health) {
        return answerShortly(200, "text/plain", health == HOWDAH_HEALTH_OK ? "ok" : "degraded");
    }
    const bool ready = health != HOWDAH_HEALTH_NOT_READY && !home_->draining;
    answerShortly(ready ? 200 : 503, "text/plain", ready ? "ready" : "not ready");
}

// The Origin has been checked: only pages that may connect get here.
void HttpConnection::answerPreflight() {
    std::string lines = "Access-Control-Allow-Methods: POST, GET, DELETE\r\nAccess-Control-Max-Age: 600\r\n";
    // The tools' own Mcp-Param-* headers have no list, so what the page wants is what it gets; values are checked where
    // they are used, and the browser forbids the dangerous names by itself.
    if (head().cors_headers.data()) {
        lines.append("Access-Control-Allow-Headers: ").append(head().cors_headers).append("\r\n");
    }
    if (head().cors_private_network) lines += "Access-Control-Allow-Private-Network: true\r\n";
    answerShortly(204, "", "", lines);
}

void HttpConnection::answerShortly(int status, std::string_view content_type, std::string_view body,
                                   std::string_view extra) {
    HttpResponseHead response;
    response.status = status;
    response.content_type = content_type;
    response.length = body.size();
    response.http_1_1 = !parser_ || head().http_1_1;
    response.keep_alive = keep_alive_;
    response.allowed_origin = status == 403 ? std::string_view() : corsOrigin();
    response.extra = extra;
    std::string out;
    response.appendTo(out);
    if (!parser_ || head().method != HttpHead::Method::head) out += body;
    writer_.enqueue(out, shared_from_this());
    if (!keep_alive_) return finishSending();
    // What follows this request in the buffer is the next one.
    buffer_.dropFront(head_bytes_ + (head().chunked ? 0 : head().content_length));
    nextRequest();
}

void HttpConnection::refuse(int status, std::string_view message, std::string_view extra) {
    keep_alive_ = false;
    answerShortly(status, "application/json", jsonRpcError(status < 500 ? kInvalidRequest : kInternalError, message),
                  extra);
}

// Closing with unread bytes would make the kernel send a reset, which can overtake the answer: first only the sending
// half is closed and the rest is read and dropped until the peer has closed too, for a short while.
void HttpConnection::finishSending() {
    if (state_ == State::closed) return;
    if (writer_.broken() || peer_done_) return close();
    state_ = State::lingering;
    if (writer_.unsentBytes() == 0 && !stream_.closeSending()) return close();
    if (!read_armed_) buffer_.clear();
    setDueIn(settings_.linger_limit);
    armRead();
}

// On the fiber of the request.
void HttpConnection::serve() {
    const HttpHead& request = head();
    Inbound message;
    message.transport = upgrades() ? "websocket" : "http";
    message.body = body();
    message.authorization = request.authorization;
    message.protocol_version = request.protocol_version;
    message.mcp_method = request.mcp_method;
    message.mcp_name = request.mcp_name;
    message.mcp_params = request.mcp_params;
    message.session_id = request.session_id;
    message.last_event_id = request.last_event_id;
    message.host = request.host;
    message.resource = settings_.resource;
    message.peer_uid = peer_.uid;
    message.accepts_events = accepted_.events;
    message.cancellation = cancellation_.get();

    HttpReply reply(*this);
    reply_ = &reply;
    if (endpoint_ == HttpChecks::Endpoint::metadata) {
        serveMetadata(reply);
    } else if (!settings_.authenticator || authenticate(message, reply)) {
        if (upgrades()) {
            reply_ = nullptr;
            serveWebSocket();
            return requestDone();
        }
        message.principal = principal_.get();
        switch (request.method) {
            case HttpHead::Method::get: serveStream(message, reply); break;
            case HttpHead::Method::del: settings_.handler->endSession(message, reply); break;
            default: settings_.handler->handle(message, reply); break;
        }
    }
    // An answer that did not get out whole must not be followed by another.
    if (!reply.finish()) keep_alive_ = false;
    reply_ = nullptr;
    requestDone();
}

bool HttpConnection::authenticate(Inbound& request, HttpReply& reply) {
    auto known = settings_.authenticator->authenticate(request);
    if (known) {
        principal_ = std::move(*known);
        return true;
    }
    const Error& error = known.error();
    const bool malformed = error.code == Code::invalid_argument;
    const bool denied = malformed || error.code == Code::refused;
    if (denied) {
        using Reason = Challenge::Reason;
        const std::vector<std::string> scopes{std::string(kReadScope)};  // the least one needs; more is asked for later
        Challenge challenge{.scopes = scopes};
        if (request.authorization.data()) challenge.description = error.message;
        challenge.reason = malformed                       ? Reason::malformed
                           : !request.authorization.data() ? Reason::missing
                                                           : Reason::rejected;
        reply.header("WWW-Authenticate", settings_.authenticator->challenge(settings_.resource, challenge));
    } else if (error.retry_after_ms > 0) {
        reply.header("Retry-After", concat((error.retry_after_ms + 999) / 1000));
    }
    // A failed write shows at finish().
    static_cast<void>(reply.refuse(malformed ? 400 : denied ? 401 : 503, error.message));
    return false;
}

std::unique_ptr<CredentialWatch::Watched> HttpConnection::watchCredential(CredentialWatch::OnEnd on_end) const {
    if (!settings_.credentials) return nullptr;
    CredentialWatch::Credential shown;
    shown.transport = upgrades() ? "websocket" : "http";
    if (head().authorization.data()) shown.authorization = head().authorization;
    shown.peer_uid = peer_.uid;
    shown.principal = principal_;
    return settings_.credentials->watch(std::move(shown), std::move(on_end));
}

void HttpConnection::watchFor(const std::shared_ptr<Cancellation>& cancelled) {
    watched_ = watchCredential([cancelled = std::weak_ptr(cancelled)](const Error&) {
        if (const auto request = cancelled.lock()) request->cancel(CancelReason::credential);
    });
}

// For everybody, without a credential: it says how to get one.
void HttpConnection::serveMetadata(HttpReply& reply) {
    auto json = settings_.authenticator ? settings_.authenticator->metadata(settings_.resource)
                                        : Error::notFound("this server takes no tokens");
    if (json) {
        static_cast<void>(reply.write(*json));
        return;
    }
    static_cast<void>(reply.refuse(json.error().code == Code::not_found ? 404 : 503, json.error().message));
}

void HttpConnection::serveStream(Inbound& request, HttpReply& reply) {
    events_ = std::make_shared<EventQueue>(settings_.stream_queue_bytes_max);
    auto link = std::make_shared<EventLink>(events_);
    if (!settings_.handler->openEventStream(request, reply, std::move(link))) return;
    watchFor(cancellation_);
    if (home_->draining) events_->close();
    if (!reply.beginEvents()) return;
    std::string frames;
    while (events_->next(frames, cancellation_.get(), Deadline::never()) == EventQueue::Next::frames) {
        if (!reply.sendFrames(frames)) break;
    }
    events_->close();
}

// On the fiber of the upgrade, which sends from here on. The other half is readWebSocket(), in the loop.
void HttpConnection::serveWebSocket() {
    const std::shared_ptr<HttpConnection> self = shared_from_this();
    keep_alive_ = false;  // nothing follows a WebSocket
    std::string answer = upgradeAnswer(head());
    iovec part{answer.data(), answer.size()};
    if (!writer_.send(&part, 1, self) || state_ == State::closed || peer_done_) return;
    auto on_room = [weak = weak_from_this(), &shard = shard_] {
        shard.post([weak] {
            const auto connection = weak.lock();
            if (!connection || !connection->websocket_) return;
            connection->websocket_->resume();
            connection->readWebSocket();
        });
    };
    const auto session = WebSocketSession::open(
        shard_, settings_, {.host = std::string(head().host), .principal = principal_}, std::move(on_room));
    websocket_ = session;
    watched_ = watchCredential([weak = std::weak_ptr(session), &shard = shard_](const Error& error) {
        shard.post([weak, why = error.message] {
            if (const auto open = weak.lock()) open->unauthorized(why);
        });
    });
    setDueIn(session->tickEvery());
    if (home_->draining) session->drain();
    readWebSocket();  // what came right behind the head
    if (!session->sendAll(writer_, self)) writer_.breakOff();
    session->waitForIdle();
}

void HttpConnection::readWebSocket() {
    const auto session = websocket_;
    ahead_.dropFront(session->receive(ahead_.text()));
    if (ahead_.size() > 0 || read_armed_) return;  // goes on once there is room
    ahead_.reserve(kWebSocketReadBytes);
    armRead();
}

}  // namespace howdah::kernel
