#include "kernel/protocol/instance_link.hpp"

#include <utility>

#include "kernel/base/hex.hpp"
#include "kernel/base/log.hpp"
#include "kernel/base/random_id.hpp"
#include "kernel/base/steady_ns.hpp"

namespace howdah::kernel {
namespace {

constexpr const char* kChannel = "instances";
constexpr std::chrono::milliseconds kListenSlice{500};  // a reload waits for that long at most
constexpr std::chrono::milliseconds kPause{200};        // between two tries
constexpr std::chrono::milliseconds kLookHolds{100};    // what was seen of another's lease
constexpr std::chrono::milliseconds kLastWords{1'000};  // for the queue, at the end
constexpr std::chrono::minutes kMessageLife{5};         // the clocks of instances may differ by nearly as much
constexpr std::size_t kLooksMax = 1'000;

std::string leaseOf(std::string_view tag) {
    return concat("instance/", tag);
}

}  // namespace

bool InstanceLink::isTag(std::string_view text) {
    return text.size() == kTagBytes && isHex(text);
}

InstanceLink::InstanceLink(Runtime& runtime, const GenerationStore& generations, const SharedKv& kv,
                           const SharedTexts& texts)
    : shard_(runtime.shard(0)),
      generations_(generations),
      kv_(kv),
      texts_(texts),
      tag_(randomId().substr(0, kTagBytes)) {}

void InstanceLink::start(Listener listener) {
    listener_ = std::move(listener);
    cancellation_ = Cancellation::create(shard_);
    spawn(lease_ended_, &InstanceLink::lease, "instance lease");
    spawn(ticks_ended_, &InstanceLink::tick, "instance ticks");
    spawn(channel_ended_, &InstanceLink::listen, "instance channel");
    spawn(queue_ended_, &InstanceLink::write, "instance queue");
}

void InstanceLink::spawn(std::promise<void>& ended, void (InstanceLink::*loop)(), const char* label) {
    shard_.post([this, &ended, loop, label] {
        const bool started = shard_.spawn(
            [this, &ended, loop] {
                (this->*loop)();
                ended.set_value();
            },
            label);
        if (!started) ended.set_value();
    });
}

void InstanceLink::stop() {
    if (!cancellation_) return;
    std::shared_ptr<Event> wake;
    {
        const std::lock_guard lock(queue_mutex_);
        queue_closed_ = true;
        wake = std::exchange(queue_wake_, nullptr);
    }
    if (wake) wake->set();
    queue_ended_.get_future().wait();
    cancellation_->cancel(CancelReason::shutdown);
    ticks_ended_.get_future().wait();
    lease_ended_.get_future().wait();
    channel_ended_.get_future().wait();
    cancellation_ = nullptr;
}

Result<void> InstanceLink::holdLease() {
    if (tag_.empty()) return Error::unavailable("the system gave no random bytes to name this instance with");
    if (leased_until_ns_.load(std::memory_order_relaxed) > steadyNs()) return {};
    return renewLease();
}

Result<void> InstanceLink::renewLease() {
    const std::int64_t began = steadyNs();
    const std::string key = leaseOf(tag_);
    auto sealed = texts_.seal(key, tag_, kMessageLife);
    if (!sealed) return std::move(sealed).error();
    auto done = kv_.set(key, *sealed, kLease);
    if (!done) judges_at_ns_.store(steadyNs() + inNs(kJudgesAgain), std::memory_order_relaxed);
    // Counted from before it was asked for, so that others never see it end sooner than we do.
    if (done) leased_until_ns_.store(began + inNs(kLease), std::memory_order_relaxed);
    return done;
}

void InstanceLink::lease() {
    while (!stopping()) {
        if (kv_.offered() && !tag_.empty()) (void)renewLease();  // whoever gives something out asks again, and tells
        (void)sleepUntil(cancellation_.get(), Deadline::in(kRenewal));
    }
    // Others need not wait for its end to know that nothing comes from here any more.
    if (kv_.offered()) (void)kv_.remove(leaseOf(tag_));
}

void InstanceLink::tick() {
    while (!stopping()) {
        if (kv_.offered()) listener_.tick();
        (void)sleepUntil(cancellation_.get(), Deadline::in(kRenewal));
    }
}

// Nor may whoever has stood still for so long that the others would be right to take it for dead.
bool InstanceLink::mayJudge() const {
    const std::int64_t now = steadyNs();
    return now >= judges_at_ns_.load(std::memory_order_relaxed) &&
           now < leased_until_ns_.load(std::memory_order_relaxed);
}

Result<bool> InstanceLink::lives(std::string_view tag) {
    if (tag == tag_) return true;
    const std::string name(tag);
    const auto now = Clock::now();
    {
        const std::lock_guard lock(looks_mutex_);
        const auto seen = looks_.find(name);
        if (seen != looks_.end() && now - seen->second.at < kLookHolds) return seen->second.lives;
    }
    const std::string key = leaseOf(tag);
    auto sealed = kv_.get(key);
    if (!sealed) return std::move(sealed).error();
    const bool is_leased = *sealed && texts_.open(key, **sealed);
    const bool counts = is_leased || !mayJudge();
    const std::lock_guard lock(looks_mutex_);
    if (looks_.size() >= kLooksMax) looks_.clear();
    looks_[name] = {now, counts};
    return counts;
}

Result<void> InstanceLink::say(Json message) {
    message["from"] = tag_;
    return publish(dumpJson(message));
}

Result<void> InstanceLink::publish(std::string_view text) {
    auto sealed = texts_.seal(kChannel, text, kMessageLife);
    if (!sealed) return std::move(sealed).error();
    return kv_.publish(kChannel, *sealed);
}

void InstanceLink::sayLater(Json message) {
    message["from"] = tag_;
    std::string text = dumpJson(message);
    const std::size_t bytes = text.size();
    later(bytes, [this, text = std::move(text)] {
        (void)publish(text);  // nobody waits for it; who missed it looks by himself
    });
}

void InstanceLink::later(std::size_t bytes, std::function<void()> work) {
    constexpr std::size_t kEach = 256;  // whatever it holds
    std::shared_ptr<Event> wake;
    bool is_first_lost = false;
    {
        const std::lock_guard lock(queue_mutex_);
        if (queue_closed_) return;
        if (queue_bytes_ + bytes + kEach <= kQueueBytesMax) {
            queue_bytes_ += bytes + kEach;
            queue_.push_back({bytes + kEach, std::move(work)});
            wake = std::exchange(queue_wake_, nullptr);
        } else {
            is_first_lost = queue_lost_++ == 0;
        }
    }
    if (wake) wake->set();
    if (is_first_lost)
        logWarn("sessions", "the shared kv is too slow for what is said to clients: more than ", kQueueBytesMax,
                " bytes wait, and what comes now is not kept for other instances");
}

void InstanceLink::write() {
    Deadline last = Deadline::never();
    for (;;) {
        Work work{};
        std::shared_ptr<Event> wake;
        std::uint64_t lost = 0;
        {
            const std::lock_guard lock(queue_mutex_);
            if (queue_.empty()) lost = std::exchange(queue_lost_, 0);
            if (queue_closed_ && last.isNever()) last = Deadline::in(kLastWords);
            if (queue_closed_ && (queue_.empty() || last.passed())) return;
            if (queue_.empty()) {
                wake = queue_wake_ = std::make_shared<Event>();
            } else {
                work = std::move(queue_.front());
                queue_.pop_front();
                queue_bytes_ -= work.bytes;
            }
        }
        if (lost != 0)
            logWarn("sessions", "what waited for the shared kv is written; not kept: ", lost, " pieces of work");
        if (wake) {
            (void)wake->wait(nullptr, Deadline::never());
        } else {
            work.run();
        }
    }
}

void InstanceLink::listen() {
    SharedKv::Listener channel(generations_, kChannel);
    bool deaf = false;
    std::string sealed;
    while (!stopping()) {
        auto heard = kv_.offered() ? channel.next(sealed, cancellation_.get(), kListenSlice)
                                   : Result<SharedKv::Listener::Heard>(SharedKv::Listener::Heard::nothing);
        if (stopping()) return;
        if (!heard) {
            if (!std::exchange(deaf, true))
                logWarn("sessions", "nothing is heard of other instances: ", heard.error().message);
            (void)sleepUntil(cancellation_.get(), Deadline::in(kPause));
            continue;
        }
        switch (*heard) {
            case SharedKv::Listener::Heard::message: hear(sealed); break;
            case SharedKv::Listener::Heard::missed:
                if (std::exchange(deaf, false)) logInfo("sessions", "other instances are heard again");
                listener_.missed();
                break;
            case SharedKv::Listener::Heard::nothing:
                if (kv_.offered()) break;
                channel.end();
                (void)sleepUntil(cancellation_.get(), Deadline::in(kPause));
                break;
        }
    }
}

// What cannot be opened is not of an instance of ours, and is not listened to.
void InstanceLink::hear(std::string_view sealed) {
    const auto text = texts_.open(kChannel, sealed);
    if (!text) return;
    const Json message = Json::parse(*text, nullptr, false);
    if (!message.is_object()) return;
    const auto named = [&](const char* key) {
        const auto found = message.find(key);
        return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    if (named("from") == tag_) return;
    if (message.contains("to") && named("to") != tag_) return;
    listener_.message(message);
}

}  // namespace howdah::kernel
