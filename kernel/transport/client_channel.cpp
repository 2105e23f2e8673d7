#include "kernel/transport/client_channel.hpp"

#include <utility>

namespace howdah::kernel {

ClientChannel::ClientChannel(const Limits& limits)
    : limits_(limits), queue_(std::make_shared<MessageQueue>(limits.queue_bytes_max, limits.message_bytes_max)) {}

std::shared_ptr<ClientChannel> ClientChannel::open(Shard& shard, MessageHandler& handler, const Limits& limits,
                                                   const char* transport, std::shared_ptr<const Principal> principal) {
    std::shared_ptr<ClientChannel> made(new ClientChannel(limits));
    MessageChannel::Config config;
    config.transport = transport;
    config.requests_in_flight_max = limits.requests_in_flight_max;
    config.standing_max = limits.standing_max;
    config.backlog_bytes_max = limits.message_bytes_max;
    config.principal = std::move(principal);
    config.on_room = [weak = made->weak_from_this()] {
        if (const auto self = weak.lock()) self->wakeSubmitter();
    };
    config.on_idle = [queue = made->queue_] { queue->finish(); };
    made->channel_ = MessageChannel::open(shard, std::move(config), handler, made->queue_);
    return made;
}

Result<void> ClientChannel::submit(std::string_view message, Cancellation* cancellation, Deadline deadline) {
    if (message.size() > limits_.message_bytes_max) {
        return Error::invalidArgument("a message is limited to ", limits_.message_bytes_max,
                                      " bytes (limits.message_bytes_max), this one has ", message.size());
    }
    for (;;) {
        std::shared_ptr<Event> event;
        {
            std::lock_guard lock(mutex_);
            submitter_ = nullptr;
            if (reason_) return Error::unavailable("the channel has ended: ", reason_->message);
            if (std::exchange(room_, false)) break;
            event = submitter_ = std::make_shared<Event>();
        }
        const WaitStatus status = event->wait(cancellation, deadline);
        if (status != WaitStatus::ready) return waitError(status, cancellation, "room for a message");
    }
    MessageBuffer copy;
    copy.append(message);
    if (channel_->submit(std::move(copy))) wakeSubmitter();
    return {};
}

void ClientChannel::wakeSubmitter() {
    std::shared_ptr<Event> event;
    {
        std::lock_guard lock(mutex_);
        room_ = true;
        event = std::exchange(submitter_, nullptr);
    }
    if (event) event->set();
}

Result<std::string> ClientChannel::receive(Cancellation* cancellation, Deadline deadline) {
    std::string message;
    switch (queue_->take(message, cancellation, deadline)) {
        case MessageQueue::Taken::message: return message;
        case MessageQueue::Taken::timeout: return waitError(WaitStatus::timeout, cancellation, "a message");
        case MessageQueue::Taken::cancelled: return waitError(WaitStatus::cancelled, cancellation, "a message");
        case MessageQueue::Taken::ended: break;
    }
    std::lock_guard lock(mutex_);
    return *reason_;
}

void ClientChannel::finish(Error reason) {
    {
        std::lock_guard lock(mutex_);
        if (reason_) return;
        reason_ = std::move(reason);
    }
    wakeSubmitter();
    channel_->lastCame();
}

void ClientChannel::cut(Error reason) {
    {
        std::lock_guard lock(mutex_);
        if (!reason_) reason_ = std::move(reason);
    }
    wakeSubmitter();
    queue_->close();  // first: what the cancelled requests answer is for nobody
    channel_->close();
}

}  // namespace howdah::kernel
