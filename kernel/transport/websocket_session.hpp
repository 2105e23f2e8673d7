// WebSocketSession: an HTTP connection after its upgrade: frames in, a MessageChannel of the connection's own, frames
// out. The connection reads the socket and hands over the bytes; the fiber that served the upgrade sends.
//
//   open --drain()--> draining (in flight is answered) --idle--.
//     '--the peer closes, or breaks a rule: in flight is cancelled--> closing (the close frame leaves) --> over
//     '--its credential ends: the same-----------------------------------^
//     '--the peer is gone, or reads too slowly-----------------------------------------------------------> over
//
// Threads: [shard].
// Owns:    the channel and what is unsent. Messages in flight may outlive it; waitForIdle() waits for them.
// Errors:  none leave it; the peer is told with a close code.
// Source:  RFC 6455; MCP 2026-07-28, "Custom Transports".
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/event.hpp"
#include "kernel/transport/http_settings.hpp"
#include "kernel/transport/message_channel.hpp"
#include "kernel/transport/outbox.hpp"
#include "kernel/transport/socket_writer.hpp"
#include "kernel/transport/websocket_frames.hpp"

namespace howdah::kernel {

class WebSocketSession : public std::enable_shared_from_this<WebSocketSession> {
public:
    struct Peer {
        std::string host;
        std::shared_ptr<const Principal> principal;  // whom the upgrade authenticated; null: the local user
    };
    // `on_room` is called from a fiber of the shard: receive() may go on with what it has left.
    static std::shared_ptr<WebSocketSession> open(Shard& shard, const HttpSettings& settings, Peer peer,
                                                  std::function<void()> on_room);

    // The bytes taken; the rest must be given again after on_room and resume().
    std::size_t receive(std::string_view bytes);
    void resume() { paused_ = false; }

    void drain();
    void cancelAll(CancelReason reason) { channel_->cancelAll(reason); }
    // The credential of the upgrade is no longer good: what is in flight is cancelled, the peer is told why.
    void unauthorized(std::string_view why);
    void gone();
    // Every tickEvery(): asks a quiet peer whether it is there, gives it up when it has been quiet for too long, and
    // ends one that does not come to the end of a message.
    void tick();
    std::chrono::milliseconds tickEvery() const { return std::min(ask_every_, settings_.body_limit / 2); }

    // [fiber] Sends until the session is over. False: the peer could not be told so, the connection is to be cut.
    bool sendAll(SocketWriter& writer, const std::shared_ptr<void>& owner);
    // [fiber] Until nothing is in flight any more; after sendAll().
    void waitForIdle();

private:
    using Clock = Deadline::Clock;
    explicit WebSocketSession(const HttpSettings& settings);

    void onControl(bool ping);
    void onIdle();
    void endIfLate(Clock::time_point now);
    void end(std::uint16_t code, std::string_view reason);

    const HttpSettings& settings_;
    const std::chrono::milliseconds ask_every_;
    WebSocketReader reader_;
    std::shared_ptr<Outbox> outbox_;
    std::shared_ptr<MessageChannel> channel_;
    bool paused_ = false;  // the channel is full
    bool draining_ = false;
    bool closing_ = false;  // nothing the peer says counts any more
    bool told_ = false;     // the close frame is on its way
    Clock::time_point heard_at_ = Clock::now();
    Clock::time_point asked_at_{};                    // by a ping
    std::optional<Clock::time_point> waiting_since_;  // when what is not whole yet began
    Clock::time_point second_began_{};
    unsigned controls_ = 0;  // control frames in that second
    Event idle_;
};

}  // namespace howdah::kernel
