#include "kernel/transport/http_connection.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <boost/asio/error.hpp>

#include "kernel/transport/http_reply.hpp"

namespace howdah::kernel {

namespace {
// One read takes a usual request whole; a larger one grows the buffer once its length is known.
constexpr std::size_t kReadBytes = 4096;
constexpr std::size_t kAnswerBytesKept = 16 * 1024;
// Answers the loop gives by itself wait here when the peer does not read them; with more no further request is read.
constexpr std::size_t kUnsentMax = 64 * 1024;
}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<HttpShard> home, Stream stream, HttpPeer peer)
    : home_(std::move(home)),
      shard_(home_->shard),
      settings_(*home_->settings),
      stream_(std::move(stream)),
      writer_(stream_, settings_.stall_limit, [this] { onSettled(); }),
      peer_(std::move(peer)) {
    expired = &HttpConnection::onDue;
}

HttpConnection::~HttpConnection() {
    assert(state_ == State::closed);
}

void HttpConnection::start() {
    home_->connections.push_back(shared_from_this());
    if (home_->draining) return close();
    setDueIn(settings_.head_limit);
    armRead();
}

// The peer ------------------------------------------------------------------------------------------------------------

void HttpConnection::armRead() {
    if (read_armed_ || peer_done_ || state_ == State::closed) return;
    // What has come already waits for its turn, and so does what follows it: while a read is pending the buffer is
    // empty, so it never has to grow under that read.
    if (state_ == State::handling && ahead_.size() > 0) return;
    MessageBuffer& into = state_ == State::handling ? ahead_ : buffer_;
    if (into.room() == 0) into.reserve(into.capacity() == 0 ? kReadBytes : into.capacity() * 2);
    read_armed_ = true;
    stream_.readSome(into.end(), into.room(),
                     [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
                         self->read_armed_ = false;
                         if (self->state_ != State::closed) self->onRead(error, bytes);
                     });
}

void HttpConnection::onRead(const boost::system::error_code& error, std::size_t bytes) {
    if (error) return onPeerGone(error == boost::asio::error::eof);
    switch (state_) {
        case State::reading:
            buffer_.appended(bytes);
            body_bytes_ += bytes;
            return process();
        case State::handling:
            // A request sent before the last one was answered. It waits, and with it the rest of the stream.
            ahead_.appended(bytes);
            if (websocket_) readWebSocket();
            return;
        case State::lingering: return armRead();
        case State::closed: return;
    }
}

void HttpConnection::onPeerGone(bool can_still_read) {
    peer_done_ = true;
    if (state_ != State::handling) return close();
    // A peer that only closed its sending half may still read the answer; what a cancellation means for the request is
    // up to the protocol.
    if (!can_still_read) writer_.breakOff();
    cancel(CancelReason::client_gone);
}

void HttpConnection::cancel(CancelReason reason) {
    if (websocket_) return reason == CancelReason::client_gone ? websocket_->gone() : websocket_->cancelAll(reason);
    if (cancellation_) cancellation_->cancel(reason);
}

void HttpConnection::drain() {
    const bool idle = state_ == State::reading && buffer_.size() == 0;
    keep_alive_ = false;
    if (idle) return close();
    if (events_) events_->close();
    if (websocket_) websocket_->drain();
}

void HttpConnection::close() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    shard_.deadlines().remove(*this);
    if (events_) events_->close();
    cancel(CancelReason::client_gone);
    writer_.breakOff();
    stream_.close();
    auto& all = home_->connections;
    for (auto& other : all) {
        if (other.get() != this) continue;
        const auto self = std::exchange(other, std::move(all.back()));
        all.pop_back();
        home_->connection_count.fetch_sub(1, std::memory_order_relaxed);
        home_->total->left(peer_.address);
        return;  // `self` may be the last owner
    }
}

// Time ----------------------------------------------------------------------------------------------------------------

// The queue is touched only for a deadline sooner than the one it holds: a later one is found when that expires.
void HttpConnection::setDue(Deadline due) {
    due_ = due;
    if (due.isNever() || (index != DeadlineQueue::kAbsent && !(due < deadline))) return;
    shard_.deadlines().remove(*this);
    deadline = due;
    shard_.deadlines().add(*this);
}

void HttpConnection::onDue(DeadlineQueue::Node& node) {
    auto& connection = static_cast<HttpConnection&>(node);
    if (connection.due_.passed()) {
        const auto self = connection.shared_from_this();
        return connection.onTimeout();
    }
    if (!connection.due_.isNever()) connection.setDue(connection.due_);
}

void HttpConnection::onTimeout() {
    switch (state_) {
        case State::reading:
            if (clogged_) return onStall();
            if (buffer_.size() == 0) return close();
            if (head_bytes_ == 0) return refuse(408, "the head of the request did not arrive in time");
            if (bodyArrives()) return;
            return refuse(408, body_due_.passed() ? "the body of the request did not arrive in time"
                                                  : "the body of the request arrives too slowly");
        case State::handling:
            if (const auto session = websocket_) {
                session->tick();
                return setDueIn(session->tickEvery());
            }
            return onSlowAnswer();
        case State::lingering: return close();
        case State::closed: return;
    }
}

// A whole deadline for each slow client would let a few bytes a second hold a connection and its buffer for long.
void HttpConnection::expectBody() {
    body_due_ = Deadline::in(settings_.body_limit);
    body_bytes_ = 0;
    setDue(std::min(body_due_, Deadline::in(settings_.body_rate_every)));
}

bool HttpConnection::bodyArrives() {
    const auto every_ms = static_cast<std::size_t>(settings_.body_rate_every.count());
    if (body_due_.passed() || body_bytes_ * 1000 < settings_.body_bytes_per_s_min * every_ms) return false;
    body_bytes_ = 0;
    setDue(std::min(body_due_, Deadline::in(settings_.body_rate_every)));
    return true;
}

void HttpConnection::answerAwaited() {
    setDueIn(settings_.prime_after);
}

void HttpConnection::eventsBegun() {
    events_begun_ = true;
    held_until_ = settings_.stream_hold.count() > 0 ? Deadline::in(settings_.stream_hold) : Deadline::never();
    setDue(held_until_.min(Deadline::in(settings_.keep_alive_every)));
}

void HttpConnection::onSlowAnswer() {
    // A fiber that is sending shows by itself that the answer comes.
    if (left_) return leaveAnswer();
    if (reply_ && !writer_.sending()) {
        if (!events_begun_) return reply_->primeNow();
        if (held_until_.passed() && writer_.unsentBytes() == 0) return reply_->leave();
    }
    sendKeepAlive();
}

void HttpConnection::leaveAnswer() {
    left_ = true;
    if (writer_.unsentBytes() > 0) return setDueIn(settings_.keep_alive_every);  // until the client has read the end
    writer_.breakOff();
    stream_.hangUp();
}

void HttpConnection::sendKeepAlive() {
    if (!events_begun_) return;
    // A fiber in the middle of sending shows by itself that the stream is alive.
    if (!writer_.sending() && writer_.unsentBytes() == 0) {
        writer_.enqueue(head().http_1_1 ? "3\r\n:\n\n\r\n" : ":\n\n", shared_from_this());
    }
    const Deadline next = Deadline::in(settings_.keep_alive_every);
    setDue(held_until_.passed() ? next : held_until_.min(next));
}

// A request -----------------------------------------------------------------------------------------------------------

void HttpConnection::process() {
    assert(!read_armed_);
    in_process_ = true;
    while (state_ == State::reading && !waitForPeer() && readRequest()) {
        if (route()) startRequest();
    }
    in_process_ = false;
    if (!clogged_) armRead();
}

// Between two requests: true when the answers so far have to be read before another is taken.
bool HttpConnection::waitForPeer() {
    if (head_bytes_ != 0 || writer_.unsentBytes() <= kUnsentMax) return false;
    clogged_ = true;
    pending_before_ = writer_.pendingBytes();
    setDueIn(settings_.stall_limit);
    return true;
}

void HttpConnection::onStall() {
    const std::size_t pending = writer_.pendingBytes();
    if (pending >= pending_before_) {
        stream_.dropUnsent();
        return close();
    }
    pending_before_ = pending;
    setDueIn(settings_.stall_limit);
}

void HttpConnection::onSettled() {
    if (!clogged_ || state_ != State::reading) return;
    clogged_ = false;
    if (writer_.broken()) return close();
    setDueIn(settings_.idle_limit);
    process();
}

bool HttpConnection::readRequest() {
    if (head_bytes_ == 0 && !readHead()) return false;
    return state_ == State::reading && readBody();
}

bool HttpConnection::readHead() {
    if (buffer_.size() == 0) return false;
    std::optional<HttpRefusal> refusal;
    const bool first_bytes = due_.isNever() || scanner_.untouched();
    const std::size_t bytes = scanner_.scan(buffer_.text(), settings_.limits, refusal);
    if (!refusal && bytes == 0) {
        if (first_bytes) setDueIn(settings_.head_limit);
        return false;
    }
    parser_.emplace(settings_.limits);
    if (!refusal) refusal = parser_->parse(buffer_.text().substr(0, bytes));
    if (!refusal) refusal = settings_.checks->source(head());
    if (refusal) {
        refuse(refusal->status, refusal->message);
        return false;
    }
    head_bytes_ = bytes;
    if (!head().chunked && buffer_.capacity() < bytes + head().content_length) {
        buffer_.reserve(bytes + head().content_length);
        parser_.emplace(settings_.limits);  // its views must point into the new storage
        [[maybe_unused]] const auto again = parser_->parse(buffer_.text().substr(0, bytes));
        assert(!again);
    }
    const bool body_expected = head().chunked || head().content_length > 0;
    if (body_expected && buffer_.size() == bytes && head().expects_continue) {
        writer_.enqueue("HTTP/1.1 100 Continue\r\n\r\n", shared_from_this());
    }
    if (body_expected && buffer_.size() < bytes + head().content_length + head().chunked) {
        expectBody();
    }
    return true;
}

bool HttpConnection::readBody() {
    if (!head().chunked) return buffer_.size() >= head_bytes_ + head().content_length;
    std::size_t consumed = 0;
    const auto refusal = parser_->parseChunks(buffer_.text().substr(head_bytes_), consumed);
    if (refusal) {
        refuse(refusal->status, refusal->message);
        return false;
    }
    // The decoded bytes are in the parser, so these can go and the buffer stays small.
    buffer_.dropBetween(head_bytes_, head_bytes_ + consumed);
    if (!parser_->bodyDone()) return false;
    parser_->chunkedBody().append(MessageBuffer::kPadding, '\0');
    return true;
}

std::string_view HttpConnection::body() const {
    if (!parser_->head().chunked) return buffer_.text().substr(head_bytes_, parser_->head().content_length);
    const std::string_view padded = parser_->chunkedBody();
    return padded.substr(0, padded.size() - MessageBuffer::kPadding);
}

void HttpConnection::startRequest() {
    state_ = State::handling;
    due_ = Deadline::never();  // from here on the protocol decides how long it may take
    const std::size_t whole = head_bytes_ + (head().chunked ? 0 : head().content_length);
    ahead_.clear();
    if (whole < buffer_.size()) {
        ahead_.append(buffer_.text().substr(whole));
    } else {
        ahead_.reserve(kReadBytes);
        armRead();
    }
    cancellation_ = Cancellation::create(shard_);
    if (peer_done_) cancel(CancelReason::client_gone);
    if (!shard_.spawn([self = shared_from_this()] { self->serve(); }, "http")) {
        state_ = State::reading;
        refuse(503, "too many requests are being served, try again later");
    }
}

// The bytes of the request just answered go, those that came meanwhile are next.
void HttpConnection::requestDone() {
    watched_.reset();
    principal_.reset();
    cancellation_.reset();
    events_.reset();
    websocket_.reset();
    events_begun_ = left_ = false;
    if (state_ == State::closed) return;
    if (!keep_alive_ || writer_.broken() || (peer_done_ && ahead_.size() == 0)) return finishSending();
    state_ = State::reading;
    std::swap(buffer_, ahead_);
    nextRequest();
    if (in_process_) return;  // the loop there goes on
    if (buffer_.size() > 0) {
        shard_.post([self = shared_from_this()] {
            if (self->state_ == State::reading && !self->read_armed_) self->process();
        });
    } else {
        armRead();
    }
}

void HttpConnection::nextRequest() {
    parser_.reset();
    scanner_.reset();
    head_bytes_ = 0;
    endpoint_ = HttpChecks::Endpoint::none;
    if (answer_.capacity() > kAnswerBytesKept) answer_ = {};
    if (ahead_.capacity() > kReadBytes) ahead_.release();
    setDueIn(settings_.idle_limit);
}

}  // namespace howdah::kernel
