#include "kernel/transport/message_channel.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "kernel/protocol/errors.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/transport/http_response.hpp"
#include "kernel/transport/message_reply.hpp"

namespace howdah::kernel {

namespace {

// Notifications served beside a full number of requests. They take no time, so what reads may wait for one.
constexpr std::size_t kNotificationsMax = 64;

class ChannelPeer final : public PeerLink {
public:
    explicit ChannelPeer(std::weak_ptr<MessageOutput> output) : output_(std::move(output)) {}
    bool push(std::string json) override {
        const auto output = output_.lock();
        return output && output->push(json);
    }

private:
    const std::weak_ptr<MessageOutput> output_;
};

}  // namespace

MessageChannel::MessageChannel(Passkey, Shard& shard, Config config, MessageHandler& handler,
                               std::shared_ptr<MessageOutput> output)
    : shard_(shard),
      config_(std::move(config)),
      handler_(handler),
      output_(std::move(output)),
      peer_(std::make_shared<ChannelPeer>(output_)),
      backlog_(config_.backlog_bytes_max) {}

// In ---------------------------------------------------------------------------------------------------------------

bool MessageChannel::submit(MessageBuffer message) {
    {
        std::lock_guard lock(mutex_);
        if (over()) return true;
        assert(!held_ && "submit() said there is no room");
        if (in_flight_ < config_.requests_in_flight_max && backlog_.empty()) {
            launch(std::move(message), &MessageChannel::in_flight_);
            return true;
        }
    }
    // As many requests are served as may be. Reading goes on, else nothing could end one of them: a notification
    // passes, what it takes back and has not begun never will.
    MessageTurn turn = MessageTurn::of(message);
    std::lock_guard lock(mutex_);
    if (over()) return true;
    if (!turn.waits && !turn.cancels.empty()) backlog_.drop(turn.cancels);
    held_.emplace(std::move(message), std::move(turn));
    return placeHeld();
}

bool MessageChannel::placeHeld() {
    if (!held_) return true;
    if (!held_->turn.waits) {
        if (notifications_ >= kNotificationsMax) return false;
        launch(std::move(held_->message), &MessageChannel::notifications_);
    } else {
        if (!backlog_.hasRoomFor(held_->message)) return false;
        backlog_.add(std::move(held_->message), std::move(held_->turn.id));
        launchWaiting();  // a request may have ended meanwhile
    }
    held_.reset();
    return true;
}

// Posted under the lock: a notification must come to the shard after the request it takes back.
void MessageChannel::launch(MessageBuffer message, Count count) {
    ++(this->*count);
    shard_.post([self = shared_from_this(), message = std::move(message), count]() mutable {
        auto job = [self, moved = std::move(message), count]() mutable {
            self->serve(moved, count);
            self->ended(count);
        };
        if (self->shard_.spawn(std::move(job), self->config_.transport)) return;
        self->refuse(kInternalError, "too many requests are being served, try again later");
        self->ended(count);
    });
}

void MessageChannel::launchWaiting() {
    while (!backlog_.empty() && in_flight_ < config_.requests_in_flight_max)
        launch(backlog_.next(), &MessageChannel::in_flight_);
}

bool MessageChannel::freed() {
    launchWaiting();
    const bool room = held_ && placeHeld();
    changed_.notify_all();
    return room;
}

void MessageChannel::waitForRoom() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !held_ || over(); });
}

// The client is told about a message it has to look into anyway.
void MessageChannel::refuse(int code, std::string_view message) {
    static_cast<void>(output_->push(jsonRpcError(code, message)));
}

// The fibers -------------------------------------------------------------------------------------------------------

// `count` is where the message is counted, which the answer may change.
void MessageChannel::serve(const MessageBuffer& message, Count& count) {
    const auto cancellation = Cancellation::create(shard_);
    {
        std::lock_guard lock(mutex_);
        cancellations_.push_back(cancellation);
        if (cancelled_by_ != CancelReason::none) cancellation->cancel(cancelled_by_);
    }
    Inbound inbound;
    inbound.transport = config_.transport;
    inbound.body = message.text();
    inbound.host = config_.host;
    inbound.cancellation = cancellation.get();
    inbound.principal = config_.principal.get();
    inbound.peer = peer_;
    {
        MessageReply reply(*output_, config_.answer_bytes_collected, [this, &count] { return stand(count); });
        handler_.handle(inbound, reply);
        static_cast<void>(reply.finish());  // fails only when nobody is there to be told
    }
    std::lock_guard lock(mutex_);
    cancellations_.erase(std::find(cancellations_.begin(), cancellations_.end(), cancellation));
}

Result<void> MessageChannel::stand(Count& count) {
    bool room = false;
    {
        std::lock_guard lock(mutex_);
        if (count == &MessageChannel::standing_) return {};
        if (standing_ >= config_.standing_max) {
            return Error::unavailable("no more than ", config_.standing_max,
                                      " requests of one connection may wait for what happens "
                                      "(limits.subscriptions_max); take one back first");
        }
        --(this->*count);
        count = &MessageChannel::standing_;
        ++standing_;
        room = freed();
    }
    if (room && config_.on_room) config_.on_room();
    return {};
}

void MessageChannel::ended(Count count) {
    bool room = false;
    bool last = false;
    {
        std::lock_guard lock(mutex_);
        --(this->*count);
        room = freed();
        last = (over() || last_came_) && none();
    }
    if (room && config_.on_room) config_.on_room();
    if (last && config_.on_idle) config_.on_idle();
}

// The end ----------------------------------------------------------------------------------------------------------

void MessageChannel::dropWaiting() {
    backlog_.clear();
    held_.reset();
    changed_.notify_all();
}

void MessageChannel::lastCame() {
    bool idle = false;
    {
        std::lock_guard lock(mutex_);
        last_came_ = true;
        idle = none();
    }
    if (idle && config_.on_idle) config_.on_idle();
}

void MessageChannel::takeNoMore() {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    dropWaiting();
}

void MessageChannel::close() {
    {
        std::lock_guard lock(mutex_);
        gone_ = true;
        dropWaiting();
    }
    cancelAll(CancelReason::client_gone);
}

// Under the lock, because a cancellation leaves the list before it ends; cancel() only posts to the shard.
void MessageChannel::cancelAll(CancelReason reason) {
    std::lock_guard lock(mutex_);
    if (cancelled_by_ == CancelReason::none) cancelled_by_ = reason;
    backlog_.clear();
    for (const auto& cancellation : cancellations_)
        cancellation->cancel(reason);
}

std::size_t MessageChannel::requestsInFlight() const {
    std::lock_guard lock(mutex_);
    return in_flight_;
}

bool MessageChannel::idle() const {
    std::lock_guard lock(mutex_);
    return none();
}

void MessageChannel::waitForBacklog() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return (backlog_.empty() && !held_) || over(); });
}

bool MessageChannel::waitForNone(Deadline deadline, bool or_stopping) {
    std::unique_lock lock(mutex_);
    auto done = [&] { return none() || (or_stopping && stopping_); };
    if (deadline.isNever()) {
        changed_.wait(lock, done);
    } else {
        changed_.wait_until(lock, deadline.at(), done);
    }
    return none();
}

}  // namespace howdah::kernel
