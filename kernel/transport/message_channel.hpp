// MessageChannel: one duplex channel of whole JSON-RPC messages, whatever carries them (stdio, WebSocket, gRPC). Each
// message that comes in runs on a fiber of one shard, begun in order; its answer and what the server has to say by
// itself leave through a MessageOutput.
//
//   transport --submit()--> in flight (at most requests_in_flight_max) --> MessageHandler --> MessageOutput
//                 '--full--> backlog (at most backlog_bytes_max) --------------'
//
// A request that only waits for what happens elsewhere (ReplySink::stands()) leaves those in flight and is counted by
// itself, at most standing_max of them: however many subscriptions are open, other requests are served.
//
// Beyond the bound of requests in flight messages wait in the backlog, while notifications go on being served and a
// cancelled request that waits leaves. When that is full too, submit() says so and keeps the one message it was given:
// the transport reads nothing more until on_room.
//
// Threads: submit() and waitForRoom() one thread or fiber at a time; waitFor...() outside fibers; all else any. on_room
//          and on_idle are called on any thread with no lock held, and must not wait.
// Owns:    the messages that wait and the cancellations of those in flight. The fibers in flight keep it alive, so it
//          may be let go at any time after close(); handler and shard must outlive them.
// Errors:  none: what cannot be served is answered on the channel.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/deadline.hpp"
#include "kernel/transport/message_backlog.hpp"
#include "kernel/transport/message_buffer.hpp"
#include "kernel/transport/message_output.hpp"

namespace howdah::kernel {

class Shard;

class MessageChannel : public std::enable_shared_from_this<MessageChannel> {
    struct Passkey {};

public:
    struct Config {
        const char* transport = "stdio";                  // Inbound.transport of every message; a literal
        std::size_t requests_in_flight_max = 128;         // more wait until one has ended
        std::size_t standing_max = 1000;                  // more are refused
        std::size_t backlog_bytes_max = 4 * 1024 * 1024;  // of messages that wait; one of any size always may
        std::size_t answer_bytes_collected = 64 * 1024;   // a longer answer leaves in pieces
        std::string host;                                 // Inbound.host
        std::shared_ptr<const Principal> principal;       // whom the transport authenticated; null: the local user
        std::function<void()> on_room;                    // after a submit() that returned false
        std::function<void()> on_idle;  // after lastCame(), takeNoMore(), close(), once nothing is in flight
    };

    static std::shared_ptr<MessageChannel> open(Shard& shard, Config config, MessageHandler& handler,
                                                std::shared_ptr<MessageOutput> output) {
        return std::make_shared<MessageChannel>(Passkey{}, shard, std::move(config), handler, std::move(output));
    }
    MessageChannel(Passkey, Shard& shard, Config config, MessageHandler& handler,
                   std::shared_ptr<MessageOutput> output);
    MessageChannel(const MessageChannel&) = delete;
    MessageChannel& operator=(const MessageChannel&) = delete;

    // Takes the message in any case. False: there was no room for it; nothing more may be submitted before on_room was
    // called or waitForRoom() has returned. After takeNoMore() or close() messages are dropped.
    bool submit(MessageBuffer message);
    // For a thread of its own instead of on_room.
    void waitForRoom();
    // Answers what is no message; dropped when the client reads nothing.
    void refuse(int code, std::string_view message);

    // The peer has said its last word, or is let say no more: what came is served to the end.
    void lastCame();
    // The server stops: what waits is dropped, what is in flight goes on and is answered.
    void takeNoMore();
    // The peer is gone: what waits is dropped, what is in flight is cancelled (client_gone).
    void close();
    // Cancels what is in flight, now and later.
    void cancelAll(CancelReason reason);

    std::size_t requestsInFlight() const;  // without those that stand
    bool idle() const;                     // nothing is in flight or waits

    // Until nothing waits any more (what is in flight goes on), or nothing more is taken.
    void waitForBacklog();
    // Until nothing is in flight, or (if asked) until takeNoMore(). False if something still is.
    bool waitForNone(Deadline deadline, bool or_stopping = false);

private:
    struct Held {
        MessageBuffer message;
        MessageTurn turn;
    };
    using Count = std::size_t MessageChannel::*;

    bool placeHeld();                                 // [locked] true when none is held any more
    void launch(MessageBuffer message, Count count);  // [locked]
    void launchWaiting();                             // [locked]
    bool freed();                                     // [locked] true when the one held has found room
    void serve(const MessageBuffer& message, Count& count);
    Result<void> stand(Count& count);
    void ended(Count count);
    bool over() const { return stopping_ || gone_; }  // [locked]
    bool none() const {                               // [locked]
        return in_flight_ + notifications_ + standing_ == 0 && backlog_.empty() && !held_;
    }
    void dropWaiting();  // [locked]

    Shard& shard_;
    const Config config_;
    MessageHandler& handler_;
    const std::shared_ptr<MessageOutput> output_;
    const std::shared_ptr<PeerLink> peer_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t in_flight_ = 0;
    std::size_t standing_ = 0;
    std::size_t notifications_ = 0;                             // served beyond the bound of in_flight_
    MessageBacklog backlog_;                                    // holds messages only while in_flight_ is at its bound
    std::optional<Held> held_;                                  // the one beyond all bounds
    std::vector<std::shared_ptr<Cancellation>> cancellations_;  // of the messages whose fiber has begun
    CancelReason cancelled_by_ = CancelReason::none;            // of those whose fiber begins later
    bool last_came_ = false;
    bool stopping_ = false;
    bool gone_ = false;
};

}  // namespace howdah::kernel
