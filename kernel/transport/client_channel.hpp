// ClientChannel: one client of a transport plugin, as calls that wait: a MessageChannel whose messages are handed in
// with submit() and taken out with receive().
//
// Threads: submit() in one fiber at a time, receive() in one; of any shard. All else any, without waiting.
// Owns:    the channel, the queue of what the client is to be sent.
// Errors:  submit(): invalid_argument for one that is too long; unavailable once the channel has ended; timeout,
//          cancelled. receive(): the reason of the end; timeout, cancelled.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/runtime/event.hpp"
#include "kernel/transport/message_channel.hpp"
#include "kernel/transport/message_queue.hpp"

namespace howdah::kernel {

class ClientChannel : public std::enable_shared_from_this<ClientChannel> {
public:
    struct Limits {
        std::size_t message_bytes_max = 4 * 1024 * 1024;  // either way; also of those that wait to be served
        std::size_t requests_in_flight_max = 64;
        std::size_t standing_max = 1000;  // of requests that only wait for what happens, counted by themselves
        std::size_t queue_bytes_max = 1024 * 1024;  // of messages not yet taken
    };

    static std::shared_ptr<ClientChannel> open(Shard& shard, MessageHandler& handler, const Limits& limits,
                                               const char* transport, std::shared_ptr<const Principal> principal);

    Result<void> submit(std::string_view message, Cancellation* cancellation, Deadline deadline);
    Result<std::string> receive(Cancellation* cancellation, Deadline deadline);

    // Nothing more comes in; what came is answered, then the channel ends. The first reason stays.
    void finish(Error reason);
    // The same at once: what is in flight is cancelled (client_gone), what was not taken is dropped.
    void cut(Error reason);
    // What is in flight is cancelled, which is still told.
    void cancelAll(CancelReason reason) { channel_->cancelAll(reason); }

private:
    explicit ClientChannel(const Limits& limits);
    void wakeSubmitter();

    const Limits limits_;
    const std::shared_ptr<MessageQueue> queue_;
    std::shared_ptr<MessageChannel> channel_;  // set before anybody else knows this

    std::mutex mutex_;
    std::optional<Error> reason_;
    bool room_ = true;
    std::shared_ptr<Event> submitter_;
};

}  // namespace howdah::kernel
