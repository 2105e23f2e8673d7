#include "kernel/transport/websocket_session.hpp"

#include <algorithm>
#include <utility>

#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {

using namespace websocket;

namespace {
constexpr std::size_t kBatchBytesKept = 64 * 1024;
}  // namespace

// An idle limit shorter than usual leaves room for two questions before it.
WebSocketSession::WebSocketSession(const HttpSettings& settings)
    : settings_(settings),
      ask_every_(std::max(std::min(settings.keep_alive_every, settings.idle_limit / 3), std::chrono::milliseconds(1))),
      reader_({.message_bytes_max = settings.limits.body_bytes_max, .fragments_max = settings.fragments_max}),
      outbox_(std::make_shared<Outbox>(settings.stream_queue_bytes_max, kWebSocketFrames, Outbox::WhenFull::cut)) {}

std::shared_ptr<WebSocketSession> WebSocketSession::open(Shard& shard, const HttpSettings& settings, Peer peer,
                                                         std::function<void()> on_room) {
    std::shared_ptr<WebSocketSession> session(new WebSocketSession(settings));
    MessageChannel::Config config;
    config.transport = "websocket";
    config.requests_in_flight_max = settings.requests_per_connection_max;
    config.standing_max = settings.standing_per_connection_max;
    config.backlog_bytes_max = settings.limits.body_bytes_max;
    config.answer_bytes_collected = settings.answer_bytes_collected;
    config.host = std::move(peer.host);
    config.principal = std::move(peer.principal);
    config.on_room = std::move(on_room);
    config.on_idle = [weak = session->weak_from_this()] {
        if (const auto self = weak.lock()) self->onIdle();
    };
    session->channel_ = MessageChannel::open(shard, std::move(config), *settings.handler, session->outbox_);
    return session;
}

// In
// -------------------------------------------------------------------------------------------------------------------

std::size_t WebSocketSession::receive(std::string_view bytes) {
    const std::size_t all = bytes.size();
    heard_at_ = Clock::now();
    endIfLate(heard_at_);
    while (!closing_ && !paused_) {
        switch (reader_.next(bytes)) {
            case WebSocketReader::Got::nothing:
                if (!reader_.isWaiting())
                    waiting_since_.reset();
                else if (!waiting_since_)
                    waiting_since_ = heard_at_;
                return all;
            case WebSocketReader::Got::message:
                waiting_since_.reset();
                paused_ = !channel_->submit(reader_.takeMessage());
                break;
            case WebSocketReader::Got::ping: onControl(true); break;
            case WebSocketReader::Got::pong: onControl(false); break;
            case WebSocketReader::Got::close: end(reader_.code(), {}); break;
            case WebSocketReader::Got::fault: end(reader_.code(), reader_.fault()); break;
        }
    }
    return closing_ ? all : all - bytes.size();
}

// A pong nobody asked for is allowed, and costs as little as a ping: they are counted together.
void WebSocketSession::onControl(bool ping) {
    const Clock::time_point now = Clock::now();
    if (now - second_began_ >= std::chrono::seconds(1)) {
        second_began_ = now;
        controls_ = 0;
    }
    if (++controls_ > settings_.pings_per_second_max) {
        end(kPolicyViolation, concat("at most ", settings_.pings_per_second_max, " pings and pongs a second"));
        return;
    }
    if (!ping) return;
    std::string pong;
    appendFrame(pong, Opcode::pong, true, reader_.control());
    static_cast<void>(outbox_->interject(pong));  // a peer that does not read does not miss it
}

void WebSocketSession::tick() {
    const Clock::time_point now = Clock::now();
    if (paused_) heard_at_ = now;  // it may well say something, but is not listened to
    endIfLate(now);
    if (closing_) return;
    if (now - heard_at_ >= settings_.idle_limit) return gone();
    if (now - std::max(heard_at_, asked_at_) < ask_every_) return;
    asked_at_ = now;
    std::string ping;
    appendFrame(ping, Opcode::ping, true, {});
    static_cast<void>(outbox_->interject(ping));  // else much is unsent, and the stall limit watches that
}

// A byte now and then would hold the connection, and what has come of the message, for ever.
void WebSocketSession::endIfLate(Clock::time_point now) {
    if (closing_ || !waiting_since_ || now - *waiting_since_ < settings_.body_limit) return;
    end(kPolicyViolation, concat("a message must be whole within ", settings_.body_limit.count(), " ms"));
}

// The end
// --------------------------------------------------------------------------------------------------------------

void WebSocketSession::drain() {
    if (std::exchange(draining_, true) || closing_) return;
    channel_->takeNoMore();
    if (channel_->idle()) end(kGoingAway, "the server is shutting down");
}

void WebSocketSession::unauthorized(std::string_view why) {
    if (!closing_) end(kUnauthorized, why);
}

void WebSocketSession::onIdle() {
    if (draining_ && !closing_) end(kGoingAway, "the server is shutting down");
    idle_.set();
}

void WebSocketSession::end(std::uint16_t code, std::string_view reason) {
    closing_ = told_ = true;
    outbox_->finish(closeFrame(code, reason));
    channel_->close();
}

void WebSocketSession::gone() {
    closing_ = true;
    told_ = false;
    outbox_->close();
    channel_->close();
}

// Out
// ------------------------------------------------------------------------------------------------------------------

bool WebSocketSession::sendAll(SocketWriter& writer, const std::shared_ptr<void>& owner) {
    std::string batch;
    while (outbox_->take(batch, nullptr, Deadline::never()) == Outbox::Taken::bytes) {
        iovec part{batch.data(), batch.size()};
        if (!writer.send(&part, 1, owner)) {
            gone();
            break;
        }
        batch.clear();
        if (batch.capacity() > kBatchBytesKept) batch = {};
        outbox_->sent();
    }
    // Without a last word the outbox was closed: too much for a peer that does not read.
    if (!told_) gone();
    return told_;
}

void WebSocketSession::waitForIdle() {
    if (!channel_->idle()) idle_.wait(nullptr, Deadline::never());
}

}  // namespace howdah::kernel
