#include "plugins/redis/subscription.hpp"

#include <algorithm>
#include <chrono>

namespace howdah::redis {
namespace {

constexpr std::uint64_t kQuiet_ns = 5'000'000'000;  // after that much silence the server is asked whether it is there
constexpr std::uint64_t kPause_ns = 50'000'000;     // between two tries, where nobody says how long
constexpr std::size_t kMessageBytesMax = 64 * 1024;

std::uint64_t inNs(std::chrono::milliseconds duration) {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(duration).count());
}

bool isA(const redisReply& reply, std::string_view kind) {
    return reply.type == REDIS_REPLY_ARRAY && reply.elements == 3 && textOf(*reply.element[0]) == kind;
}

}  // namespace

std::uint64_t Subscription::operationEnd() const {
    return host_.nowNs() + inNs(config_.operation_timeout);
}

Connection::Wait Subscription::waitUntil(const Context& context, std::uint64_t deadline_ns) {
    return [this, &context, deadline_ns](std::uint32_t mask) -> Result<void> {
        if (line_->watch.wait(context, mask, deadline_ns) > 0) return {};
        return context.lastError();
    };
}

Error Subscription::lost(const Error& error) {
    line_.reset();
    return Error::unavailable("nothing is heard of redis at ", config_.address(), ": ", error.message);
}

Result<void> Subscription::begin(const Context& context) {
    return subscribe(context, host_.nowNs() + inNs(config_.connect_timeout));
}

// A wait that ended at our own deadline says something of the server; at the request's, nothing.
Result<void> Subscription::subscribe(const Context& context, std::uint64_t deadline_ns) {
    const auto failed = [&](Error error) {
        if (error.code == Code::timeout && context.goOn()) return lost(Error::timeout("it does not answer in time"));
        line_.reset();
        return error;
    };
    auto opened = connects_.open(context, deadline_ns);
    if (!opened) return failed(std::move(opened).error());
    line_ = std::make_unique<Line>(std::move(*opened));
    shard_ = host_.reactor().shard(context.raw());
    auto watch = Socket::adopt(context, line_->connection.descriptor());
    if (!watch) return failed(std::move(watch).error());
    line_->watch = std::move(*watch);
    const Commands command = std::move(Commands().add({"SUBSCRIBE", channel_}));
    const auto wait = waitUntil(context, std::min(deadline_ns, operationEnd()));
    if (auto sent = line_->connection.send(command, wait); !sent) return failed(std::move(sent).error());
    auto reply = line_->connection.next(wait);
    if (!reply) return failed(std::move(reply).error());
    if (!isA(**reply, "subscribe")) {
        const std::string_view code = isError(**reply) ? codeOf(**reply) : "an unknown answer";
        return failed(Error::unavailable("redis at ", config_.address(), " refuses SUBSCRIBE: ", code)
                          .withHint("NOPERM: the user needs the commands and channels that the README of plugin redis "
                                    "lists"));
    }
    heard_ns_ = host_.nowNs();
    asked_ = false;
    return {};
}

Result<Subscription::Received> Subscription::subscribeAgain(const Context& context, std::uint64_t deadline_ns) {
    for (;;) {
        auto done = subscribe(context, std::min(deadline_ns, host_.nowNs() + inNs(config_.connect_timeout)));
        if (done) return Received{.missed = true, .message = {}};
        if (auto on = context.goOn(); !on) return std::move(on).error();
        const std::uint64_t now = host_.nowNs();
        if (now >= deadline_ns) return std::move(done).error();
        const std::uint64_t pause = std::max(kPause_ns, done.error().retry_after_ms * 1'000'000);
        const Event never(host_);
        never.wait(context, std::min(deadline_ns, now + pause));
        if (auto on = context.goOn(); !on) return std::move(on).error();
    }
}

// The caller may have come to another shard since.
Result<void> Subscription::follow(const Context& context) {
    const std::uint32_t shard = host_.reactor().shard(context.raw());
    if (shard == shard_) return {};
    line_->watch.release();
    auto watch = Socket::adopt(context, line_->connection.descriptor());
    if (!watch) return std::move(watch).error();
    line_->watch = std::move(*watch);
    shard_ = shard;
    return {};
}

Result<void> Subscription::ping(const Context& context) {
    asked_ = true;
    return line_->connection.send(Commands().add({"PING"}), waitUntil(context, operationEnd()));
}

Result<Subscription::Received> Subscription::receive(const Context& context, std::uint64_t deadline_ns) {
    if (!line_) return subscribeAgain(context, deadline_ns);
    if (auto here = follow(context); !here) return lost(here.error());
    for (;;) {
        const std::uint64_t look_ns = heard_ns_ + kQuiet_ns + (asked_ ? inNs(config_.operation_timeout) : 0);
        auto reply = line_->connection.next(waitUntil(context, std::min(deadline_ns, look_ns)));
        if (!reply) {
            if (reply.error().code != Code::timeout && reply.error().code != Code::cancelled)
                return lost(reply.error());
            if (auto on = context.goOn(); !on) return std::move(on).error();
            if (host_.nowNs() >= deadline_ns) return Error::timeout("no message came in time");
            if (asked_) return lost(Error::timeout("it does not answer in time"));
            heard_ns_ = host_.nowNs() - kQuiet_ns;  // its time to answer begins now
            if (auto sent = ping(context); !sent) return lost(sent.error());
            continue;
        }
        heard_ns_ = host_.nowNs();
        asked_ = false;
        last_ = std::move(*reply);
        if (!isA(*last_, "message")) {
            if (isError(*last_)) return lost(Error::unavailable("it says ", codeOf(*last_)));
            continue;  // the answer to PING
        }
        const std::string_view message = textOf(*last_->element[2]);
        // Larger than any that is published through here: somebody else's, and what it was meant to say is not known.
        if (message.size() > kMessageBytesMax) return Received{.missed = true, .message = {}};
        return Received{.missed = false, .message = message};
    }
}

Result<std::uint64_t> Subscriptions::add(std::shared_ptr<Subscription> made) {
    const std::lock_guard lock(mutex_);
    if (all_.size() >= kMost) return Error::unavailable("there are ", kMost, " subscriptions, as many as there may be");
    all_.emplace(++last_, std::move(made));
    return last_;
}

std::shared_ptr<Subscription> Subscriptions::find(std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = all_.find(number);
    return found == all_.end() ? nullptr : found->second;
}

void Subscriptions::remove(std::uint64_t number) {
    std::shared_ptr<Subscription> gone;  // its connection is closed without the lock
    const std::lock_guard lock(mutex_);
    if (auto found = all_.extract(number)) gone = std::move(found.mapped());
}

void Subscriptions::clear() {
    std::unordered_map<std::uint64_t, std::shared_ptr<Subscription>> gone;
    const std::lock_guard lock(mutex_);
    gone.swap(all_);
}

}  // namespace howdah::redis
