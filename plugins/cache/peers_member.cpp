// What a member does: it hears of writes, looks at the store, has a lease or has none.
#include <algorithm>
#include <utility>

#include <howdah/hex.hpp>

#include "plugins/cache/clock.hpp"
#include "plugins/cache/peers.hpp"

namespace howdah::cache {
namespace {

constexpr std::size_t kAskedMax = 64;  // ends asked for in one look
// In a row, and what is older has run out: so many writers in a row that had a number and then no store are not met.
constexpr std::size_t kAbsentMax = Peers::kReplayMax / 2;

}  // namespace

void Peers::hear(const Context& context) {
    const Event rest(host_);
    const std::uint64_t every_ns = config_.shared.lease_ns / 8;
    while (context.goOn()) {
        lookSoon();
        auto heard = kv_.subscribe(context, key("all"));
        if (!heard) leaseEnds(heard.error());
        std::uint64_t next_ns = host_.nowNs() + every_ns;
        while (heard && context.goOn()) {
            auto received = heard->receive(context, next_ns);
            if (received && !received->missed) take(context, received->message);
            if (host_.nowNs() < next_ns && received) continue;
            lookSoon();
            next_ns = host_.nowNs() + every_ns;
            // One that cannot hear at the moment says so at once.
            if (!received && received.error().code != Code::timeout && context.goOn())
                (void)rest.wait(context, next_ns);
        }
        (void)rest.wait(context, host_.nowNs() + every_ns);
    }
    leave(context);
}

// Nobody need wait for who answers no more. The time of this task is over: it is sent, and the answer not waited for.
void Peers::leave(const Context& context) {
    std::vector<std::string> members, left;
    {
        const std::lock_guard lock(mutex_);
        has_left_ = true;
        lease_until_ns_.store(0, std::memory_order_release);
        if (member_.empty()) return;
        members = left = members_;
        std::erase(left, member_);
    }
    (void)kv_.replace(context, key("members"), membersText(members), membersText(left), 0);
}

// On a fiber that ends: what a call of the store gives stays in the memory of its request.
// Whatever becomes of it, done, thrown out of or dropped before it ran, the next one may begin.
void Peers::spawnAlone(const Running& running, void (Peers::*task)(const Context&)) {
    if (running->exchange(true)) return;
    const std::shared_ptr<void> runs(nullptr, [running](void*) { *running = false; });
    jobs_.spawn([this, task, runs](Context& context) { (this->*task)(context); });
}

void Peers::look(const Context& context) {
    const std::uint64_t begun_ns = bootNs();
    if (auto done = renew(context); !done) return leaseEnds(done.error());
    const std::lock_guard lock(mutex_);
    trouble_.clear();
    if (has_left_ || !rehearsed_ || member_.empty() || known_ == kNothing) return;
    lease_until_ns_.store(begun_ns + config_.shared.lease_ns, std::memory_order_release);
}

// The counter first and then what it lies in: where that is another one, the counter was perhaps its, too.
// Compared with what was known before it was asked: messages of greater numbers may come in before its answer is used.
Result<void> Peers::renew(const Context& context) {
    const std::uint64_t begun_ns = bootNs();
    std::uint64_t known = kNothing;
    {
        const std::lock_guard lock(mutex_);
        known = known_;
    }
    const auto counted = kv_.add(context, key("count"), 0, 0);
    if (!counted) return counted.error();
    // All numbers up to it were given out by now, and not before begun_ns, however long the store took.
    const std::uint64_t counted_ns = bootNs();
    const auto tick = takeTick(context);
    if (!tick) return tick.error();
    auto store = storeName(context);
    if (!store) return std::move(store).error();
    const std::uint64_t count = static_cast<std::uint64_t>(std::max<std::int64_t>(*counted, 0));
    std::string member;
    bool same = false;
    {
        const std::lock_guard lock(mutex_);
        member = member_;
        same = known_ != kNothing && store_ == *store && count >= known && count - known <= kReplayMax;
        if (store_ == *store && *tick > 0) chronicle_->noteTick(*tick, counted_ns);
    }
    if (member.empty() || !same) return join(context, count, std::move(*store));
    const auto alive = kv_.renew(context, key("alive/" + member), "1", 3 * config_.shared.lease_ns / kMs);
    if (!alive) return alive.error();
    auto members = readMembers(context);
    if (!members) return std::move(members).error();
    if (!*alive || std::find(members->begin(), members->end(), member) == members->end())
        return join(context, count, std::move(*store));
    noteMembers(std::move(*members), begun_ns);
    {
        const std::lock_guard lock(mutex_);
        for (; known_ < count; ++known_)
            holes_.emplace(known_ + 1, counted_ns);
    }
    if (auto filled = fillHoles(context); !filled) return filled;
    if (auto asked = askForEnds(context); !asked) return asked;
    return rehearse(context);
}

// 0: there is no need for one yet. It was given out after the counter had been asked.
Result<std::uint64_t> Peers::takeTick(const Context& context) {
    {
        const std::lock_guard lock(mutex_);
        if (!chronicle_ || !chronicle_->wantsTick(bootNs())) return std::uint64_t{0};
    }
    const auto tick = kv_.add(context, key("ticks"), 1, 0);
    if (!tick) return tick.error();
    if (*tick <= 0) return Error::internal("the shared counter of ticks is none");
    return static_cast<std::uint64_t>(*tick);
}

std::optional<Peers::Position> Peers::position() const {
    const std::lock_guard lock(mutex_);
    if (!chronicle_ || !rehearsed_ || member_.empty() || known_ == kNothing || chronicle_->tick() == 0)
        return std::nullopt;
    return Position{store_, holes_.empty() ? known_ : holes_.begin()->first - 1, chronicle_->tick()};
}

// All writes up to its number are in the answer. Of those with a greater one this instance has heard since it joined,
// but for some that are not answered before it has.
std::optional<std::uint64_t> Peers::isGoodSince(const Position& position, std::span<const Footing> footings) const {
    const std::lock_guard lock(mutex_);
    const bool follows = chronicle_ && rehearsed_ && !member_.empty() && known_ != kNothing &&
                         position.store == store_ && position.number >= joined_at_;
    if (!follows || chronicle_->isWrittenSince(position.number, footings)) return std::nullopt;
    return chronicle_->before(position.tick);
}

// A store that was emptied, or is another one, has no name yet.
Result<std::string> Peers::storeName(const Context& context) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto name = kv_.get(context, key("store"));
        if (name || name.error().code != Code::not_found) return name;
        if (auto made = kv_.setIfAbsent(context, key("store"), randomHex(), 0); !made) return made.error();
    }
    return Error::unavailable("the shared store keeps nothing");
}

// As somebody new: who takes the old name off the list must not take off this one.
Result<void> Peers::join(const Context& context, std::uint64_t counted, std::string store) {
    startAfresh();
    std::string old, name;
    {
        const std::lock_guard lock(mutex_);
        old = std::exchange(member_, std::string());
        name = concat(self_, '-', ++incarnation_);
    }
    auto alive = kv_.set(context, key("alive/" + name), "1", 3 * config_.shared.lease_ns / kMs);
    if (!alive) return alive;
    auto members = readMembers(context);
    if (!members) return std::move(members).error();
    auto after = living(context, *members);
    if (!after) return std::move(after).error();
    std::erase(*after, old);
    if (after->size() >= kMembersMax) return Error::unavailable("the shared store has ", kMembersMax, " instances");
    after->push_back(name);
    const std::string before_text = membersText(*members), after_text = membersText(*after);
    Result<bool> listed = false;
    if (before_text.empty()) listed = kv_.setIfAbsent(context, key("members"), after_text, 0);
    if (listed && !*listed) listed = kv_.replace(context, key("members"), before_text, after_text, 0);
    if (!listed) return listed.error();
    if (!*listed) return Error::unavailable("the list of instances has just changed");
    const std::lock_guard lock(mutex_);
    member_ = name;
    if (chronicle_) {
        chronicle_->forgetWrites();  // they have smaller numbers, or will be heard of
        if (store_ != store) chronicle_->forgetTicks();
    }
    store_ = std::move(store);
    rehearsed_ = false;
    joined_ns_ = bootNs();
    joined_at_ = known_ = counted;
    members_ = std::move(*after);
    members_read_ns_ = 0;  // read again before a write relies on it
    ++joined_;
    return {};
}

// Who wrote by a list without this one has had time to put it into the log.
Result<void> Peers::rehearse(const Context& context) {
    std::uint64_t at = 0, from = 0;
    {
        const std::lock_guard lock(mutex_);
        if (rehearsed_ || member_.empty() || bootNs() < joined_ns_ + config_.shared.lease_ns) return {};
        from = at = joined_at_;
    }
    std::size_t absent = 0;
    for (; at > 0 && from - at < kReplayMax && absent < kAbsentMax; --at) {
        const auto text = kv_.get(context, logKey(at));
        if (!text && text.error().code == Code::not_found) {
            ++absent;
            continue;
        }
        if (!text) return text.error();
        absent = 0;
        auto message = peerMessage(*text);
        if (!message || message->kind != 'b' || message->number != at) {
            holdEverything();
            break;
        }
        begun(context, at, std::move(message->write));
    }
    if (at > 0 && from - at >= kReplayMax) holdEverything();
    ledger_.move(Ledger::slotOf(0, 0));
    const std::lock_guard lock(mutex_);
    rehearsed_ = true;
    return {};
}

// A number without an entry is of a writer that has not sent its write yet, and never will when it takes so long: from
// when the number was seen to before the entry was looked for.
Result<void> Peers::fillHoles(const Context& context) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> holes;
    {
        const std::lock_guard lock(mutex_);
        holes.assign(holes_.begin(), holes_.end());
    }
    for (const auto& [number, since_ns] : holes) {
        const std::uint64_t asked_ns = bootNs();
        const auto text = kv_.get(context, logKey(number));
        if (text) {
            auto message = peerMessage(*text);
            if (!message || message->kind != 'b' || message->number != number)
                return Error::unavailable("the shared log of writes is damaged");
            begun(context, number, std::move(message->write));
        } else if (text.error().code != Code::not_found) {
            return text.error();
        } else if (asked_ns - since_ns > config_.shared.lease_ns) {
            const std::lock_guard lock(mutex_);
            holes_.erase(number);
        }
    }
    return {};
}

// Of writes whose end is due: the message of it may have been lost.
Result<void> Peers::askForEnds(const Context& context) {
    std::vector<std::uint64_t> asked, over_now;
    {
        const std::lock_guard lock(mutex_);
        const std::uint64_t now_ns = bootNs();  // with the lock: none has begun after it, as messages come meanwhile
        for (const auto& [number, foreign] : foreign_) {
            if (now_ns - foreign.since_ns > config_.unsettled_ns)
                over_now.push_back(number);
            else if (now_ns - foreign.since_ns > config_.shared.lease_ns / 2 && asked.size() < kAskedMax)
                asked.push_back(number);
        }
    }
    for (const std::uint64_t number : over_now)
        over(number, true);
    for (const std::uint64_t number : asked) {
        const auto text = kv_.get(context, logKey(number));
        if (!text && text.error().code != Code::not_found) return text.error();
        const auto message = text ? peerMessage(*text) : std::nullopt;
        if (!message || message->kind != 'b') continue;
        if (message->write.flags & WriteMessage::kEnded) over(number, true);
        if (message->write.flags & WriteMessage::kUnsettled) over(number, false);
    }
    return {};
}

// --- what is told to all

void Peers::take(const Context& context, std::string_view text) {
    ++heard_;
    auto message = peerMessage(text);
    if (!message) return startAfresh();
    if (message->kind == 'e') return over(message->number, message->settled);
    if (message->kind != 'b') return;
    const std::uint64_t now_ns = bootNs();
    {
        const std::lock_guard lock(mutex_);
        if (member_.empty() || known_ == kNothing || message->number <= joined_at_) return;  // the log has these
        // A message may come before the one with a smaller number, or in place of it.
        // Found when the counter is looked at: many at once, or what somebody has made up.
        if (message->number > known_ && message->number - known_ + holes_.size() > kReplayMax) return;
        for (; known_ < message->number; ++known_)
            holes_.emplace(known_ + 1, now_ns);
        if (!holes_.contains(message->number)) return;
    }
    begun(context, message->number, std::move(message->write));
}

// First the number, for answers of others, then the epochs, then the word that they have moved.
void Peers::begun(const Context& context, std::uint64_t number, WriteMessage write) {
    const std::string writer = write.instance;
    std::string member;
    const bool unsettled = (write.flags & WriteMessage::kUnsettled) != 0;
    const bool is_over = unsettled || (write.flags & WriteMessage::kEnded) != 0;
    bool too_many = false;
    if (std::unique_lock lock(mutex_); chronicle_) chronicle_->noteWrite(number, write.slots);
    if (writer != self_) {
        if (write.flags & WriteMessage::kDefines) databases_.noteForeignDefinition(write.database, bootNs());
        ledger_.beginWrite(write.slots, reachOf(write));
        bool known = false;
        {
            const std::lock_guard lock(mutex_);
            member = member_;
            known = !foreign_.emplace(number, Foreign{write, bootNs()}).second;
            too_many = foreign_.size() > kForeignMax;
        }
        if (known) ledger_.endWrite(write.slots, true, bootNs(), reachOf(write));
    }
    {
        const std::lock_guard lock(mutex_);
        holes_.erase(number);
    }
    if (writer == self_) return;
    if (too_many) return startAfresh();
    if (is_over)
        over(number, !unsettled);
    else if (!member.empty())
        (void)kv_.publish(context, channelOf(writer), heardText(number, member));
}

void Peers::over(std::uint64_t number, bool settled) {
    std::optional<Foreign> ended;
    {
        const std::lock_guard lock(mutex_);
        if (auto found = foreign_.extract(number)) ended = std::move(found.mapped());
    }
    if (!ended) return;
    if (ended->write.flags & WriteMessage::kDefines) databases_.noteForeignDefinition(ended->write.database, bootNs());
    ledger_.endWrite(ended->write.slots, settled, bootNs(), reachOf(ended->write));
}

// More was written than can be looked at: all of it may still be.
void Peers::holdEverything() {
    const std::uint32_t all[] = {Ledger::slotOf(0, 0)};
    ledger_.beginWrite(all, Ledger::Reach::database);
    ledger_.endWrite(all, false, bootNs(), Ledger::Reach::database);
}

void Peers::startAfresh() {
    std::map<std::uint64_t, Foreign> left;
    {
        const std::lock_guard lock(mutex_);
        lease_until_ns_.store(0, std::memory_order_release);
        left.swap(foreign_);
        holes_.clear();
        known_ = kNothing;
    }
    ledger_.move(Ledger::slotOf(0, 0));
    for (const auto& [number, foreign] : left)
        ledger_.endWrite(foreign.write.slots, false, bootNs(), reachOf(foreign.write));
}

// The lease is not renewed, and ends by itself.
void Peers::leaseEnds(const Error& error) {
    bool told = false;
    {
        const std::lock_guard lock(mutex_);
        told = std::exchange(trouble_, error.message) == error.message;
    }
    if (!told && error.code != Code::cancelled)
        host_.log(LogLevel::warn, "nothing is given out from memory without the other instances: ", error.message);
}

}  // namespace howdah::cache
