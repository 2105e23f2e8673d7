// HttpConnection: one client of the HTTP transport. Reads requests one after another, runs each on a fiber, and keeps
// an eye on the peer meanwhile.
//
//   reading --head and body whole--> handling --answered--> reading
//      '--refused--> lingering (the refusal is sent, the rest of the request is read and dropped)
//
// After an upgrade the connection stays in handling: the fiber of the upgrade sends, and what arrives goes to the
// WebSocketSession.
//
// A read is pending in every state, so a peer that goes away is noticed without a system call of its own. While a
// request is handled the read goes to a second buffer: the body handed out must not move.
//
// Threads: [shard].
// Owns:    its stream, buffers and place in the shard's list; alive until closed and no fiber or handler uses it.
// Errors:  none leave it: a refusal is answered, a broken connection closed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/deadline_queue.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/transport/connection_count.hpp"
#include "kernel/transport/event_link.hpp"
#include "kernel/transport/http_checks.hpp"
#include "kernel/transport/http_response.hpp"
#include "kernel/transport/http_settings.hpp"
#include "kernel/transport/message_buffer.hpp"
#include "kernel/transport/socket_writer.hpp"
#include "kernel/transport/websocket_session.hpp"

namespace howdah::kernel {

class HttpConnection;
class HttpReply;

// The connections of one shard. [shard], except the counts. What waits in a shard's loop may be destroyed with it,
// after other shards have gone: so it may own this, which holds nothing of another shard, but not the server.
struct HttpShard {
    HttpShard(Shard& its_shard, std::shared_ptr<const HttpSettings> its_settings,
              std::shared_ptr<ConnectionCount> server_total)
        : shard(its_shard), settings(std::move(its_settings)), total(std::move(server_total)) {}

    Shard& shard;
    const std::shared_ptr<const HttpSettings> settings;
    const std::shared_ptr<ConnectionCount> total;
    std::vector<std::shared_ptr<HttpConnection>> connections;
    bool draining = false;
    std::atomic<std::size_t> connection_count{0};  // includes those on their way to the shard
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection>, private DeadlineQueue::Node {
public:
    HttpConnection(std::shared_ptr<HttpShard> home, Stream stream, HttpPeer peer);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    void start();
    void drain();  // closes at once when idle or a GET stream, else after the answer
    void cancel(CancelReason reason);
    void close();

private:
    friend class HttpReply;
    enum class State : std::uint8_t { reading, handling, lingering, closed };

    void armRead();
    void onRead(const boost::system::error_code& error, std::size_t bytes);
    void onPeerGone(bool can_still_read);

    void process();
    bool waitForPeer();
    void onStall();
    void onSettled();    // of the writer
    bool readRequest();  // true when a request is whole
    bool readHead();
    bool readBody();
    bool route();  // answers what needs no handler; true when a fiber must serve it
    void answerHealth();
    void answerPreflight();
    void answerShortly(int status, std::string_view content_type, std::string_view body, std::string_view extra = {});
    void refuse(int status, std::string_view message, std::string_view extra = {});
    void startRequest();
    void serve();  // on the fiber
    bool authenticate(Inbound& request, HttpReply& reply);
    // Calls it [any] when the credential of the request is no longer good; null without an authenticator.
    std::unique_ptr<CredentialWatch::Watched> watchCredential(CredentialWatch::OnEnd on_end) const;
    // The answer stays open for long: that is cancelled then.
    void watchFor(const std::shared_ptr<Cancellation>& cancelled);
    void serveMetadata(HttpReply& reply);
    void serveStream(Inbound& request, HttpReply& reply);
    bool upgrades() const { return head().websocket && head().method == HttpHead::Method::get; }
    void serveWebSocket();
    void readWebSocket();
    void requestDone();
    void nextRequest();
    void finishSending();

    void eventsBegun();    // the answer became an event stream
    void answerAwaited();  // one that may become an event stream if it takes its time
    void leaveAnswer();    // its client will come back for it
    void onSlowAnswer();
    void setDue(Deadline due);
    void setDueIn(std::chrono::milliseconds duration) { setDue(Deadline::in(duration)); }
    static void onDue(DeadlineQueue::Node& node);
    void onTimeout();
    void sendKeepAlive();
    void expectBody();
    bool bodyArrives();  // fast enough; watches on

    const HttpHead& head() const { return parser_->head(); }
    std::string_view body() const;
    std::string_view corsOrigin() const;

    const std::shared_ptr<HttpShard> home_;
    Shard& shard_;
    const HttpSettings& settings_;
    Stream stream_;
    SocketWriter writer_;
    const HttpPeer peer_;
    State state_ = State::reading;

    MessageBuffer buffer_;  // the request being read or handled
    MessageBuffer ahead_;   // what arrives while one is handled
    bool read_armed_ = false;
    bool peer_done_ = false;  // it has closed its sending half
    HeadScanner scanner_;
    std::optional<HttpRequestParser> parser_;
    Accepted accepted_;
    HttpChecks::Endpoint endpoint_ = HttpChecks::Endpoint::none;
    std::size_t head_bytes_ = 0;  // 0 while the head is incomplete
    Deadline body_due_;           // for the last byte of a body that is not whole
    std::size_t body_bytes_ = 0;  // that came since its rate was looked at last

    std::shared_ptr<Cancellation> cancellation_;         // of the request being handled
    std::shared_ptr<const Principal> principal_;         // whom it was authenticated as; null: the local user
    std::unique_ptr<CredentialWatch::Watched> watched_;  // when its answer stays open
    std::string answer_;                                 // its answer so far; kept to save the allocation
    bool keep_alive_ = true;
    bool in_process_ = false;
    bool clogged_ = false;                         // no request is read until the peer has read its answers
    std::size_t pending_before_ = 0;               // bytes it had not taken when that was looked at last
    HttpReply* reply_ = nullptr;                   // of the request being handled
    bool events_begun_ = false;                    // the answer is an event stream: comments keep it open
    Deadline held_until_;                          // then it is left, if its client can come back
    bool left_ = false;                            // its response has ended, its client comes back for the answer
    std::shared_ptr<EventQueue> events_;           // of an open GET stream
    std::shared_ptr<WebSocketSession> websocket_;  // once upgraded, in state handling to the end
    Deadline due_;
};

}  // namespace howdah::kernel
